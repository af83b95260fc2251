/*
 * Matrices of coloured cells with one scale for all panels: see layout.h. Small ones have a number
 * in each cell and names at both sides; in large ones only the colours can be read.
 */
#include "plots/layout.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_NUMBERS = 16, MOST_NAMES = 40, MOST_BOXES = 40, NAME_COLUMNS = 18 };

static size_t most(const struct plot *p, bool columns)
{
    size_t n = 1;
    for (size_t i = 0; i < p->n; i++)
        if (p->panels[i].cells) {
            const struct plot_cells *c = p->panels[i].cells;
            n = (columns ? c->columns : c->rows) > n ? (columns ? c->columns : c->rows) : n;
        }
    return n;
}

static double widest(const struct plot *p, bool columns)
{
    double width = 0.3;
    for (size_t i = 0; i < p->n; i++) {
        const struct plot_cells *c = p->panels[i].cells;
        for (size_t k = 0; c && k < (columns ? c->columns : c->rows); k++) {
            char *name = plot__shorten((columns ? c->column_names : c->row_names)[k], NAME_COLUMNS);
            width = fmax(width, plot__text_width(name));
            free(name);
        }
    }
    return width;
}

static bool has_names(const struct plot *p)
{
    return most(p, true) <= MOST_NAMES && most(p, false) <= MOST_NAMES;
}

static double axes_width(const struct plot__layout *l)
{
    return l->cell_width - l->left_first - l->right;
}

/* Names of columns stand upright where they do not fit side by side. */
static bool upright(const struct plot *p, const struct plot__layout *l)
{
    return has_names(p) && widest(p, true) + 0.1 > axes_width(l) / (double)most(p, true);
}

static void measure(const struct plot *p, struct plot__layout *l)
{
    l->left_other = (has_names(p) ? widest(p, false) : 0.6) + 0.25;
    l->left_first = l->left_other + 0.4;
    l->right = 0.3;
    l->below = upright(p, l) ? widest(p, true) + 0.35 : 0.6;
    double cell = axes_width(l) / (double)most(p, true);
    double height = most(p, true) > MOST_NUMBERS ? cell : fmin(cell, 0.8);
    l->plot_height = fmin(fmax(height * (double)most(p, false), 1), 16);
}

static void name_axis(struct str *out, const struct plot__layout *l, const char *variable,
                      size_t panel, char *const *names, size_t n)
{
    char *name = str_format("%s%zu_", variable, panel);
    for (size_t k = 0; k < n; k++) {
        char *text = plot__shorten(names[k], NAME_COLUMNS);
        plot__assign_at(out, l, name, k, text);
        free(text);
    }
    free(name);
}

static void names(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i)
{
    const struct plot_cells *c = p->panels[i].cells;
    if (!c || !has_names(p))
        return;
    name_axis(out, l, "c", i, c->column_names, c->columns);
    name_axis(out, l, "r", i, c->row_names, c->rows);
}

static void add_axis(struct str *out, const struct plot *p, const char *axis, const char *variable,
                     size_t panel, size_t n, const char *how)
{
    str_addf(out, "    set %stics scale 0 %s", axis, how);
    if (!has_names(p)) {
        str_addf(out, " %g\n", fmax(1, plot__tic_step((double)n)));
        return;
    }
    str_add(out, " (");
    for (size_t k = 0; k < n; k++)
        str_addf(out, "%s%s%zu_%zu %zu", k ? ", " : "", variable, panel, k, k);
    str_add(out, ")\n");
}

/* Colours from pale to dark, by the lowest and the highest value of all panels. */
static void value_range(const struct plot *p, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        const struct plot_cells *c = p->panels[i].cells;
        for (size_t k = 0; c && k < c->rows * c->columns; k++)
            if (!isnan(c->values[k])) {
                *low = fmin(*low, c->values[k]);
                *high = fmax(*high, c->values[k]);
            }
    }
    if (*low > *high)
        *low = 0, *high = 1;
    if (*low == *high)
        *high = *low + 1;
}

/* The scale below all panels is drawn with the first one. */
static void add_scale(struct str *out, const struct plot__layout *l, double low, double high)
{
    double width = fmin(6, 0.6 * l->width);
    str_addf(out,
             "    set palette defined (0 '#f7fbff', 0.35 '#9ecae1', 0.7 '#3182bd', 1 '#08306b')\n"
             "    set cbrange [%.6g:%.6g]; set cbtics %.6g font ',7' offset 0,0.5 scale 0.3\n"
             "    set cblabel scale font ',7' offset 0,0.9\n"
             "    set colorbox horizontal user origin screen %.4f,%.4f size screen %.4f,%.4f\n",
             low, high, plot__tic_step(high - low), 0.5 - width / 2 / l->width, 0.72 / l->height,
             width / l->width, 0.16 / l->height);
}

/* Labels of the axes where there is room for them: gnuplot misjudges that of upright names. */
static void add_labels(struct str *out, const struct plot *p, const struct plot__layout *l,
                       size_t i)
{
    struct plot__frame f = plot__frame(p, l, i);
    str_add(out, "    unset xlabel; unset ylabel\n");
    if (plot__lowest(p, l, i))
        str_addf(out, "    set label 2 x_label at screen %.4f,%.4f center font ',8'\n",
                 (f.x0 + f.x1) / 2 / l->width, (f.y0 - l->below - 0.05) / l->height);
    else
        str_add(out, "    unset label 2\n");
    if (i % l->columns == 0)
        str_addf(out, "    set label 3 y%zu at screen %.4f,%.4f center rotate by 90 font ',8'\n",
                 i / l->columns, 0.3 / l->width, (f.y0 + f.y1) / 2 / l->height);
    else
        str_add(out, "    unset label 3\n");
}

static void panel(struct str *out, const struct plot *p, const struct plot__layout *l, size_t i,
                  size_t index)
{
    const struct plot_cells *c = p->panels[i].cells;
    double low, high;
    value_range(p, &low, &high);
    if (i == 0)
        add_scale(out, l, low, high);
    else
        str_add(out, "    unset colorbox\n");
    if (!c) {
        str_add(out, "    set xrange [0:1]; set yrange [0:1]; unset tics; plot NaN");
        return;
    }
    str_add(out, "    set border 0; unset grid\n");
    add_labels(out, p, l, i);
    str_addf(out, "    set xrange [-0.5:%.6g]; set yrange [%.6g:-0.5]\n", (double)c->columns - 0.5,
             (double)c->rows - 0.5);
    add_axis(out, p, "x", "c", i, c->columns,
             upright(p, l) ? "rotate by 90 right offset 0,0.2" : "norotate");
    add_axis(out, p, "y", "r", i, c->rows, "offset 0.8,0");
    bool boxes = c->rows <= MOST_BOXES && c->columns <= MOST_BOXES;
    if (boxes)
        str_addf(out,
                 "    plot data index %zu using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with "
                 "boxxyerror fs solid 1 border lc rgb 'white' lw 0.5 fc palette",
                 index);
    else
        str_addf(out, "    plot data index %zu using 1:2:3 with image", index);
    if (c->rows > MOST_NUMBERS || c->columns > MOST_NUMBERS)
        return;
    double half = low + 0.55 * (high - low);
    // Out of sight rather than NaN: gnuplot 5.4 dies of labels of which none is there.
    for (int dark = 0; dark < 2; dark++)
        str_addf(out,
                 "%s data index %zu using ($3%s%.6g?$1:-9):2:(sprintf('%%.%df',$3).($4<$5?'*':'')) "
                 "with labels font ',6.5' textcolor rgb '%s'",
                 plot__more, index, dark ? ">" : "<=", half, c->decimals, dark ? "white" : "black");
}

static void sample(struct str *out, const struct plot_series *s, int colour)
{
    (void)s;
    str_addf(out, "boxes lt %d", colour);
}

const struct plot__shape plot__cells = {measure, names, panel, sample, ""};
