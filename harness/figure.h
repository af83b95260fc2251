/*
 * From the runs of a recipe and their numbers to the figures to draw. Pure: the store is read and
 * nothing is drawn here.
 *
 * A run that has the x axis is on a curve; one that lacks it (zero-shot CLIP at any number of
 * shots, CoOp at any rank) is a reference line. Curves go through means over seeds with the sample
 * standard deviation as band. Over several datasets the mean of a point is that of the datasets'
 * means (H: of mean base and mean new), its deviation that of the seeds' own averages, and it is
 * there only when every seed of every dataset is.
 *
 * One curve and several metrics: a colour for each metric. Several curves: a colour for each, and
 * the metrics are panels, or figures of their own when the recipe has chosen the panels.
 */
#ifndef PROMPTGRID_HARNESS_FIGURE_H
#define PROMPTGRID_HARNESS_FIGURE_H

#include "core/base/err.h"
#include "harness/recipe.h"
#include "plots/plot.h"
#include "results/table_model.h"

struct figure_run {
    const struct grid_run *run;
    double values[METRICS]; // NAN where there is none
};

/* Figures of one `figure` block; `stem` is the start of their names. A figure in which no point is
 * known has no panels. */
int figures_build(struct plot **out, size_t *n, const struct recipe_figure *f, const char *stem,
                  const char *caption, const struct figure_run *runs, size_t n_runs, struct err *e);
void figures_free(struct plot *plots, size_t n);

#endif
