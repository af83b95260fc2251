/* A store with some of the runs of another, for a bundle. */
#ifndef PROMPTGRID_RESULTS_STORE_SUBSET_H
#define PROMPTGRID_RESULTS_STORE_SUBSET_H

#include "results/store.h"

/* Write the `n` runs with every attempt and all that belongs to them to a new store at `path`; runs
 * that the store does not have are left out. */
int store_subset(struct store *s, const char *path, const char *const *runs, size_t n,
                 struct err *e);

#endif
