/*
 * How much better or worse than a baseline: a bar for each dataset, sorted, and their Average. The
 * whisker is the interval of the difference over seeds, those that both have, paired. A panel for
 * each metric; a figure for each method that is compared.
 */
#include "harness/show/figure_place.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "results/stats.h"

#include <math.h>
#include <stdlib.h>

/* The difference on one dataset, or the average of all (dataset = FIGURE_ANY). */
struct delta {
    double value, spread;
    int n, wanted;
    const char *label;
    size_t dataset; // equal ones stay in the recipe's order
};

/* The series of the baseline: that of its label, or of its method when it is the only one. */
static int find_baseline(const struct figure_context *c, size_t *out, struct err *e)
{
    const char *name = c->figure->baseline;
    size_t found = 0;
    for (size_t s = 0; s < c->series.n; s++)
        if (str_eq(c->series.items[s], name)) {
            *out = s;
            return 0;
        }
    for (size_t s = 0; s < c->series.n; s++)
        for (size_t i = 0; i < c->n; i++)
            if (c->items[i].series == s && str_eq(c->items[i].run->run->method, name)) {
                *out = s;
                found++;
                break;
            }
    if (found == 1)
        return 0;
    struct str known = STR_INIT;
    for (size_t s = 0; s < c->series.n; s++)
        str_addf(&known, "%s'%s'", s ? ", " : "", c->series.items[s]);
    err_set(e, ERR_USAGE, "figure '%s': baseline '%s' is %s of its rows, which are %s",
            c->figure->name, name, found ? "several" : "none", known.data);
    str_release(&known);
    return e->code;
}

/* The run of a series on a dataset with a seed; a method that does not train has one for all. */
static const struct figure_run *run_of(const struct figure_context *c, size_t series,
                                       size_t dataset, int seed)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct figure_item *item = &c->items[i];
        if (item->series == series && item->dataset == dataset &&
            (item->run->run->seed == seed || item->run->run->shots == 0))
            return item->run;
    }
    return NULL;
}

/* Mean of the differences of seeds on a dataset. H is that of the means. */
static bool dataset_delta(const struct figure_context *c, size_t series, size_t baseline,
                          size_t dataset, int value, struct delta *out)
{
    double *differences = mem_alloc(c->n + 1, sizeof *differences);
    double sums[2][FIGURE_VALUES] = {{0}};
    size_t n = 0;
    *out = (struct delta){.label = c->datasets.items[dataset], .dataset = dataset};
    for (size_t i = 0; i < c->n; i++) {
        const struct figure_item *item = &c->items[i];
        if (item->series != series || item->dataset != dataset)
            continue;
        const struct figure_run *other = run_of(c, baseline, dataset, item->run->run->seed);
        out->wanted++;
        if (!other || isnan(item->run->values[value]) || isnan(other->values[value]))
            continue;
        differences[n++] = item->run->values[value] - other->values[value];
        for (int v = 0; v < FIGURE_VALUES; v++) {
            sums[0][v] += item->run->values[v];
            sums[1][v] += other->values[v];
        }
    }
    struct stats s = stats_of(differences, n);
    out->n = (int)n;
    out->value = s.mean;
    out->spread = figure_spread(c->figure, &s);
    if (value == VALUE_H && n)
        out->value = stats_harmonic(sums[0][VALUE_BASE], sums[0][VALUE_NEW]) / (double)n -
                     stats_harmonic(sums[1][VALUE_BASE], sums[1][VALUE_NEW]) / (double)n;
    free(differences);
    return n > 0;
}

/* From the averages of both, as tables have them; only when both are complete. */
static bool average_delta(const struct figure_context *c, size_t series, size_t baseline, int value,
                          struct delta *out)
{
    struct figure_spot at = {.panel = FIGURE_ANY, .series = (int)series, .x = FIGURE_NO_X};
    struct plot_point a, b;
    bool known = figure_point(c, &at, value, &a);
    at.series = (int)baseline;
    known = known && figure_point(c, &at, value, &b);
    if (known)
        *out = (struct delta){.value = a.y - b.y, .n = 1, .wanted = 1, .label = figure_average};
    return known;
}

static int by_value(const void *a, const void *b)
{
    const struct delta *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1; // the largest is on top
    return (x->dataset > y->dataset) - (x->dataset < y->dataset);
}

static void add_bar(struct plot_panel *panel, const struct delta *d, size_t place, size_t series)
{
    struct plot_series *s = &panel->series[series];
    s->points[s->n++] = (struct plot_point){.x = d->value,
                                            .y = (double)place,
                                            .x_spread = d->spread,
                                            .n = d->n,
                                            .wanted = d->wanted,
                                            .label = mem_strdup(d->label)};
}

/* The bars that are higher, those that are lower, the Average: three series with their colours. */
static void fill_panel(const struct figure_context *c, struct plot_panel *panel, size_t series,
                       size_t baseline, int value)
{
    struct delta *deltas = mem_alloc(c->datasets.n + 1, sizeof *deltas), average = {0};
    size_t n = 0;
    for (size_t d = 0; d < c->datasets.n; d++)
        n += dataset_delta(c, series, baseline, d, value, &deltas[n]);
    qsort(deltas, n, sizeof *deltas, by_value);
    bool has_average = c->datasets.n > 1 && average_delta(c, series, baseline, value, &average);
    static const int colours[] = {0, 1, FIGURE_BLACK};
    for (int k = 0; k < 3 && n; k++) {
        char *label = k == 2 ? mem_strdup(figure_average)
                             : str_format("%s higher", c->series.items[k ? baseline : series]);
        figure_series(panel, label, n)->colour = colours[k];
        free(label);
    }
    for (size_t i = 0; i < n; i++)
        add_bar(panel, &deltas[i], n - i + has_average, deltas[i].value < 0);
    if (has_average)
        add_bar(panel, &average, 1, 2);
    for (size_t k = panel->n; k-- > 0;) // no entry in the legend for what is not there
        if (!panel->series[k].n) {
            free((char *)panel->series[k].label);
            free(panel->series[k].points);
            for (size_t j = k; j + 1 < panel->n; j++)
                panel->series[j] = panel->series[j + 1];
            panel->n--;
        }
    free(deltas);
}

static void fill_plot(const struct figure_context *c, struct plot *p, const struct figure_input *in,
                      size_t series, size_t baseline, bool only)
{
    *p = figure_plot(in, only ? NULL : c->series.items[series], c->n_metrics);
    p->shape = PLOT_BARS;
    if (!only) {
        char *title = str_format("%s%s%s minus %s", p->title, *p->title ? ": " : "",
                                 c->series.items[series], c->series.items[baseline]);
        free((char *)p->title);
        p->title = title;
    }
    free((char *)p->x_label);
    p->x_label = mem_strdup("difference in points");
    for (size_t m = 0; m < c->n_metrics; m++) {
        struct plot_panel *panel = &p->panels[p->n++];
        panel->title = mem_strdup(figure_values[c->metrics[m]].word);
        fill_panel(c, panel, series, baseline, c->metrics[m]);
    }
    p->columns = c->n_metrics <= 3 ? c->n_metrics : 0;
}

int figure_delta(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    struct figure_context c;
    size_t baseline = 0;
    int rc = figure_place(&c, in, e);
    if (rc == 0)
        rc = find_baseline(&c, &baseline, e);
    if (rc == 0) {
        *out = mem_zero(c.series.n + 1, sizeof **out);
        for (size_t s = 0; s < c.series.n; s++)
            if (s != baseline)
                fill_plot(&c, &(*out)[(*n)++], in, s, baseline, c.series.n == 2);
    }
    figure_place_release(&c);
    return rc;
}
