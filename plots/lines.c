/* Curves with bands, hollow marks where seeds are missing, reference lines, and a second axis: see
 * layout.h. */
#include "plots/layout.h"

#include <math.h>
#include <stdio.h>

enum { MOST_TICS = 12 };

static double spread_of(const struct plot_series *s, size_t point)
{
    return s->reference ? 0 : s->points[point].spread;
}

/* The range of one side's numbers. A band (that of two seeds can be very wide) adds no more to
 * either end than twice what the numbers themselves span. */
static void y_range(const struct plot_panel *panel, bool second, double least, double *low,
                    double *high)
{
    double band_low = INFINITY, band_high = -INFINITY;
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t j = 0; j < panel->n; j++)
        for (size_t k = 0; k < panel->series[j].n && panel->series[j].second == second; k++) {
            double y = panel->series[j].points[k].y, spread = spread_of(&panel->series[j], k);
            *low = fmin(*low, y);
            *high = fmax(*high, y);
            band_low = fmin(band_low, y - spread);
            band_high = fmax(band_high, y + spread);
        }
    if (*low > *high)
        *low = 0, *high = 1;
    else {
        double span = fmax(*high - *low, least);
        band_low = fmax(band_low, *low - 2 * span);
        *high = fmin(band_high, *high + 2 * span);
        *low = band_low;
    }
    double range = fmax(*high - *low, fmax(least, 1e-3 * fabs(*high)));
    double middle = (*low + *high) / 2;
    range = range > 0 ? range : 1;
    *low = middle - 0.56 * range;
    *high = middle + 0.56 * range;
}

/* Signs of the widest number at an axis, as gnuplot writes them. */
static size_t tic_signs(const struct plot *p, bool second)
{
    size_t widest = 0;
    for (size_t i = 0; i < p->n; i++) {
        double low, high;
        y_range(&p->panels[i], second, second ? p->least_y2 : p->least_y, &low, &high);
        double step = plot__tic_step(high - low);
        for (double at = ceil(low / step); at * step <= high; at++) {
            char text[32];
            int n = snprintf(text, sizeof text, "%g", at * step);
            widest = (size_t)n > widest ? (size_t)n : widest;
        }
    }
    return widest;
}

static void measure(const struct plot *p, struct plot__layout *l)
{
    static const double heights[] = {4.6, 4.6, 4.4, 3.4}; // by columns
    l->plot_height = l->columns < 4 ? heights[l->columns] : 2.8;
    double numbers = 0.13 * (double)tic_signs(p, false);
    l->left_first = fmax(l->left_first, 0.75 + numbers);
    l->left_other = fmax(l->left_other, 0.35 + numbers);
    if (p->y2_label) {
        numbers = 0.13 * (double)tic_signs(p, true);
        l->right = 0.35 + numbers;
        l->right_last = 0.75 + numbers;
    }
}

static void add_y_axis(struct str *out, const struct plot *p, const struct plot_panel *panel,
                       bool second)
{
    double low, high;
    const char *axis = second ? "y2" : "y";
    y_range(panel, second, second ? p->least_y2 : p->least_y, &low, &high);
    str_addf(out, "    set %srange [%.6g:%.6g]\n", axis, low, high);
    str_addf(out, "    set %stics %.6g\n", axis, plot__tic_step(high - low));
}

/* The curves of one series, as elements of a plot command. */
static void add_series(struct str *out, const struct plot__layout *l, const struct plot_series *s,
                       size_t index, bool first)
{
    const char *glue = first ? "    plot" : plot__more, *axes = s->second ? " axes x1y2" : "";
    int colour = plot__line_type(s), dash = s->dash % 4 + 1;
    if (s->reference) {
        str_addf(out,
                 "%s data index %zu using (%.6g):2:(%.6g):(0)%s with vectors nohead lt %d dt %d "
                 "lw 1",
                 glue, index, l->x_low, l->x_high - l->x_low, axes, colour, dash);
        return;
    }
    if (s->n > 1)
        str_addf(out,
                 "%s data index %zu using 1:($2-$3):($2+$3)%s with filledcurves lt %d fs "
                 "transparent solid 0.15 noborder",
                 glue, index, axes, colour);
    else
        str_addf(out, "%s data index %zu using 1:2:3%s with yerrorbars lt %d pt 0 lw 0.8", glue,
                 index, axes, colour);
    str_addf(out, "%s data index %zu using 1:2%s with lines lt %d dt %d lw 1.4", plot__more, index,
             axes, colour, dash);
    if (s->n > 2 * MOST_TICS)
        return; // a mark an epoch would hide the curve
    str_addf(out, "%s data index %zu using 1:($4<$5?NaN:$2)%s with points lt %d ps 0.5", plot__more,
             index, axes, colour);
    if (!l->hollow)
        return;
    str_addf(out,
             "%s data index %zu using 1:($4<$5?$2:NaN)%s with points lt %d lc rgb 'white' ps 0.5",
             plot__more, index, axes, colour);
    str_addf(out, "%s data index %zu using 1:($4<$5?$2:NaN)%s with points lt %d pt %d ps 0.5",
             plot__more, index, axes, colour, plot__palette[s->colour % PLOT__PALETTE].hollow);
}

/* The colour that all curves of a side share, so that its axis can have it too; -1: there is none.
 */
static int side_colour(const struct plot *p, bool second)
{
    int colour = -1;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->panels[i].n; j++) {
            const struct plot_series *s = &p->panels[i].series[j];
            if (s->second != second || s->reference)
                continue;
            if (colour >= 0 && colour != s->colour % PLOT__PALETTE)
                return -1;
            colour = s->colour % PLOT__PALETTE;
        }
    return colour;
}

static void add_second_axis(struct str *out, const struct plot *p, const struct plot__layout *l,
                            size_t i)
{
    int left = side_colour(p, false), right = side_colour(p, true);
    bool coloured = left >= 0 && right >= 0 && left != right;
    bool last = i % l->columns + 1 == l->columns || i + 1 == p->n;
    char text[2][40] = {"", ""};
    for (int side = 0; side < 2 && coloured; side++)
        snprintf(text[side], sizeof text[side], " textcolor rgb '%s'",
                 plot__palette[side ? right : left].rgb);
    str_addf(out, "    set border 11; set ytics%s; set y2tics nomirror offset -0.8,0%s\n", text[0],
             text[1]);
    if (i % l->columns == 0 && coloured)
        str_addf(out, "    set ylabel%s\n", text[0]);
    if (last)
        str_addf(out, "    set y2label y2_label offset -1.6,0 font ',8'%s\n", text[1]);
    else
        str_add(out, "    unset y2label\n");
    add_y_axis(out, p, &p->panels[i], true);
}

static void add_x_tics(struct str *out, const struct plot__layout *l)
{
    if (l->n_x > MOST_TICS)
        return;
    str_add(out, "    set xtics (");
    for (size_t i = 0; i < l->n_x; i++)
        str_addf(out, "%s%.10g", i ? ", " : "", l->x[i]);
    str_add(out, ")\n");
}

static void panel(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i,
                  size_t index)
{
    const struct plot_panel *at = &p->panels[i];
    if (i == 0) {
        str_addf(out, "    set xrange [%.6g:%.6g]\n", l->x_low, l->x_high);
        add_x_tics(out, l);
    }
    add_y_axis(out, p, at, false);
    if (p->y2_label)
        add_second_axis(out, p, l, i);
    for (size_t j = 0; j < at->n; j++)
        add_series(out, l, &at->series[j], index + j, j == 0);
    if (!at->n) // an empty panel keeps its place
        str_add(out,
                "    unset ytics; set label 9 'no results yet' at graph 0.5,0.5 center font ',7' "
                "textcolor rgb '#777777'\n"
                "    plot NaN\n"
                "    unset label 9; set ytics");
}

static void sample(struct str *out, const struct plot_series *s, int colour)
{
    bool marks = !s->reference && s->n <= 2 * MOST_TICS;
    str_addf(out, "%s lt %d dt %d %s", marks ? "linespoints" : "lines", colour, s->dash % 4 + 1,
             s->reference ? "lw 1"
             : marks      ? "lw 1.4 ps 0.5"
                          : "lw 1.4");
}

const struct plot__shape plot__lines = {measure, NULL, panel, sample, "points lt 9 pt 6 ps 0.5"};
