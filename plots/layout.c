/* Room for the panels, the legend and the names of a figure: see layout.h. */
#include "plots/layout.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

const double plot_single = 8.5, plot_double = 17.5;

static const double line_height = 0.38, title_height = 0.4;
static const char *const missing_text = "seeds missing";

const struct plot__colour plot__palette[PLOT__PALETTE] = {
    {"#0072B2", 7, 6}, {"#D55E00", 5, 4},   {"#009E73", 9, 8}, {"#CC79A7", 13, 12},
    {"#56B4E9", 7, 6}, {"#E69F00", 11, 10}, {"#000000", 5, 4}, {"#882255", 9, 8},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void collect_x(const struct plot *p, struct plot__layout *l)
{
    size_t capacity = 0, n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->panels[i].n; j++) {
            const struct plot_series *s = &p->panels[i].series[j];
            for (size_t k = 0; k < s->n; k++) {
                l->hollow |= s->points[k].n < s->points[k].wanted;
                if (!s->reference)
                    MEM_PUSH(l->x, n, capacity) = s->points[k].x;
            }
        }
    if (!n)
        MEM_PUSH(l->x, n, capacity) = 1; // reference lines alone
    qsort(l->x, n, sizeof *l->x, by_value);
    for (size_t i = 0; i < n; i++)
        if (!l->n_x || l->x[i] != l->x[l->n_x - 1])
            l->x[l->n_x++] = l->x[i];
    double first = l->x[0], last = l->x[l->n_x - 1];
    double room = first < last ? (p->x_log ? 0.25 : 0.06 * (last - first)) : 1;
    l->x_low = p->x_log ? first * pow(p->x_log, -room) : first - room;
    l->x_high = p->x_log ? last * pow(p->x_log, room) : last + room;
}

static void collect_entries(const struct plot *p, struct plot__layout *l)
{
    size_t capacity = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->panels[i].n; j++) {
            const struct plot_series *s = &p->panels[i].series[j];
            size_t k = 0;
            if (!*s->label)
                continue;
            while (k < l->n_entries && !str_eq(l->entries[k].series->label, s->label))
                k++;
            if (k < l->n_entries)
                l->entries[k].mixed |= l->entries[k].series->colour != s->colour;
            else
                MEM_PUSH(l->entries, l->n_entries, capacity) = (struct plot__entry){.series = s};
        }
}

static void measure_legend(const struct plot *p, struct plot__layout *l)
{
    double widest = l->hollow ? plot__text_width(missing_text) : 0;
    for (size_t i = 0; i < l->n_entries; i++)
        widest = fmax(widest, plot__text_width(l->entries[i].series->label));
    size_t n = l->n_entries + (l->hollow ? 1 : 0);
    size_t fit = (size_t)fmax((l->width - 0.6) / (1.2 + widest), 1);
    fit = fit > n ? (n ? n : 1) : fit;
    size_t lines = (n + fit - 1) / fit;
    l->legend_columns = lines ? (n + lines - 1) / lines : 1; // even lines
    l->legend = n ? line_height * (double)lines + 0.1 : 0.1;
    if (p->shape == PLOT_CELLS)
        l->legend = 1.0; // the scale of colours, its numbers and what they are
}

void plot__layout_init(struct plot__layout *l, const struct plot *p)
{
    *l = (struct plot__layout){
        .left_first = 1.2, .left_other = 0.85, .right = 0.2, .below = 0.55, .above = 0.15};
    collect_x(p, l);
    collect_entries(p, l);
    l->columns = p->columns ? p->columns : p->n <= 2 ? p->n : p->n <= 4 ? 2 : p->n <= 9 ? 3 : 4;
    l->columns = l->columns ? l->columns : 1;
    l->rows = (p->n + l->columns - 1) / l->columns;
    l->width = p->width > 0 ? p->width : l->columns == 1 ? plot_single : plot_double;
    l->cell_width = l->width / (double)l->columns;
    l->x_label = *p->x_label ? 0.4 : 0;
    plot__shape(p)->measure(p, l);
    bool wraps = false;
    for (size_t row = 0; row < l->rows && p->n; row++)
        wraps |= plot__wraps(plot__y_label(p, l, row), l->plot_height + 0.4);
    l->left_first += wraps ? line_height : 0;
    if (p->y2_label && plot__wraps(p->y2_label, l->plot_height + 0.4))
        l->right_last += line_height;
    l->right_last = fmax(l->right_last, l->right);
    bool titles = false;
    for (size_t i = 0; i < p->n; i++)
        titles |= *p->panels[i].title != 0;
    l->above += titles ? title_height : 0;
    l->cell_height = l->plot_height + l->below + l->above;
    l->head = p->title && *p->title ? 0.6 : 0;
    measure_legend(p, l);
    l->height = l->head + (double)l->rows * l->cell_height + l->x_label + l->legend;
}

void plot__layout_release(struct plot__layout *l)
{
    free(l->x);
    free(l->entries);
}

struct plot__frame plot__frame(const struct plot *p, const struct plot__layout *l, size_t panel)
{
    size_t row = panel / l->columns, column = panel % l->columns;
    bool last = column + 1 == l->columns || panel + 1 == p->n;
    struct plot__frame f;
    f.x0 = (double)column * l->cell_width + (column ? l->left_other : l->left_first);
    f.x1 = (double)(column + 1) * l->cell_width - (last ? l->right_last : l->right);
    f.y1 = l->height - l->head - (double)row * l->cell_height - l->above;
    f.y0 = f.y1 - l->plot_height;
    return f;
}

const char *plot__y_label(const struct plot *p, const struct plot__layout *l, size_t row)
{
    const char *own = p->panels[row * l->columns].y_label;
    return own ? own : p->y_label;
}

bool plot__lowest(const struct plot *p, const struct plot__layout *l, size_t panel)
{
    return panel + l->columns >= p->n;
}

double plot__tic_step(double range)
{
    double step = pow(10, floor(log10(range / 4)));
    double times = range / 4 / step;
    return step * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}
