/* Points of a figure: see figure_points.h, and figure.h for what they mean. */
#include "harness/figure_points.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <math.h>
#include <stdlib.h>

static bool on_spot(const struct figure_item *i, const struct figure_spot *at)
{
    return (at->panel == ANY || (size_t)at->panel == i->panel) &&
           (at->series == ANY || (size_t)at->series == i->series) && at->has_x == i->has_x &&
           (!at->has_x || at->x == i->x);
}

/* Means over the seeds of one dataset. H is that of the means; its deviation that of the seeds' own
 * H, as in tables. */
static struct stats dataset_stats(const struct figure_context *c, const struct figure_spot *at,
                                  size_t dataset, int metric, size_t *wanted)
{
    double *values = mem_alloc(c->n + 1, sizeof *values);
    size_t n = 0;
    *wanted = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->items[i].dataset != dataset || !on_spot(&c->items[i], at))
            continue;
        ++*wanted;
        if (!isnan(c->items[i].run->values[metric]))
            values[n++] = c->items[i].run->values[metric];
    }
    struct stats stats = stats_of(values, n);
    free(values);
    if (metric == METRIC_H) {
        size_t ignored;
        stats.mean = stats_harmonic(dataset_stats(c, at, dataset, METRIC_BASE, &ignored).mean,
                                    dataset_stats(c, at, dataset, METRIC_NEW, &ignored).mean);
    }
    return stats;
}

/* Average over all datasets of the runs of one seed; NAN unless each has one. */
static double seed_average(const struct figure_context *c, const struct figure_spot *at, int seed,
                           int metric)
{
    if (metric == METRIC_H)
        return stats_harmonic(seed_average(c, at, seed, METRIC_BASE),
                              seed_average(c, at, seed, METRIC_NEW));
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].run->run->seed == seed && on_spot(&c->items[i], at)) {
            sum += c->items[i].run->values[metric];
            n++;
        }
    return n == c->datasets.n ? sum / (double)n : NAN;
}

/* Sample standard deviation of the seeds' averages; 0 with fewer than two. */
static double average_spread(const struct figure_context *c, const struct figure_spot *at,
                             int metric)
{
    double *values = mem_alloc(c->n + 1, sizeof *values);
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->items[i].dataset != 0 || !on_spot(&c->items[i], at))
            continue; // each seed once: by its run on the first dataset
        double value = seed_average(c, at, c->items[i].run->run->seed, metric);
        if (!isnan(value))
            values[n++] = value;
    }
    double spread = stats_of(values, n).std;
    free(values);
    return isnan(spread) ? 0 : spread;
}

/* Average of the datasets' means; false unless every run is there. */
static bool average_point(const struct figure_context *c, const struct figure_spot *at, int metric,
                          struct plot_point *out)
{
    double sum[METRICS] = {0};
    const int parts[2] = {metric == METRIC_H ? METRIC_BASE : metric,
                          metric == METRIC_H ? METRIC_NEW : metric};
    size_t seeds = 0;
    for (size_t d = 0; d < c->datasets.n; d++)
        for (int p = 0; p < (metric == METRIC_H ? 2 : 1); p++) {
            size_t wanted;
            struct stats s = dataset_stats(c, at, d, parts[p], &wanted);
            if (!wanted || s.n < wanted)
                return false;
            sum[parts[p]] += s.mean;
            seeds = wanted;
        }
    double count = (double)c->datasets.n;
    double mean = metric == METRIC_H
                      ? stats_harmonic(sum[METRIC_BASE] / count, sum[METRIC_NEW] / count)
                      : sum[metric] / count;
    *out = (struct plot_point){at->x, mean, average_spread(c, at, metric), (int)seeds, (int)seeds};
    return true;
}

bool figure_point(const struct figure_context *c, const struct figure_spot *at, int metric,
                  struct plot_point *out)
{
    const struct recipe_figure *f = c->figure;
    bool one_dataset = c->datasets.n == 1 || (str_eq(f->panel, "dataset") && at->panel != ANY) ||
                       (str_eq(f->series, "dataset") && at->series != ANY);
    size_t i = 0;
    while (i < c->n && !on_spot(&c->items[i], at))
        i++;
    if (i == c->n)
        return false;
    if (!one_dataset)
        return average_point(c, at, metric, out);
    size_t wanted;
    struct stats s = dataset_stats(c, at, c->items[i].dataset, metric, &wanted);
    if (!s.n || isnan(s.mean))
        return false;
    *out = (struct plot_point){at->x, s.mean, isnan(s.std) ? 0 : s.std, (int)s.n, (int)wanted};
    return true;
}
