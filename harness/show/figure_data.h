/* What a figure shows, read from the store, the datasets' splits and the published numbers. */
#ifndef PROMPTGRID_HARNESS_FIGURE_DATA_H
#define PROMPTGRID_HARNESS_FIGURE_DATA_H

#include "harness/show/figure.h"
#include "harness/plan/plan.h"

struct split;

struct figure_data {
    struct figure_run *runs;
    size_t n, done;
    struct str caption; // where the numbers come from, for data and script
    struct baselines published;
    bool has_published;
    json_t *curves; // array; runs borrow its items
    struct figure_predictions *predictions;
    size_t n_predictions;
    struct split *splits;                  // class names of the datasets
    const struct dataset_row **split_rows; // (n_splits) whose they are
    size_t n_splits;
};

/* `store` may be NULL: nothing is done yet. `own`: folder of published.h. */
int figure_data_read(struct figure_data *d, const struct plan *plan, const struct recipe_figure *f,
                     const struct roots *roots, struct store *store, const char *own,
                     struct err *e);
void figure_data_release(struct figure_data *d);

#endif
