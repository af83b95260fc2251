/*
 * Matrices: a metric over two axes (heat), and true against predicted classes (confusion).
 */
#include "harness/show/figure_place.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/plan/label.h"

#include <math.h>
#include <stdlib.h>

static struct plot_cells *cells_new(size_t rows, size_t columns, int decimals)
{
    struct plot_cells *c = mem_zero(1, sizeof *c);
    *c = (struct plot_cells){.rows = rows, .columns = columns, .decimals = decimals};
    c->values = mem_alloc(rows * columns + 1, sizeof *c->values);
    c->n = mem_zero(rows * columns + 1, sizeof *c->n);
    c->wanted = mem_zero(rows * columns + 1, sizeof *c->wanted);
    c->row_names = mem_zero(rows + 1, sizeof *c->row_names);
    c->column_names = mem_zero(columns + 1, sizeof *c->column_names);
    for (size_t i = 0; i < rows * columns; i++)
        c->values[i] = NAN;
    return c;
}

/* ---- a metric over two axes ---- */

/* "rank 4" -> "4" where the axis says the rest. */
static char *value_name(const struct grid_run *r, const char *axis)
{
    const json_t *value = json_object_get(r->params, axis);
    if (str_eq(axis, "shots"))
        return str_format("%d", r->shots);
    if (str_eq(axis, "seed"))
        return str_format("%d", r->seed);
    if (json_is_number(value))
        return str_format("%.10g", json_number_value(value));
    return labels_axis(r, axis);
}

static const char *axis_word(const char *axis)
{
    return str_eq(axis, "shots") ? "shots per class" : axis;
}

/* Values of the x axis as names, which a heat map has in place of numbers. */
struct columns {
    char **names;
    size_t n, capacity;
};

/* Copies of the runs, each with the number of its column, from 1, as its epoch. */
static struct figure_run *number_columns(const struct figure_input *in, struct columns *columns)
{
    struct figure_run *runs = mem_alloc(in->n + 1, sizeof *runs);
    for (size_t i = 0; i < in->n; i++) {
        char *name = value_name(in->runs[i].run, in->figure->x);
        size_t k = 0;
        while (k < columns->n && !str_eq(columns->names[k], name))
            k++;
        if (k == columns->n)
            MEM_PUSH(columns->names, columns->n, columns->capacity) = name;
        else
            free(name);
        runs[i] = in->runs[i];
        runs[i].epoch = (double)k + 1;
    }
    return runs;
}

static const struct grid_run *run_of(const struct figure_context *c, size_t series)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].series == series)
            return c->items[i].run->run;
    return NULL;
}

static void fill_heat(struct plot_panel *panel, const struct figure_context *c,
                      const struct columns *columns, int at_panel, int metric)
{
    struct plot_cells *cells = cells_new(c->series.n, columns->n, 1);
    size_t known = 0;
    for (size_t r = 0; r < cells->rows; r++) {
        bool named = str_eq(c->figure->series, "method");
        cells->row_names[r] =
            named ? mem_strdup(c->series.items[r]) : value_name(run_of(c, r), c->figure->series);
        for (size_t k = 0; k < c->n_x; k++) {
            struct plot_point point;
            struct figure_spot spot = {.panel = at_panel, .series = (int)r, .x = (int)k};
            if (!figure_point(c, &spot, metric, &point))
                continue;
            size_t at = r * cells->columns + (size_t)c->x[k] - 1;
            known++;
            cells->values[at] = point.y;
            cells->n[at] = point.n;
            cells->wanted[at] = point.wanted;
        }
    }
    for (size_t k = 0; k < cells->columns; k++)
        cells->column_names[k] = mem_strdup(columns->names[k]);
    if (known)
        panel->cells = cells;
    else
        figure_cells_free(cells);
}

int figure_heat(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    struct columns columns = {0};
    struct figure_input numbered = *in;
    struct figure_context c;
    struct figure_run *runs = number_columns(in, &columns);
    numbered.runs = runs;
    int rc = figure_place(&c, &numbered, e);
    if (rc == 0)
        *out = mem_zero(c.n_metrics, sizeof **out);
    for (size_t m = 0; m < c.n_metrics && rc == 0; m++) {
        const struct figure_value_row *value = &figure_values[c.metrics[m]];
        struct plot *p = &(*out)[(*n)++];
        *p = figure_plot(in, c.n_metrics > 1 ? value->name : NULL, figure_panels(&c));
        p->shape = PLOT_CELLS;
        free((char *)p->x_label);
        free((char *)p->y_label);
        p->x_label = mem_strdup(axis_word(in->figure->x));
        p->y_label = mem_strdup(axis_word(in->figure->series));
        p->scale = figure_y_label(&c, value->label);
        for (size_t i = 0; i < figure_panels(&c); i++) {
            struct plot_panel *panel = &p->panels[p->n++];
            panel->title = figure_panel_title(&c, i);
            fill_heat(panel, &c, &columns, figure_panel_spot(&c, i), c.metrics[m]);
        }
    }
    figure_place_release(&c);
    for (size_t k = 0; k < columns.n; k++)
        free(columns.names[k]);
    free(columns.names);
    free(runs);
    return rc;
}

/* ---- true against predicted classes ---- */

/* Images of all runs of a panel. */
struct confusion {
    double *counts; // (classes, classes) true, predicted
    size_t classes;
    char **names; // borrowed
    int n, wanted;
};

static void add_run(struct confusion *k, const struct figure_run *run)
{
    const struct figure_predictions *p = run->predictions;
    k->wanted++;
    if (!p)
        return;
    if (!k->counts) {
        k->classes = p->n_classes;
        k->names = p->classes;
        k->counts = mem_zero(k->classes * k->classes + 1, sizeof *k->counts);
    }
    k->n++;
    for (size_t i = 0; i < p->n; i++)
        k->counts[(size_t)p->truth[i] * k->classes + (size_t)p->predicted[i]]++;
}

/* Rows as shares of the class's images, of the classes that occur. */
static struct plot_cells *confusion_cells(const struct confusion *k)
{
    size_t *used = mem_alloc(k->classes + 1, sizeof *used), n = 0;
    for (size_t i = 0; i < k->classes; i++) {
        bool occurs = false;
        for (size_t j = 0; j < k->classes; j++)
            occurs |= k->counts[i * k->classes + j] > 0 || k->counts[j * k->classes + i] > 0;
        if (occurs)
            used[n++] = i;
    }
    struct plot_cells *cells = cells_new(n, n, 0);
    for (size_t r = 0; r < n; r++) {
        double sum = 0;
        for (size_t c = 0; c < n; c++)
            sum += k->counts[used[r] * k->classes + used[c]];
        for (size_t c = 0; c < n; c++) {
            size_t at = r * n + c;
            cells->values[at] =
                sum > 0 ? 100 * k->counts[used[r] * k->classes + used[c]] / sum : NAN;
            cells->n[at] = k->n;
            cells->wanted[at] = k->wanted;
        }
        cells->row_names[r] = mem_strdup(k->names[used[r]]);
        cells->column_names[r] = mem_strdup(k->names[used[r]]);
    }
    free(used);
    return cells;
}

static void fill_confusion(struct plot *p, const struct figure_context *c, size_t panel,
                           size_t series)
{
    struct confusion k = {0};
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].panel == panel && c->items[i].series == series)
            add_run(&k, c->items[i].run);
    if (k.n) {
        struct plot_panel *at = &p->panels[p->n++];
        const char *glue = c->panels.n > 1 && c->series.n > 1 ? ", " : "";
        at->title = str_format("%s%s%s", c->series.n > 1 ? c->series.items[series] : "", glue,
                               c->panels.n > 1 ? c->panels.items[panel] : "");
        at->cells = confusion_cells(&k);
    }
    free(k.counts);
}

int figure_confusion(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    struct figure_context c;
    int rc = figure_place(&c, in, e);
    if (rc == 0 && c.n_metrics != 1)
        rc = err_set(e, ERR_USAGE,
                     "figure '%s' shows the images of one part: 'y: base', 'new' or "
                     "'accuracy'",
                     in->figure->name);
    if (rc == 0 && c.datasets.n > 1 && !str_eq(in->figure->panel, "dataset"))
        rc = err_set(e, ERR_USAGE,
                     "figure '%s' would mix the classes of %zu datasets: give it "
                     "'panel: dataset', or choose one with 'where'",
                     in->figure->name, c.datasets.n);
    if (rc == 0) {
        *n = 1;
        *out = mem_zero(1, sizeof **out);
        struct plot *p = *out;
        *p = figure_plot(in, NULL, c.panels.n * c.series.n);
        p->shape = PLOT_CELLS;
        free((char *)p->x_label);
        free((char *)p->y_label);
        p->x_label = mem_strdup("predicted class");
        p->y_label = mem_strdup("true class");
        p->scale = mem_strdup("share of the class's images (%)");
        for (size_t i = 0; i < c.panels.n; i++)
            for (size_t s = 0; s < c.series.n; s++)
                fill_confusion(p, &c, i, s);
        p->columns = p->n > 1 && p->n <= 4 ? 2 : 0;
    }
    figure_place_release(&c);
    return rc;
}
