/*
 * The plan: what a recipe wants, what is known, and why each run will or will not run.
 *
 * recipe (text) -> grid (resolved runs, in recipe order) -> plan (specs with ids, the banks they
 * need, a state and a reason each). Building the plan from facts is pure (plan_build in
 * harness/plan/plan_facts.h); plan_load gathers the facts.
 */
#ifndef PROMPTGRID_HARNESS_PLAN_H
#define PROMPTGRID_HARNESS_PLAN_H

#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/data/catalogue.h"
#include "results/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum plan_state {
    PLAN_DONE,    // a sealed row is in the store
    PLAN_WANTED,  // will run
    PLAN_BLOCKED, // cannot run here: something is missing
};

/* What a run reads of what others made; they stand before it in the plan. */
enum plan_need {
    NEED_TRAIN_BANK,
    NEED_TEST_BANK,
    NEED_VAL_BANK,
    NEED_PROMPT, // of the training run that is evaluated
    NEEDS,
};
#define NO_NEEDS                                                                                   \
    {                                                                                              \
        -1, -1, -1, -1                                                                             \
    }

struct grid_run;
struct recipe;

struct plan_run {
    char id[HASH_HEX]; // "" when blocked: an id needs the hashes of files that are missing
    json_t *common;    // the spec (plan_spec) but for params, shots, seed and train: runs share it
    json_t *params;    // of its method, shared too; NULL: a bank, whose spec is `common`
    int shots, seed;   // 0, 0: none
    const struct grid_run *grid; // first of the recipe's runs that wants it; NULL for a bank
    enum plan_state state;
    const char *why;      // "no result", "done", "failed before: ...", "missing: ...": borrowed
    double seconds;       // that it took, or, of a wanted run, plan_expect's; 0 = unknown
    double memory, bytes; // by plan_expect, of the runner and of the files it leaves; 0 = unknown
    long parameters;  // numbers that a training run trains; -1 = unknown, or it is no training run
    int needs[NEEDS]; // indexes in plan->runs; -1 = none
    const char *weights, *merges, *folder; // files of the job, borrowed; NULL when blocked
    const char *file;                      // the trained prompt that it tests; NULL: none
};

struct plan {
    struct recipe *recipe; // owned
    struct plan_run *runs; // banks (encode jobs), then train jobs, then eval jobs
    size_t n;
    size_t banks; // how many of them are banks
    size_t *of;   // (recipe->n) runs[of[i]] stands for recipe->runs[i]; several may share one
    size_t wanted, done, blocked;
    struct str *missing; // what is missing, one line each; owned
    struct map words;    // what the runs borrow:
    json_t *parts;       // texts, and parts of specs
};

/* Read the recipe, resolve its grid, look at data, weights, store (NULL = an empty one) and the
 * workspace's banks. */
int plan_load(struct plan *p, const char *recipe_path, const struct roots *roots,
              struct store *store, const char *workspace, struct err *e);
void plan_release(struct plan *p);

/* The spec of one of its runs, partial when that is blocked; a new reference. */
json_t *plan_spec(const struct plan *p, const struct plan_run *run);

/* A text of the spec, such as "job" or "dataset", or NULL. */
const char *plan_text(const struct plan_run *run, const char *key);

/* What the wanted runs will take, from runs like them that the store has (NULL = an empty one). */
int plan_expect(struct plan *p, struct store *store, struct err *e);

/* Want only what failed before, and what that needs. */
void plan_keep_failed(struct plan *p);

extern const char *const plan_state_names[]; // "done", "wanted", "blocked"

/* What `promptgrid plan --json` prints of a run: {run, job, dataset, method, shots, seed, state,
 * why,
 * ...}; every key is in every object, null where it says nothing. */
json_t *plan_json(const struct plan *p, size_t run);

#endif
