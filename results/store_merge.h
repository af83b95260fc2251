/*
 * Two stores in one. Merging A into B and B into A give the same runs, attempts and results.
 *
 * Attempts of a run are numbered anew in the order of their starts. The same attempt is kept once,
 * and so are done attempts with the same sealed results and files; done attempts whose results
 * differ are a conflict: all of them stay, and the last one speaks for the run as ever.
 */
#ifndef PROMPTGRID_RESULTS_STORE_MERGE_H
#define PROMPTGRID_RESULTS_STORE_MERGE_H

#include "results/store.h"

struct store_merged {
    size_t runs, attempts; // that are new
    size_t equal;          // done attempts that both had
    json_t *conflicts; // array of {run, spec, results: [{attempt, commit, host, metrics}]}; yours
};

/* `s` is open for writing. Both stores must hold (ERR_CORRUPT), nobody may be writing the other one
 * (ERR_BUSY), and it may be of an older version; it is only read. */
int store_merge(struct store *s, const char *other, struct store_merged *out, struct err *e);

#endif
