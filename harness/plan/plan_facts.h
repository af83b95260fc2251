/*
 * What a plan is made from: files that were looked at, and what earlier attempts came to. For
 * plan.c, plan_load.c and their tests.
 */
#ifndef PROMPTGRID_HARNESS_PLAN_FACTS_H
#define PROMPTGRID_HARNESS_PLAN_FACTS_H

#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/proto/method_size.h"
#include "harness/plan/plan.h"
#include "harness/plan/plan_file.h"
#include "harness/recipe/recipe.h"
#include "results/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Why something cannot be used; problem.code is 0 when it can. */
struct plan_backbone {
    const char *name;       // as the recipe has it; borrowed
    char weights[HASH_HEX]; // hash
    char bpe[HASH_HEX];     // hash
    char *weights_path, *merges_path;
    struct method_sizes sizes; // widths; 0 = unknown
    struct err problem;
};

struct plan_dataset {
    const char *name; // borrowed
    char split[HASH_HEX];
    size_t train, val, test;    // images of each split
    int classes, *class_images; // (classes) training images of each
    char *folder;
    struct err problem;
};

struct plan_facts {
    struct plan_backbone *backbones;
    size_t n_backbones;
    struct plan_dataset *datasets;
    size_t n_datasets;
    struct plan_file *files; // of the runs that test one
    size_t n_files;
    char commit[41]; // code that would run; "" = unknown

    /* earlier attempts; `arg` is passed on */
    void *arg;
    int (*state)(void *arg, const char *id, struct store_state *out, struct err *e);
    /* What is wrong with the file that a done run made, a literal: "its file is gone"; NULL:
     * nothing. */
    int (*flaw)(void *arg, const struct plan_run *run, const char **flaw, struct err *e);
};

/* What earlier runs took; `arg` is passed on. */
struct plan_past {
    void *arg;
    int (*shape)(void *arg, const json_t *spec, struct store_cost *out, struct err *e);
    int (*family)(void *arg, const json_t *spec, struct store_cost *out, struct err *e);
};

/* Takes the recipe, also when it fails. Runs that resolve to the same spec are one; those that are
 * the same to tables too, in protocol and source, leave the recipe's runs but for the first. */
int plan_build(struct plan *p, struct recipe *recipe, const struct plan_facts *facts,
               struct err *e);

int plan_expect_from(struct plan *p, const struct plan_past *past, struct err *e);

/* How many numbers a training run trains; -1 = unknown. */
long plan_parameters(const struct plan_backbone *b, const struct plan_dataset *d,
                     const struct plan_run *run);

#endif
