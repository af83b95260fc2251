/*
 * The specs of a recipe's runs. For plan.c.
 */
#ifndef PROMPTGRID_HARNESS_PLAN_SPEC_H
#define PROMPTGRID_HARNESS_PLAN_SPEC_H

#include "harness/plan_facts.h"

/* The training of `r` on `dataset`, but for the hashes of files; a new reference. A result that is
 * tested on other datasets is an ordinary few-shot run of its source: whoever wants that run shares
 * it. */
json_t *plan_train_spec(const struct grid_run *r, const char *dataset);

/* The hashes that a train spec lacks. */
void plan_spec_hashes(json_t *spec, const struct plan_backbone *b, const struct plan_dataset *d);

/* The test on `r->dataset` of the result of `train`, whose id is `id`; a new reference. `id` and
 * `d` NULL: not known here. */
json_t *plan_eval_spec(const struct grid_run *r, json_t *train, const char *id,
                       const struct plan_dataset *d);

#endif
