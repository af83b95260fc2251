/*
 * The specs of a recipe's runs, in parts that they share. For plan.c.
 */
#ifndef PROMPTGRID_HARNESS_PLAN_SPEC_H
#define PROMPTGRID_HARNESS_PLAN_SPEC_H

#include "core/base/map.h"
#include "core/base/str.h"
#include "harness/plan/plan_facts.h"

struct plan_parts {
    struct map commons, params;     // what each part follows from
    json_t *of_commons, *of_params; // arrays, by number of that
    struct plan_run last;           // that was identified,
    struct str head, tail;          // and its canonical text before and behind the seed
};
void plan_parts_init(struct plan_parts *p);
void plan_parts_release(struct plan_parts *p);

/* `common` and `params` of the training of `r` on `dataset`, the hashes left out when `b` is NULL.
 * A result that is tested on other datasets is an ordinary few-shot run of its source: whoever
 * wants that run shares it. `file`: what it tests instead of training; NULL: nothing, or it is not
 * there.
 */
void plan_train_parts(struct plan_parts *p, struct plan_run *run, const struct grid_run *r,
                      const char *dataset, const struct plan_backbone *b,
                      const struct plan_dataset *d, const struct plan_file *file);

/* Those of the test on `r->dataset` of the result of `train`; `d` NULL: not known here. */
void plan_eval_parts(struct plan_parts *p, struct plan_run *run, const struct grid_run *r,
                     const struct plan_run *train, const struct plan_dataset *d);

/* The spec of such a run, a new reference. `train`: id of the training run of a test, or NULL. */
json_t *plan_join_parts(const struct plan_run *run, const char *train);

/* run->id of it. */
void plan_identify(struct plan_parts *p, struct plan_run *run, const char *train);

#endif
