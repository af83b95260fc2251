/* Results that came in from logs of other programs: runs of the job "imported". */
#ifndef PROMPTGRID_RESULTS_STORE_IMPORTED_H
#define PROMPTGRID_RESULTS_STORE_IMPORTED_H

#include "results/store.h"

/* Array of {run, spec} in the order of the specs' texts; a new reference. */
int store_imported(struct store *s, json_t **out, struct err *e);

/* 1 when an attempt of the run has failed for this very reason. */
int store_refused(struct store *s, const char *run, const char *reason, struct err *e);

#endif
