/*
 * From the runs of a recipe and their numbers to the figures to draw. Pure: the store is read in
 * figure_data.c and nothing is drawn here.
 *
 * A kind of figure is one row of figure_kinds (figure.c) and one builder (figure_NAME.c). Numbers
 * are means over seeds with half of Student's 95 % interval as their spread. Over several datasets
 * the mean of a point is that of the datasets' means (H: of mean base and mean new), its spread
 * that of the seeds' own averages, and it is there only when every seed of every dataset is.
 */
#ifndef PROMPTGRID_HARNESS_FIGURE_H
#define PROMPTGRID_HARNESS_FIGURE_H

#include "core/base/err.h"
#include "harness/recipe.h"
#include "plots/plot.h"
#include "results/baseline.h"

/* What a figure can show of a run or of an epoch. */
enum figure_value {
    VALUE_BASE,
    VALUE_NEW,
    VALUE_H,
    VALUE_ACCURACY,
    VALUE_F1,
    VALUE_BASE_F1,
    VALUE_NEW_F1,
    VALUE_LOSS,
    VALUE_TRAIN,
    VALUE_LR,
    VALUE_RANK,
    VALUE_NUCLEAR,
    VALUE_ENERGY_1,
    VALUE_ENERGY_2,
    VALUE_ENERGY_4,
    VALUE_RANK_CHANGE,
    VALUE_NUCLEAR_CHANGE,
    VALUE_ENERGY_CHANGE_1,
    VALUE_ENERGY_CHANGE_2,
    VALUE_ENERGY_CHANGE_4,
    FIGURE_VALUES,
};

struct figure_value_row {
    const char *name;           // in recipes: "effective-rank"
    const char *word;           // in legends: "effective rank"
    const char *label;          // of an axis: "base accuracy (%)"
    const char *split, *stored; // of a run, in the store; NULL: none, or derived (H)
    const char *curve;          // of an epoch: the column; NULL: none, or derived (H)
    int at;                     // in the column's array, from 1; 0: the column is a number
    double scale;               // from the store to print
    double least;               // smallest range that an axis shows
};
extern const struct figure_value_row figure_values[FIGURE_VALUES];
int figure_value_find(const char *name); // -1 if unknown
/* Can a figure over epochs, or one of whole runs, show it? */
bool figure_value_fits(int value, bool epochs);

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

/* Keys of a `figure` block that a kind understands. */
enum {
    FIGURE_X = 1,
    FIGURE_Y2 = 2,
    FIGURE_SERIES = 4,
    FIGURE_PANEL = 8,
    FIGURE_BASELINE = 16,
    FIGURE_PUBLISHED = 32,
};

struct figure_kind {
    const char *name, *about;
    unsigned takes, needs; // keys, beside those of every kind
    bool any_x;            // x may be an axis without numbers
    bool epochs;           // y is about epochs; the curve is read
    bool predictions;      // predictions and true classes are read
    const char *y;         // preset; NULL = by the protocol
    int (*build)(struct plot **out, size_t *n, const struct figure_input *in, struct err *e);
};
extern const struct figure_kind figure_kinds[]; // ends with a NULL name; the first is the preset
const struct figure_kind *figure_kind_find(const char *name); // NULL if unknown

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
