/* The epochs of a run, for figures. */
#ifndef PROMPTGRID_RESULTS_STORE_CURVE_H
#define PROMPTGRID_RESULTS_STORE_CURVE_H

#include "results/store.h"

/* Array of a done run's epochs, {epoch, loss, lr, accuracy, effective_rank, nuclear, energy, the
 * last three with _change, base, new, test}, null where an epoch does not say; a new reference.
 * Empty when there is none. */
int store_curve(struct store *s, const char *run, json_t **out, struct err *e);

#endif
