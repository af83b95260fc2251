/*
 * Does a workspace hold? Store, banks, prompts, checkpoints and job files against the hashes that
 * were recorded with them, and, when asked, weights, splits and few-shot lists against the specs.
 * Reads only. What does not hold is a finding; an error is one of looking.
 */
#ifndef PROMPTGRID_HARNESS_CHECK_H
#define PROMPTGRID_HARNESS_CHECK_H

#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/data/catalogue.h"
#include "core/data/manifest.h"
#include "harness/plan/label.h"
#include "harness/plan/plan.h"
#include "results/store_check.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum finding_kind {
    FINDING_STORE,
    FINDING_SPEC,
    FINDING_COLUMN,
    FINDING_SEAL,
    FINDING_ROWS,
    FINDING_BANK,
    FINDING_PROMPT,
    FINDING_CHECKPOINT,
    FINDING_JOB,
    FINDING_WEIGHTS,
    FINDING_MERGES,
    FINDING_SPLIT,
    FINDING_KINDS,
};
extern const char *const finding_names[FINDING_KINDS];

struct finding {
    enum finding_kind kind;
    char run[HASH_HEX]; // "" = of no run
    char *path, *text;  // path NULL: of no file
};

/* A file or folder outside the workspace that specs name by its hash: looked at once. */
struct check_file {
    enum finding_kind kind;
    char *name, *hash;        // "vit-b16", as specs have it
    char *path;               // NULL: nowhere
    struct split *split;      // of a dataset whose hash is right; NULL otherwise
    struct manifest manifest; // of that dataset, if it has one
    struct err problem;
    size_t runs; // that name it
};

struct check {
    const char *workspace, *runner; // borrowed
    const struct roots *roots;      // where data is looked for; NULL: data is not looked at
    json_t *scope;                  // ids and shapes of the runs that count; NULL = all
    json_t *ids;                    // with a scope: ids of the store's runs in it
    struct labels labels;
    struct finding *findings;
    size_t n, capacity;
    struct check_file *files;
    size_t n_files, files_capacity;
    size_t runs, results, banks, prompts, checkpoints, jobs, lists; // that hold
    size_t gone_banks, gone_prompts; // not there: made again when a run needs them
};

/* `plan` NULL: every run; otherwise its runs, also those made with other weights or splits. */
void check_init(struct check *c, const char *workspace, const char *runner, const struct plan *plan,
                const struct roots *roots);
void check_release(struct check *c);

int check_store(struct check *c, struct store *s, struct err *e);
int check_files(struct check *c, struct store *s, struct err *e); // and data, when it has roots

void check_add(struct check *c, enum finding_kind kind, const char *run, const char *path,
               const char *text);

/* What to do about it: a command, or words. Yours to free(). */
char *finding_next(const struct finding *f);

/* check_data.c: what a run's spec says of weights, merges and split; the split of an encode spec
 * when it is there and right, or NULL; findings at the end. */
void check_inputs(struct check *c, const char *run, const json_t *spec);
const struct check_file *check_dataset(const struct check *c, const json_t *spec);
void check_inputs_end(struct check *c);

#endif
