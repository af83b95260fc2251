/*
 * Trained prompts from files, for methods that test one: the paths that runs name, what the files
 * are, and what of both is a run's identity. The runner looks into the files; this program only
 * hears what it found.
 */
#ifndef PROMPTGRID_HARNESS_PLAN_FILE_H
#define PROMPTGRID_HARNESS_PLAN_FILE_H

#include "core/base/err.h"
#include "core/base/hash.h"
#include "harness/recipe/recipe.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct plan_file {
    char *name; // the path as a run has it; owned
    char *path; // the file that it means; owned, as the next
    char sha256[HASH_HEX];
    char *trainer;      // a method's name
    json_t *trainers;   // all that its tensors could be of
    bool own;           // a result of ours
    int classes;        // that it knows alone; 0: it serves any
    struct err problem; // code 0: it can be used
};

/* Fill in everything but `name` of `n` files; `workspace` holds the results that may be named by
 * the beginning of their run. */
int plan_files_look(struct plan_file *files, size_t n, const char *workspace, struct err *e);
void plan_file_release(struct plan_file *f);

/* Can this run be made of it? ERR_PARSE with the recipe's line. */
int plan_file_check(const struct plan_file *f, const struct grid_run *r, const char *recipe,
                    struct err *e);

/* The spec's params; a new reference. NULL: the file is not there. */
json_t *plan_file_params(const struct plan_file *f, const struct grid_run *r);

/* What tables call one that can be used, when the recipe does not say: "MaPLe checkpoint"; yours to
 * free(). */
char *plan_file_label(const struct plan_file *f, const struct grid_run *r);

#endif
