/* Points of a figure: see figure_place.h, and figure.h for what they mean. */
#include "harness/show/figure_place.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/stats.h"

#include <math.h>
#include <stdlib.h>

static const double level = 0.95;

double figure_spread(const struct recipe_figure *f, const struct stats *s)
{
    double spread = str_eq(f->band, "deviation") ? s->std
                    : str_eq(f->band, "none")    ? 0
                                                 : stats_t_half(s, level);
    return isnan(spread) ? 0 : spread;
}

/* The items that can be on the spot: those of its x. */
static void range_of(const struct figure_context *c, const struct figure_spot *at, size_t *first,
                     size_t *last)
{
    *first = at->x == FIGURE_NO_X ? 0 : c->from[at->x];
    *last = at->x == FIGURE_NO_X ? c->from[0] : c->from[at->x + 1];
}

static bool on_spot(const struct figure_item *i, const struct figure_spot *at)
{
    return (at->panel == FIGURE_ANY || (size_t)at->panel == i->panel) &&
           (at->series == FIGURE_ANY || (size_t)at->series == i->series);
}

/* Means over the seeds of one dataset. H is that of the means; its deviation that of the seeds' own
 * H, as in tables. */
static struct stats dataset_stats(const struct figure_context *c, const struct figure_spot *at,
                                  size_t dataset, int value, size_t *wanted)
{
    size_t first, last, n = 0;
    range_of(c, at, &first, &last);
    double *values = mem_alloc(last - first + 1, sizeof *values);
    *wanted = 0;
    for (size_t i = first; i < last; i++) {
        if (c->items[i].dataset != dataset || !on_spot(&c->items[i], at))
            continue;
        ++*wanted;
        if (!isnan(c->items[i].run->values[value]))
            values[n++] = c->items[i].run->values[value];
    }
    struct stats stats = stats_of(values, n);
    free(values);
    if (value == VALUE_H) {
        size_t ignored;
        stats.mean = stats_harmonic(dataset_stats(c, at, dataset, VALUE_BASE, &ignored).mean,
                                    dataset_stats(c, at, dataset, VALUE_NEW, &ignored).mean);
    }
    return stats;
}

/* Average over all datasets of the runs of one seed; NAN unless each has one. */
static double seed_average(const struct figure_context *c, const struct figure_spot *at, int seed,
                           int value)
{
    if (value == VALUE_H)
        return stats_harmonic(seed_average(c, at, seed, VALUE_BASE),
                              seed_average(c, at, seed, VALUE_NEW));
    double sum = 0;
    size_t first, last, n = 0;
    range_of(c, at, &first, &last);
    for (size_t i = first; i < last; i++)
        if (c->items[i].run->run->seed == seed && on_spot(&c->items[i], at)) {
            sum += c->items[i].run->values[value];
            n++;
        }
    return n == c->datasets.n ? sum / (double)n : NAN;
}

/* Spread of the seeds' averages; 0 with fewer than two. */
static double average_spread(const struct figure_context *c, const struct figure_spot *at,
                             int value)
{
    size_t first, last, n = 0;
    range_of(c, at, &first, &last);
    double *values = mem_alloc(last - first + 1, sizeof *values);
    for (size_t i = first; i < last; i++) {
        if (c->items[i].dataset != 0 || !on_spot(&c->items[i], at))
            continue; // each seed once: by its run on the first dataset
        double average = seed_average(c, at, c->items[i].run->run->seed, value);
        if (!isnan(average))
            values[n++] = average;
    }
    struct stats stats = stats_of(values, n);
    free(values);
    return figure_spread(c->figure, &stats);
}

/* Average of the datasets' means; false unless every run is there. */
static bool average_point(const struct figure_context *c, const struct figure_spot *at, int value,
                          struct plot_point *out)
{
    double sum[FIGURE_VALUES] = {0};
    const int parts[2] = {value == VALUE_H ? VALUE_BASE : value,
                          value == VALUE_H ? VALUE_NEW : value};
    size_t seeds = 0;
    for (size_t d = 0; d < c->datasets.n; d++)
        for (int p = 0; p < (value == VALUE_H ? 2 : 1); p++) {
            size_t wanted;
            struct stats s = dataset_stats(c, at, d, parts[p], &wanted);
            if (!wanted || s.n < wanted)
                return false;
            sum[parts[p]] += s.mean;
            seeds = wanted;
        }
    double count = (double)c->datasets.n;
    out->y = value == VALUE_H ? stats_harmonic(sum[VALUE_BASE] / count, sum[VALUE_NEW] / count)
                              : sum[value] / count;
    out->spread = average_spread(c, at, value);
    out->n = out->wanted = (int)seeds;
    return true;
}

bool figure_one_dataset(const struct figure_context *c, const struct figure_spot *at)
{
    const struct recipe_figure *f = c->figure;
    return c->datasets.n == 1 || (str_eq(f->panel, "dataset") && at->panel != FIGURE_ANY) ||
           (str_eq(f->series, "dataset") && at->series != FIGURE_ANY);
}

bool figure_point(const struct figure_context *c, const struct figure_spot *at, int value,
                  struct plot_point *out)
{
    size_t i, last;
    range_of(c, at, &i, &last);
    while (i < last && !on_spot(&c->items[i], at))
        i++;
    if (i == last)
        return false;
    *out = (struct plot_point){.x = at->x == FIGURE_NO_X ? 0 : c->x[at->x]};
    if (!figure_one_dataset(c, at))
        return average_point(c, at, value, out);
    size_t wanted;
    struct stats s = dataset_stats(c, at, c->items[i].dataset, value, &wanted);
    if (!s.n || isnan(s.mean))
        return false;
    out->y = s.mean;
    out->spread = figure_spread(c->figure, &s);
    out->n = (int)s.n;
    out->wanted = (int)wanted;
    return true;
}
