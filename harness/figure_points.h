/*
 * The placed runs of a figure, and the points they make: means, deviations, averages over datasets.
 * For harness/figure*.c.
 */
#ifndef PROMPTGRID_HARNESS_FIGURE_POINTS_H
#define PROMPTGRID_HARNESS_FIGURE_POINTS_H

#include "harness/figure.h"

struct figure_texts {
    char **items;
    size_t n, capacity;
};

/* One run, placed. */
struct figure_item {
    const struct figure_run *run;
    size_t panel, series, dataset; // indices below
    bool has_x;
    double x;
};

struct figure_context {
    const struct recipe_figure *figure;
    struct figure_item *items;
    size_t n;
    struct figure_texts panels, series, datasets;
    bool *is_reference; // [series.n]
    double *x;          // rising
    size_t n_x;
    size_t curves, references;
    int metrics[METRICS];
    size_t n_metrics;
};

enum { ANY = -1 };

/* What a point is made of. */
struct figure_spot {
    int panel, series; // ANY = all
    bool has_x;
    double x;
};

/* The point of the runs on the spot; false when it is not known. */
bool figure_point(const struct figure_context *c, const struct figure_spot *at, int metric,
                  struct plot_point *out);

#endif
