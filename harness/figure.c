/* Figures as data: see figure.h. */
#include "harness/figure.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/figure_points.h"
#include "harness/label.h"
#include "harness/table_runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const metric_labels[METRICS] = {
    [METRIC_BASE] = "base accuracy (%)",
    [METRIC_NEW] = "new accuracy (%)",
    [METRIC_H] = "harmonic mean H (%)",
    [METRIC_ACCURACY] = "accuracy (%)",
};

static const char *const average = "Average";

/* Colours of plots/script.c: black is for what stands for all, the others in turn. */
enum { BLACK = 6, TURNS = 7 };
static const int turn[TURNS] = {0, 1, 2, 3, 4, 5, 7};
static const int reference_dash[] = {2, 1, 3}; // dotted, dashed, both

static size_t place(struct figure_texts *t, char *text)
{
    size_t i = 0;
    while (i < t->n && !str_eq(t->items[i], text))
        i++;
    if (i == t->n)
        MEM_PUSH(t->items, t->n, t->capacity) = text;
    else
        free(text);
    return i;
}

static void texts_free(struct figure_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->items[i]);
    free(t->items);
}

/* Axes whose numbers double from one to the next, and where 0 means that there is none. */
static bool doubles(const char *axis)
{
    return str_eq(axis, "shots") || str_eq(axis, "rank");
}

/* The run's number on the x axis; false when it has none. */
static bool x_of(const struct grid_run *r, const char *axis, double *x)
{
    const json_t *value = json_object_get(r->params, axis);
    if (str_eq(axis, "shots"))
        *x = r->shots;
    else if (str_eq(axis, "seed"))
        *x = r->seed;
    else if (json_is_number(value))
        *x = json_number_value(value);
    else
        return false;
    return *x > 0 || !doubles(axis);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- placing runs ---- */

/* Does a run of this label stand on the x axis? */
static bool is_curve(const struct recipe_figure *f, const struct figure_run *runs, size_t n,
                     char *const *labels, const char *label)
{
    double x;
    for (size_t i = 0; i < n; i++)
        if (str_eq(labels[i], label) && x_of(runs[i].run, f->x, &x))
            return true;
    return false;
}

/* The line of a method that has a curve too is named apart: "CoOp without rank". */
static void name_lines_apart(const struct recipe_figure *f, const struct figure_run *runs, size_t n,
                             char **labels)
{
    double x;
    for (size_t i = 0; i < n; i++)
        if (!x_of(runs[i].run, f->x, &x) && is_curve(f, runs, n, labels, labels[i])) {
            char *label = str_format("%s without %s", labels[i], f->x);
            free(labels[i]);
            labels[i] = label;
        }
}

/* Labels of the series axis, one a run. */
static char **series_labels(const struct recipe_figure *f, const struct figure_run *runs, size_t n)
{
    if (!str_eq(f->series, "method")) {
        char **labels = mem_zero(n + 1, sizeof *labels);
        for (size_t i = 0; i < n; i++)
            labels[i] = labels_axis(runs[i].run, f->series);
        return labels;
    }
    const char *const ignore[] = {f->x, "seed", "dataset", f->panel, NULL};
    const struct grid_run **grid = mem_zero(n + 1, sizeof *grid);
    for (size_t i = 0; i < n; i++)
        grid[i] = runs[i].run;
    const char *const columns[] = {"dataset", f->x, NULL}; // where epochs may depend on the shots
    char **labels = table_row_labels(grid, n, columns, ignore);
    free(grid);
    name_lines_apart(f, runs, n, labels);
    return labels;
}

static void place_runs(struct figure_context *c, const struct figure_run *runs, size_t n)
{
    const struct recipe_figure *f = c->figure;
    char **labels = series_labels(f, runs, n);
    c->items = mem_zero(n + 1, sizeof *c->items);
    c->x = mem_zero(n + 1, sizeof *c->x);
    for (size_t i = 0; i < n; i++) {
        struct figure_item item = {.run = &runs[i]};
        item.has_x = x_of(runs[i].run, f->x, &item.x);
        if (!item.has_x && !str_eq(f->series, "method")) {
            free(labels[i]); // a line for each value of another axis would say nothing
            continue;
        }
        if (!item.has_x)
            item.x = 0;
        item.panel =
            place(&c->panels, f->panel ? labels_axis(runs[i].run, f->panel) : mem_strdup(""));
        item.series = place(&c->series, labels[i]);
        item.dataset = place(&c->datasets, labels_axis(runs[i].run, "dataset"));
        if (item.has_x)
            c->x[c->n_x++] = item.x;
        c->items[c->n++] = item;
    }
    free(labels);
    qsort(c->x, c->n_x, sizeof *c->x, by_value);
    size_t distinct = 0;
    for (size_t i = 0; i < c->n_x; i++)
        if (!distinct || c->x[i] != c->x[distinct - 1])
            c->x[distinct++] = c->x[i];
    c->n_x = distinct;
    c->is_reference = mem_zero(c->series.n + 1, sizeof *c->is_reference);
    for (size_t i = 0; i < c->n; i++)
        c->is_reference[c->items[i].series] |= !c->items[i].has_x;
    for (size_t s = 0; s < c->series.n; s++)
        *(c->is_reference[s] ? &c->references : &c->curves) += 1;
}

/* Two runs of one seed on one spot differ in something that the figure does not show. */
static int check_spots(const struct figure_context *c, struct err *e)
{
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct figure_item *a = &c->items[i], *b = &c->items[j];
            if (a->panel == b->panel && a->series == b->series && a->dataset == b->dataset &&
                a->has_x == b->has_x && a->x == b->x && a->run->run->seed == b->run->run->seed)
                return err_set(e, ERR_USAGE,
                               "figure '%s' puts two runs of seed %d on one spot of curve '%s': "
                               "choose series and panel, or 'where', that tell them apart",
                               c->figure->name, a->run->run->seed, c->series.items[a->series]);
        }
    return 0;
}

static int read_metrics(struct figure_context *c, struct err *e)
{
    for (char **name = c->figure->metrics; *name; name++) {
        int m = 0;
        while (m < METRICS && !str_eq(table_metrics[m].name, *name))
            m++;
        if (m == METRICS || c->n_metrics == METRICS)
            return err_set(e, ERR_USAGE, "figure '%s': metric '%s' is unknown or given twice",
                           c->figure->name, *name);
        c->metrics[c->n_metrics++] = m;
    }
    return 0;
}

/* ---- series, panels, plots ---- */

/* Append the series of one label and metric to the panel unless it has no point. */
static void add_series(const struct figure_context *c, struct plot_panel *panel,
                       struct figure_spot at, struct plot_series series, int metric)
{
    size_t n = series.reference ? 1 : c->n_x;
    series.points = mem_zero(n + 1, sizeof *series.points);
    for (size_t i = 0; i < n; i++) {
        at.has_x = !series.reference;
        at.x = series.reference ? 0 : c->x[i];
        series.n += figure_point(c, &at, metric, &series.points[series.n]);
    }
    if (!series.n) {
        free(series.points);
        return;
    }
    series.label = mem_strdup(series.label);
    panel->series[panel->n++] = series;
}

/* One panel: every curve and line of the metrics. With one curve, colours tell metrics apart. */
static struct plot_panel make_panel(const struct figure_context *c, int panel, const char *title,
                                    const int *metrics, size_t n_metrics, const char *y_label)
{
    bool by_metric = n_metrics > 1;
    struct plot_panel p = {.title = mem_strdup(title), .y_label = mem_strdup(y_label)};
    p.series = mem_zero((c->series.n + 1) * n_metrics + 1, sizeof *p.series);
    for (int pass = 0; pass < 2; pass++) { // curves first in the legend, then lines
        size_t index = 0;
        for (size_t s = 0; s < c->series.n; s++) {
            if (c->is_reference[s] != (pass == 1))
                continue;
            for (size_t m = 0; m < n_metrics; m++) {
                bool named = by_metric && !pass;
                char *label =
                    named ? str_format("%s, %s", c->series.items[s], table_metrics[metrics[m]].name)
                          : mem_strdup(c->series.items[s]);
                struct plot_series series = {
                    .label = label,
                    .reference = pass == 1,
                    .colour = by_metric ? turn[m]
                              : pass    ? BLACK
                                        : turn[index % TURNS],
                    .dash = pass ? reference_dash[index % 3] : (int)(index / TURNS),
                };
                add_series(c, &p, (struct figure_spot){.panel = panel, .series = (int)s}, series,
                           metrics[m]);
                free(label);
            }
            index++;
        }
    }
    if (str_eq(c->figure->series, "dataset") && c->series.n > 1)
        add_series(c, &p, (struct figure_spot){.panel = panel, .series = ANY},
                   (struct plot_series){.label = average, .colour = BLACK}, metrics[0]);
    return p;
}

static void panel_release(struct plot_panel *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free((char *)p->series[i].label);
        free(p->series[i].points);
    }
    free((char *)p->title);
    free((char *)p->y_label);
    free(p->series);
}

static const char *x_label_of(const char *axis)
{
    return str_eq(axis, "shots") ? "shots per class" : axis;
}

static bool is_log2(const struct figure_context *c)
{
    if (!c->n_x || c->x[0] <= 0)
        return false;
    return doubles(c->figure->x) || c->x[c->n_x - 1] >= 8 * c->x[0];
}

static struct plot make_plot(const struct figure_context *c, char *name, const char *title,
                             const char *caption)
{
    return (struct plot){
        .name = name,
        .title = mem_strdup(title ? title : ""),
        .x_label = mem_strdup(x_label_of(c->figure->x)),
        .y_label = mem_strdup(""),
        .x_log2 = is_log2(c),
        .caption = mem_strdup(caption),
        .panels = mem_zero(c->panels.n + METRICS + 1, sizeof(struct plot_panel)),
    };
}

/* The panels of the recipe's choice, and their Average. */
static void add_panels(const struct figure_context *c, struct plot *p, const int *metrics,
                       size_t n_metrics, const char *y_label)
{
    for (size_t i = 0; i < c->panels.n; i++)
        p->panels[p->n++] = make_panel(c, (int)i, c->panels.items[i], metrics, n_metrics, y_label);
    if (str_eq(c->figure->panel, "dataset") && c->panels.n > 1)
        p->panels[p->n++] = make_panel(c, ANY, average, metrics, n_metrics, y_label);
}

/* "accuracy (%)" -> "accuracy (%), average of 5 datasets" where that is what is shown. */
static char *y_label_of(const struct figure_context *c, const char *metric)
{
    bool shown = str_eq(c->figure->panel, "dataset") || str_eq(c->figure->series, "dataset");
    if (shown || c->datasets.n == 1)
        return mem_strdup(metric);
    return str_format("%s, mean of %zu datasets", metric, c->datasets.n);
}

static void drop_empty(struct plot *p)
{
    size_t points = 0;
    for (size_t i = 0; i < p->n; i++)
        points += p->panels[i].n;
    if (points)
        return;
    for (size_t i = 0; i < p->n; i++)
        panel_release(&p->panels[i]);
    p->n = 0;
}

static void make_plots(const struct figure_context *c, struct plot **out, size_t *n,
                       const char *stem, const char *caption)
{
    const struct recipe_figure *f = c->figure;
    bool by_metric = c->n_metrics > 1 && c->curves <= 1 && !str_eq(f->series, "dataset");
    bool apart = c->n_metrics > 1 && !by_metric && f->panel; // a figure for each metric
    *n = apart ? c->n_metrics : 1;
    *out = mem_zero(*n, sizeof **out);
    for (size_t i = 0; i < *n; i++) {
        const char *metric = table_metrics[c->metrics[i]].name;
        char *lower = mem_strdup(metric); // file names are [a-z0-9-]
        for (char *l = lower; *l; l++)
            *l = (char)(*l == 'H' ? 'h' : *l);
        char *name = apart ? str_format("%s-%s-%s", stem, f->name, lower)
                           : str_format("%s-%s", stem, f->name);
        struct plot *p = &(*out)[i];
        *p = make_plot(c, name, f->title, caption);
        free(lower);
        if (by_metric || apart || c->n_metrics == 1) {
            char *y = y_label_of(c, by_metric ? "accuracy (%)" : metric_labels[c->metrics[i]]);
            add_panels(c, p, by_metric ? c->metrics : &c->metrics[i], by_metric ? c->n_metrics : 1,
                       y);
            free(y);
        } else {
            char *y = y_label_of(c, "accuracy (%)");
            for (size_t m = 0; m < c->n_metrics; m++)
                p->panels[p->n++] =
                    make_panel(c, ANY, metric_labels[c->metrics[m]], &c->metrics[m], 1, y);
            free(y);
            p->columns = c->n_metrics;
        }
        drop_empty(p);
    }
}

int figures_build(struct plot **out, size_t *n, const struct recipe_figure *f, const char *stem,
                  const char *caption, const struct figure_run *runs, size_t n_runs, struct err *e)
{
    struct figure_context c = {.figure = f};
    *out = NULL;
    *n = 0;
    place_runs(&c, runs, n_runs);
    int rc = read_metrics(&c, e);
    if (!rc)
        rc = check_spots(&c, e);
    if (!rc)
        make_plots(&c, out, n, stem, caption);
    texts_free(&c.panels);
    texts_free(&c.series);
    texts_free(&c.datasets);
    free(c.is_reference);
    free(c.items);
    free(c.x);
    return rc;
}

void figures_free(struct plot *plots, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < plots[i].n; j++)
            panel_release(&plots[i].panels[j]);
        free(plots[i].panels);
        free((char *)plots[i].name);
        free((char *)plots[i].title);
        free((char *)plots[i].x_label);
        free((char *)plots[i].y_label);
        free((char *)plots[i].caption);
    }
    free(plots);
}
