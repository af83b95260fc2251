/*
 * The specs of a recipe's runs. For plan.c.
 */
#ifndef PROMPTGRID_HARNESS_PLAN_SPEC_H
#define PROMPTGRID_HARNESS_PLAN_SPEC_H

#include "core/base/map.h"
#include "harness/plan_facts.h"

/* Values that many specs have: each is there once. */
struct plan_parts {
    struct map texts, numbers, filled; // filled: parameters, and what they were filled for
    json_t *of_text, *of_number, *of_filled;
    struct map params;   // of specs
    char **params_texts; // (n_params) their canonical text, by number
    size_t n_params, params_capacity;
};
void plan_parts_init(struct plan_parts *p);
void plan_parts_release(struct plan_parts *p);

/* As spec_id, of a spec that was made here. */
void plan_spec_id(struct plan_parts *p, const json_t *spec, char out[HASH_HEX]);

/* The training of `r` on `d`, whose hashes are left out when `b` is NULL; a new reference. A result
 * that is tested on other datasets is an ordinary few-shot run of its source: whoever wants that
 * run shares it. `file`: what it tests instead of training; NULL: nothing, or it is not there. */
json_t *plan_train_spec(struct plan_parts *p, const struct grid_run *r, const char *dataset,
                        const struct plan_backbone *b, const struct plan_dataset *d,
                        const struct plan_file *file);

/* The test on `r->dataset` of the result of `train`, whose id is `id`; a new reference. `id` and
 * `d` NULL: not known here. */
json_t *plan_eval_spec(struct plan_parts *p, const struct grid_run *r, json_t *train,
                       const char *id, const struct plan_dataset *d);

#endif
