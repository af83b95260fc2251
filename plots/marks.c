/*
 * Points with error bars and names beside them: see layout.h. A name goes where it covers no mark
 * and no other name: to the right, left, above or below, the first of these places that is free.
 */
#include "plots/layout.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

struct axes {
    struct plot__frame frame;
    double x_low, x_high, y_low, y_high;
    int x_log;
};

struct box {
    double x0, x1, y0, y1;
};

enum { JOIN = 12 }; // boxes that stand for the line between two points
static const double text_height = 0.26, mark = 0.1, gap = 0.14; // cm

static void measure(const struct plot *p, struct plot__layout *l)
{
    l->right = p->equal_h ? 0.75 : 0.3;
    l->plot_height = l->columns == 1 ? 0.62 * (l->width - 1.4) : l->columns == 2 ? 5.4 : 4.4;
}

static double x_at(const struct axes *a, double x)
{
    double low = a->x_low, high = a->x_high;
    if (a->x_log)
        low = log10(low), high = log10(high), x = log10(x);
    return a->frame.x0 + (x - low) / (high - low) * (a->frame.x1 - a->frame.x0);
}

static double y_at(const struct axes *a, double y)
{
    return a->frame.y0 + (y - a->y_low) / (a->y_high - a->y_low) * (a->frame.y1 - a->frame.y0);
}

static void widen(double *low, double *high, double least)
{
    if (*low > *high)
        *low = 0, *high = 1;
    double range = fmax(*high - *low, least), middle = (*low + *high) / 2;
    *low = middle - 0.6 * range;
    *high = middle + 0.6 * range;
}

static struct axes axes_of(const struct plot *p, const struct plot__layout *l, size_t i)
{
    struct axes a = {plot__frame(p, l, i), INFINITY, -INFINITY, INFINITY, -INFINITY, p->x_log};
    const struct plot_panel *panel = &p->panels[i];
    for (size_t j = 0; j < panel->n; j++)
        for (size_t k = 0; k < panel->series[j].n; k++) {
            const struct plot_series *s = &panel->series[j];
            const struct plot_point *at = &s->points[k];
            a.y_low = fmin(a.y_low, at->y - (s->reference ? 0 : at->spread));
            a.y_high = fmax(a.y_high, at->y + (s->reference ? 0 : at->spread));
            if (s->reference)
                continue;
            a.x_low = fmin(a.x_low, at->x - (p->x_log ? 0 : at->x_spread));
            a.x_high = fmax(a.x_high, at->x + (p->x_log ? 0 : at->x_spread));
        }
    widen(&a.y_low, &a.y_high, fmax(p->least_y, 1e-6));
    if (!p->x_log)
        widen(&a.x_low, &a.x_high, fmax(p->least_y, 1e-6));
    else if (a.x_low > a.x_high)
        a.x_low = 1, a.x_high = 10;
    else { // room for names: half a power of ten to the right at least
        double room = fmax(0.15 * log10(a.x_high / a.x_low), 0.3);
        a.x_low *= pow(10, -room);
        a.x_high *= pow(10, room);
    }
    return a;
}

static bool overlap(const struct box *a, const struct box *b)
{
    return a->x0 < b->x1 && b->x0 < a->x1 && a->y0 < b->y1 && b->y0 < a->y1;
}

/* Sides on which a name can stand. */
static const struct side {
    double dx, dy; // of the text's anchor from the mark, in gaps
    const char *justify;
} sides[] = {
    {1, 0, "left"},   {-1, 0, "right"},  {0, 1.4, "center"}, {0, -1.4, "center"},
    {0.8, 1, "left"}, {0.8, -1, "left"}, {-0.8, 1, "right"}, {-0.8, -1, "right"},
    {1, 1.9, "left"}, {1, -1.9, "left"}, {-1, 1.9, "right"}, {-1, -1.9, "right"},
    {0.8, 3, "left"}, {0.8, -3, "left"}, {-0.8, 3, "right"}, {-0.8, -3, "right"},
    {0, 3, "center"}, {0, -3, "center"},
};
enum { SIDES = sizeof sides / sizeof sides[0] };

static struct box name_box(const struct side *side, double x, double y, double width)
{
    double left = x + side->dx * gap;
    left -= *side->justify == 'r' ? width : *side->justify == 'c' ? width / 2 : 0;
    double middle = y + side->dy * gap;
    return (struct box){left, left + width, middle - text_height / 2, middle + text_height / 2};
}

/* How badly a name stands there: what it covers, and how far it leaves the axes. */
static double cost(const struct axes *a, const struct box *name, const struct box *taken, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += overlap(name, &taken[i]);
    sum += 20 * (fmax(0, a->frame.x0 - name->x0) + fmax(0, name->x1 - a->frame.x1 - 0.1));
    return sum + 5 * (fmax(0, a->frame.y0 - name->y0) + fmax(0, name->y1 - a->frame.y1));
}

static char *variable(size_t panel)
{
    return str_format("n%zu_", panel);
}

static void names(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i)
{
    char *name = variable(i);
    size_t at = 0;
    for (size_t j = 0; j < p->panels[i].n; j++)
        for (size_t k = 0; k < p->panels[i].series[j].n; k++) {
            const char *label = p->panels[i].series[j].points[k].label;
            if (label && *label)
                plot__assign_at(out, l, name, at++, label);
        }
    free(name);
}

static void add_name(struct str *out, const struct axes *a, const struct plot_point *point,
                     const char *name, size_t at, struct box *taken, size_t *n)
{
    double x = x_at(a, point->x), y = y_at(a, point->y), least = INFINITY;
    double width = 0.87 * plot__text_width(point->label); // 6 points
    size_t best = 0;
    for (size_t i = 0; i < SIDES; i++) {
        struct box box = name_box(&sides[i], x, y, width);
        double here = cost(a, &box, taken, *n) + 1e-3 * (double)i;
        if (here < least) {
            least = here;
            best = i;
        }
    }
    taken[(*n)++] = name_box(&sides[best], x, y, width);
    // In units of the axes, so that a name moves with them; the offset is in characters.
    str_addf(out, "    set label %zu %s%zu at first %.10g,%.10g %s font ',6' offset %.2f,%.2f\n",
             at + 10, name, at, point->x, point->y, sides[best].justify,
             sides[best].dx * gap / 0.16, sides[best].dy * gap / 0.3);
}

/* The line from the point before to `to`, as small boxes. */
static size_t take_join(const struct axes *a, const struct plot_point *to, struct box *taken,
                        size_t n)
{
    double x0 = x_at(a, to[-1].x), y0 = y_at(a, to[-1].y), x1 = x_at(a, to->x), y1 = y_at(a, to->y);
    for (int i = 1; i <= JOIN; i++) {
        double at = (double)i / (JOIN + 1), x = x0 + at * (x1 - x0), y = y0 + at * (y1 - y0);
        taken[n++] = (struct box){x - 0.03, x + 0.03, y - 0.03, y + 0.03};
    }
    return n;
}

static void add_names(struct str *out, const struct plot_panel *panel, const struct axes *a,
                      size_t i)
{
    size_t points = 0, n = 0, at = 0;
    for (size_t j = 0; j < panel->n; j++)
        points += panel->series[j].n;
    struct box *taken = mem_alloc((3 + JOIN) * points + 1, sizeof *taken);
    char *name = variable(i);
    for (size_t j = 0; j < panel->n; j++) // a name on a line can be read, but not well
        if (panel->series[j].reference && panel->series[j].n) {
            double y = y_at(a, panel->series[j].points[0].y);
            taken[n++] = (struct box){a->frame.x0, a->frame.x1, y - 0.02, y + 0.02};
        }
    for (size_t j = 0; j < panel->n; j++)
        for (size_t k = 0; k < panel->series[j].n && !panel->series[j].reference; k++) {
            if (k)
                n = take_join(a, &panel->series[j].points[k], taken, n);
            const struct plot_point *point = &panel->series[j].points[k];
            double x = x_at(a, point->x), y = y_at(a, point->y);
            double high = y_at(a, point->y + point->spread) - y + mark;
            taken[n++] = (struct box){x - mark, x + mark, y - high, y + high};
            double wide = a->x_log ? mark : x_at(a, point->x + point->x_spread) - x + mark;
            taken[n++] = (struct box){x - wide, x + wide, y - mark, y + mark};
        }
    for (size_t j = 0; j < panel->n; j++)
        for (size_t k = 0; k < panel->series[j].n; k++) {
            const struct plot_point *point = &panel->series[j].points[k];
            if (point->label && *point->label)
                add_name(out, a, point, name, at++, taken, &n);
        }
    free(name);
    free(taken);
}

/* 100, 1K, 10K, 1M: powers of ten, and 2 and 5 times them where there are few. */
static void add_log_tics(struct str *out, const struct axes *a)
{
    static const double times[] = {1, 2, 5};
    int first = (int)floor(log10(a->x_low)), last = (int)ceil(log10(a->x_high));
    size_t each = log10(a->x_high / a->x_low) < 2 ? 3 : 1, n = 0;
    str_add(out, "    set xtics (");
    for (int e = first; e <= last; e++)
        for (size_t t = 0; t < each; t++) {
            double x = times[t] * pow(10, e);
            if (x < a->x_low || x > a->x_high)
                continue;
            bool mega = x >= 1e6, kilo = x >= 1e3;
            str_addf(out, "%s'%g%s' %g", n++ ? ", " : "",
                     x / (mega   ? 1e6
                          : kilo ? 1e3
                                 : 1),
                     mega   ? "M"
                     : kilo ? "K"
                            : "",
                     x);
        }
    str_add(out, ")\n");
}

/* Where the harmonic mean of x and y is h: y = h x / (2 x - h), each h named where it leaves. */
static size_t add_equal_h(struct str *out, const struct axes *a)
{
    double low = 2 * a->x_low * a->y_low / (a->x_low + a->y_low);
    double high = 2 * a->x_high * a->y_high / (a->x_high + a->y_high);
    double step = plot__tic_step(high - low) / 2;
    size_t n = 0;
    for (double h = ceil(low / step) * step; h < high; h += step) {
        double at_right = h * a->x_high / (2 * a->x_high - h);
        if (h <= 0 || at_right < a->y_low || at_right > a->y_high)
            continue; // it leaves above or below: its neighbours' names show the scale
        str_addf(out,
                 "    set label %zu 'H %g' at first %.6g,%.6g left font ',5.5' "
                 "textcolor rgb '#999999' offset 0.2,0\n",
                 900 + n++, h, a->x_high, at_right);
    }
    str_add(out, "    plot ");
    n = 0;
    for (double h = ceil(low / step) * step; h < high; h += step)
        if (h > 0)
            str_addf(out, "%s%.6g*x/(2*x-%.6g) with lines lc rgb '#cccccc' lw 0.6",
                     n++ ? plot__more : "", h, h);
    if (!n)
        str_add(out, "NaN");
    return 1;
}

static void add_series(struct str *out, const struct plot_series *s, const struct axes *a,
                       size_t index, const char *glue)
{
    int colour = plot__line_type(s);
    const struct plot__colour *look = &plot__palette[s->colour % PLOT__PALETTE];
    bool grey = s->colour == PLOT__GREY;
    int filled = grey ? 7 : look->filled, hollow = grey ? 12 : look->hollow;
    bool bars = false;
    if (s->reference) {
        str_addf(out,
                 "%s data index %zu using (%.6g):2:(%.6g):(0) with vectors nohead lt %d dt %d "
                 "lw 1",
                 glue, index, a->x_low, a->x_high - a->x_low, colour, s->dash % 4 + 1);
        return;
    }
    for (size_t k = 0; k < s->n; k++)
        bars |= s->points[k].spread > 0 || s->points[k].x_spread > 0;
    if (bars) {
        str_addf(out, "%s data index %zu using 1:2:4:3 with xyerrorbars lt %d pt 0 lw 0.7", glue,
                 index, colour);
        glue = plot__more;
    }
    if (s->n > 1) {
        str_addf(out, "%s data index %zu using 1:2 with lines lt %d lw 0.8", glue, index, colour);
        glue = plot__more;
    }
    if (s->hollow) {
        str_addf(out, "%s data index %zu using 1:2 with points lt %d pt %d ps 0.6", glue, index,
                 colour, hollow);
        return;
    }
    str_addf(out, "%s data index %zu using 1:($5<$6?NaN:$2) with points lt %d pt %d ps 0.6", glue,
             index, colour, filled);
    str_addf(out, "%s data index %zu using 1:($5<$6?$2:NaN) with points lt %d pt %d ps 0.6",
             plot__more, index, colour, hollow);
}

static void panel(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i,
                  size_t index)
{
    const struct plot_panel *at = &p->panels[i];
    struct axes a = axes_of(p, l, i);
    str_addf(out, "    set xrange [%.6g:%.6g]; set yrange [%.6g:%.6g]\n", a.x_low, a.x_high,
             a.y_low, a.y_high);
    str_addf(out, "    set ytics %.6g; set grid xtics ytics lt 1 lw 0.4 lc rgb '#eeeeee'\n",
             plot__tic_step(a.y_high - a.y_low));
    if (p->x_log)
        add_log_tics(out, &a);
    else
        str_addf(out, "    set xtics %.6g\n", plot__tic_step(a.x_high - a.x_low));
    if (i)
        str_add(out, "    unset label\n");
    add_names(out, at, &a, i);
    size_t drawn = p->equal_h ? add_equal_h(out, &a) : 0;
    for (size_t j = 0; j < at->n; j++)
        add_series(out, &at->series[j], &a, index + j, drawn++ ? plot__more : "    plot");
    if (!drawn)
        str_add(out, "    plot NaN");
}

static void sample(struct str *out, const struct plot_series *s, int colour)
{
    bool grey = s->colour == PLOT__GREY;
    const struct plot__colour *look = &plot__palette[s->colour % PLOT__PALETTE];
    if (s->reference)
        str_addf(out, "lines lt %d dt %d lw 1", colour, s->dash % 4 + 1);
    else
        str_addf(out, "points lt %d pt %d ps 0.6", colour,
                 s->hollow ? (grey ? 12 : look->hollow) : (grey ? 7 : look->filled));
}

const struct plot__shape plot__marks = {measure, names, panel, sample, "points lt 9 pt 6 ps 0.6"};
