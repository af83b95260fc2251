/* What made the results of some runs: code, machines, times. */
#ifndef PROMPTGRID_RESULTS_STORE_ORIGIN_H
#define PROMPTGRID_RESULTS_STORE_ORIGIN_H

#include "results/store.h"

/* Of those of the `n` runs that are done: {revisions: [{commit, dirty, diff, runner_sha256, build,
 * runs}], machines: [{facts, runs}], first, last}; the counts are of runs, those with the most
 * first; first and last are times, "" when nothing is done. A new reference. */
int store_origins(struct store *s, const char *const *runs, size_t n, json_t **out, struct err *e);

#endif
