/*
 * Running again what a store has results of, and comparing: the recipe for it, and the verdicts.
 */
#ifndef PROMPTGRID_HARNESS_REPRODUCE_H
#define PROMPTGRID_HARNESS_REPRODUCE_H

#include "harness/plan/plan.h"
#include "results/store.h"

/* The text of a recipe of exactly these training runs; their ids come out the same where data and
 * weights are. `backbones[i]`: as its recipe names it. Yours to free(). */
char *reproduce_recipe(const json_t *const *specs, const char *const *backbones, size_t n);

enum reproduced {
    REPRODUCED_SAME,    // the same bits
    REPRODUCED_WITHIN,  // no further apart than asked
    REPRODUCED_DIFFERS, // further, or one of the two is not there
    REPRODUCED,
};
extern const char *const reproduced_names[REPRODUCED]; // "same bits", "within", "differs"

/* Compare a run's results in two stores: {run, label, state, verdict, metrics: [{split, name,
 * recorded, now, verdict}], prompt: verdict or null, seconds: {recorded, now}}; a new reference.
 * Metrics may be `within` percent points apart. *worst becomes the worst verdict of all. */
int reproduce_compare(struct store *recorded, struct store *now, const char *run, const char *label,
                      double within, enum reproduced *worst, json_t **out, struct err *e);

/* Every n-th of `total`, `sample` of them spread over all: is number `i` one? */
bool reproduce_picks(size_t i, size_t total, size_t sample);

#endif
