/*
 * Banked features as arrays, for methods that look at more than batches of training images.
 */
#ifndef PROMPTGRID_RUNNER_FIT_H
#define PROMPTGRID_RUNNER_FIT_H

#include "runner/test.h"

struct fit {
    struct fit_data data;
    struct bank val_bank;
    float *images[3]; // what data.train, val and test point at
    int *labels[2];   // of val and test
};

/* Rows (n) of the train bank with their labels, borrowed; `trained`: the classes that count. */
int fit_open(struct fit *f, const struct work *w, const struct bank *train, const size_t *rows,
             const int *labels, size_t n, const struct bank *test, const struct part *trained,
             struct err *e);
void fit_close(struct fit *f); // fine when zero

/* The view of the train bank that the first epoch sees: those before it make the cache. */
size_t fit_first_view(const struct work *w);

#endif
