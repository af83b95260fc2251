/*
 * From the runs of a recipe and their numbers to the figures to draw. Pure: the store is read in
 * figure_data.c and nothing is drawn here.
 *
 * A kind of figure is one row of figure_kinds (figure_keys.c) and one builder (figure_NAME.c).
 * Numbers are means over seeds with half of Student's 95 % interval as their spread. Over several
 * datasets the mean of a point is that of the datasets' means (H: of mean base and mean new), its
 * spread that of the seeds' own averages, and it is there only when every seed of every dataset is.
 */
#ifndef PROMPTGRID_HARNESS_FIGURE_H
#define PROMPTGRID_HARNESS_FIGURE_H

#include "core/base/err.h"
#include "harness/recipe/figure_keys.h"
#include "harness/recipe/recipe.h"
#include "plots/plot.h"
#include "results/baseline.h"

/* Predicted and true classes of a run's test images. */
struct figure_predictions {
    int *predicted, *truth; // (n)
    size_t n;
    char **classes; // (n_classes) names; borrowed
    size_t n_classes;
};

struct figure_run {
    const struct grid_run *run;
    double values[FIGURE_VALUES]; // NAN where there is none
    long parameters;              // that it trains; -1 = unknown
    const json_t *curve;          // array of epochs as store_curve has them, or NULL
    const struct figure_predictions *predictions; // NULL: none, or not asked for
    double epoch;                                 // 0 = the run as a whole
};

struct figure_input {
    const struct recipe_figure *figure;
    const char *stem, *caption; // start of the file names; text for data and script
    const struct figure_run *runs;
    size_t n;
    const struct baselines *published; // NULL: none
};

/* Figures of one `figure` block. A figure in which no point is known has no panels. */
int figures_build(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
void figures_free(struct plot *plots, size_t n);

int figure_curve(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
int figure_epochs(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
int figure_parameters(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
int figure_base_new(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
int figure_delta(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
int figure_heat(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
int figure_confusion(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);

#endif
