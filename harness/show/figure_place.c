/* Where the runs of a figure stand, and parts of plots that several builders make: see
 * figure_place.h. */
#include "harness/show/figure_place.h"

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/plan/label.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const char figure_average[] = "Average";

int figure_turn(size_t index)
{
    static const int turns[FIGURE_TURNS] = {0, 1, 2, 3, 4, 5, 7};
    return turns[index % FIGURE_TURNS];
}

/* The number of the text, which is taken. */
static size_t place(struct figure_texts *t, char *text)
{
    bool is_new;
    size_t number = map_add_text(&t->numbers, text, &is_new);
    if (is_new)
        MEM_PUSH(t->items, t->n, t->capacity) = text;
    else
        free(text);
    return number;
}

static void texts_free(struct figure_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->items[i]);
    free(t->items);
    map_release(&t->numbers);
}

bool figure_doubles(const char *axis)
{
    return str_eq(axis, "shots") || str_eq(axis, "rank");
}

/* The run's number on the x axis; false when it has none. */
static bool x_of(const struct figure_run *run, const char *axis, double *x)
{
    const struct grid_run *r = run->run;
    const json_t *value = axis ? json_object_get(r->params, axis) : NULL;
    if (run->epoch > 0)
        *x = run->epoch;
    else if (str_eq(axis, "shots"))
        *x = r->shots;
    else if (str_eq(axis, "seed"))
        *x = r->seed;
    else if (json_is_number(value))
        *x = json_number_value(value);
    else
        return false;
    return *x > 0 || !figure_doubles(axis);
}

/* ---- labels ---- */

/* The line of a method that has a curve too is named apart: "CoOp without rank". */
static void name_lines_apart(const struct figure_input *in, char **labels)
{
    struct map curves = {0}; // labels of runs that stand on the x axis
    double x;
    size_t number;
    for (size_t i = 0; i < in->n; i++)
        if (x_of(&in->runs[i], in->figure->x, &x))
            map_add_text(&curves, labels[i], NULL);
    for (size_t i = 0; i < in->n; i++)
        if (!x_of(&in->runs[i], in->figure->x, &x) && map_find_text(&curves, labels[i], &number)) {
            char *label = str_format("%s without %s", labels[i], in->figure->x);
            free(labels[i]);
            labels[i] = label;
        }
    map_release(&curves);
}

/* Labels of the series axis, one a run. */
static char **series_labels(const struct figure_input *in)
{
    const struct recipe_figure *f = in->figure;
    if (!str_eq(f->series, "method")) {
        char **labels = mem_zero(in->n + 1, sizeof *labels);
        for (size_t i = 0; i < in->n; i++)
            labels[i] = labels_axis(in->runs[i].run, f->series);
        return labels;
    }
    const char *ignore[5] = {"seed", "dataset"};
    size_t ignored = 2;
    if (f->x)
        ignore[ignored++] = f->x;
    if (f->panel)
        ignore[ignored++] = f->panel;
    const struct grid_run **grid = mem_zero(in->n + 1, sizeof *grid);
    for (size_t i = 0; i < in->n; i++)
        grid[i] = in->runs[i].run;
    const char *const columns[] = {"dataset", f->x, NULL}; // where epochs may depend on the shots
    char **labels = labels_in_columns(grid, in->n, columns, ignore);
    free(grid);
    if (f->x)
        name_lines_apart(in, labels);
    return labels;
}

/* ---- placing runs ---- */

static int by_x(const void *a, const void *b)
{
    const struct figure_item *i = a, *j = b;
    if (i->has_x != j->has_x)
        return i->has_x - j->has_x;
    if (i->has_x && i->x != j->x)
        return (i->x > j->x) - (i->x < j->x);
    return (i->run > j->run) - (i->run < j->run); // one array: as the recipe has them
}

static void sort_items(struct figure_context *c)
{
    size_t i = 0;
    qsort(c->items, c->n, sizeof *c->items, by_x);
    c->x = mem_alloc(c->n + 1, sizeof *c->x);
    c->from = mem_alloc(c->n + 1, sizeof *c->from);
    while (i < c->n && !c->items[i].has_x)
        i++;
    for (; i < c->n; i++)
        if (!c->n_x || c->x[c->n_x - 1] != c->items[i].x) {
            c->from[c->n_x] = i;
            c->x[c->n_x++] = c->items[i].x;
        }
    c->from[c->n_x] = c->n;
}

static void place_runs(struct figure_context *c, const struct figure_input *in)
{
    const struct recipe_figure *f = c->figure;
    char **labels = series_labels(in);
    c->items = mem_zero(in->n + 1, sizeof *c->items);
    for (size_t i = 0; i < in->n; i++) {
        struct figure_item item = {.run = &in->runs[i]};
        item.has_x = x_of(&in->runs[i], f->x, &item.x);
        if (f->x && !item.has_x && !str_eq(f->series, "method")) {
            free(labels[i]); // a line for each value of another axis would say nothing
            continue;
        }
        item.panel =
            place(&c->panels, f->panel ? labels_axis(in->runs[i].run, f->panel) : mem_strdup(""));
        item.series = place(&c->series, labels[i]);
        item.dataset = place(&c->datasets, labels_axis(in->runs[i].run, "dataset"));
        c->items[c->n++] = item;
    }
    free(labels);
    c->is_reference = mem_zero(c->series.n + 1, sizeof *c->is_reference);
    for (size_t i = 0; i < c->n; i++)
        c->is_reference[c->items[i].series] |= !c->items[i].has_x;
    for (size_t s = 0; s < c->series.n; s++)
        *(c->is_reference[s] ? &c->references : &c->curves) += 1;
    sort_items(c);
}

/* Two runs of one seed on one spot differ in something that the figure does not show. */
static int check_spots(const struct figure_context *c, struct err *e)
{
    struct map seen = {0};
    bool is_new = true;
    size_t i = 0;
    for (; i < c->n && is_new; i++) {
        const struct figure_item *item = &c->items[i];
        struct {
            double x;
            size_t panel, series, dataset, seed, has_x;
        } spot = {item->has_x ? item->x : 0,    item->panel, item->series, item->dataset,
                  (size_t)item->run->run->seed, item->has_x};
        map_add(&seen, &spot, sizeof spot, &is_new);
    }
    map_release(&seen);
    if (is_new)
        return 0;
    const struct figure_item *second = &c->items[i - 1];
    return err_set(e, ERR_USAGE,
                   "figure '%s' puts two runs of seed %d on one spot of curve '%s': "
                   "choose series and panel, or 'where', that tell them apart",
                   c->figure->name, second->run->run->seed, c->series.items[second->series]);
}

static int read_metrics(struct figure_context *c, char **names, size_t *n, struct err *e)
{
    for (char **name = names; name && *name; name++) {
        int value = figure_value_find(*name);
        if (value < 0 || c->n_metrics == FIGURE_VALUES)
            return err_set(e, ERR_USAGE, "figure '%s': metric '%s' is unknown or given twice",
                           c->figure->name, *name);
        c->metrics[c->n_metrics++] = value;
        *n += 1;
    }
    return 0;
}

int figure_place(struct figure_context *c, const struct figure_input *in, struct err *e)
{
    size_t left = 0;
    int rc;
    *c = (struct figure_context){.figure = in->figure};
    if ((rc = read_metrics(c, in->figure->metrics, &left, e)) < 0 ||
        (rc = read_metrics(c, in->figure->second, &c->n_second, e)) < 0)
        return rc;
    place_runs(c, in);
    return check_spots(c, e);
}

void figure_place_release(struct figure_context *c)
{
    texts_free(&c->panels);
    texts_free(&c->series);
    texts_free(&c->datasets);
    free(c->is_reference);
    free(c->items);
    free(c->from);
    free(c->x);
}

/* ---- parts of plots ---- */

struct plot figure_plot(const struct figure_input *in, const char *part, size_t panels)
{
    const struct recipe_figure *f = in->figure;
    char *name = part ? str_format("%s-%s-%s", in->stem, f->name, part)
                      : str_format("%s-%s", in->stem, f->name);
    char *end = name;
    for (const char *c = name; *c; c++) { // file names are [a-z0-9-]
        bool plain = isalnum((unsigned char)*c) && (unsigned char)*c < 0x80;
        if (plain || (end > name && end[-1] != '-'))
            *end++ = plain ? (char)tolower((unsigned char)*c) : '-';
    }
    *end = 0;
    return (struct plot){
        .name = name,
        .title = mem_strdup(f->title ? f->title : ""),
        .x_label = mem_strdup(""),
        .y_label = mem_strdup(""),
        .width = str_eq(f->width, "single")   ? plot_single
                 : str_eq(f->width, "double") ? plot_double
                                              : 0,
        .font = f->font ? mem_strdup(f->font) : NULL,
        .latex = f->latex,
        .caption = mem_strdup(in->caption),
        .panels = mem_zero(panels + 1, sizeof(struct plot_panel)),
    };
}

static bool has_average(const struct figure_context *c)
{
    return str_eq(c->figure->panel, "dataset") && c->panels.n > 1;
}

size_t figure_panels(const struct figure_context *c)
{
    return c->panels.n + has_average(c);
}

char *figure_panel_title(const struct figure_context *c, size_t i)
{
    return mem_strdup(i < c->panels.n ? c->panels.items[i] : figure_average);
}

int figure_panel_spot(const struct figure_context *c, size_t i)
{
    return i < c->panels.n ? (int)i : FIGURE_ANY;
}

struct plot_series *figure_series(struct plot_panel *panel, const char *label, size_t room)
{
    panel->series = mem_grow(panel->series, panel->n + 1, sizeof *panel->series);
    struct plot_series *s = &panel->series[panel->n++];
    *s = (struct plot_series){.label = mem_strdup(label),
                              .points = mem_zero(room + 1, sizeof *s->points)};
    return s;
}

char *figure_y_label(const struct figure_context *c, const char *label)
{
    bool shown = str_eq(c->figure->panel, "dataset") || str_eq(c->figure->series, "dataset");
    if (shown || c->datasets.n == 1)
        return mem_strdup(label);
    return str_format("%s, mean of %zu datasets", label, c->datasets.n);
}
