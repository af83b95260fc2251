/*
 * Recipes: YAML text -> checked blocks -> the grid of runs.
 *
 * Every error names file:line:col, shows the line with a caret, and suggests the nearest known
 * name. Limits: 1 MiB of text, 32 levels, no aliases beyond 1000, and `limit` runs (default
 * 100,000).
 */
#ifndef PROMPTGRID_HARNESS_RECIPE_H
#define PROMPTGRID_HARNESS_RECIPE_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One resolved combination: plain values only, borrowed from the recipe. */
struct grid_run {
    const char *protocol, *backbone, *dataset, *method;
    const char *source; // trained on, where that is not `dataset` by the protocol; NULL otherwise
    const char *views;  // "none", "fresh", "8", ...
    const char *precision; // "fp32", "bf16", "fp16-storage"
    int shots, seed;       // 0, 0 for a method that does not train
    json_t *params; // every key of the method, resolved; zero-shot's "template" may be absent; runs
                    // with equal ones share the object
    size_t line;    // of the recipe, for messages
};

/* A `table:` or `figure:` block; axes are names of columns of the results. */
struct recipe_table {
    char *name, *title;
    char *rows, *columns; // axis names: method, dataset, shots
    char *group;          // axis of the headings above rows; NULL = none
    char **metrics;       // NULL-terminated: base, new, H, accuracy, ...
    json_t *where;        // object axis -> value or array of values; may be NULL
    char *interval;       // "std" or "t"
    char *average;        // of H: "H-of-averages" or "mean-of-H"
    char *transpose;      // "true" or "false"
    char *sort, *delta;   // as --sort and --delta of `table`; NULL = none
    double tolerance;     // points to a published number that count as the same; 0 = by interval
};
struct recipe_figure {
    char *name, *title;
    char *kind;               // of harness/show/figure.h: "curve"
    char *x, *series, *panel; // axis names: rank, shots / method, dataset; x, panel: NULL = none
    char **metrics;           // y: one curve family a metric
    char **second;            // y2: those of the right axis, or NULL
    char *baseline;           // row or method that bars are differences from, or NULL
    char *band;               // "interval", "deviation" or "none"
    char *published;          // "true" or "false": numbers of others beside ours
    char *width;              // "single", "double" or NULL: by the number of panels
    char *font;               // NULL = the plots' own
    bool latex;               // with text that LaTeX sets, too
    json_t *where;
};

struct recipe {
    char *path, *name, *about;
    char **files;          // the file and those that it extends, NULL-terminated
    char sha256[65];       // of the text; with `extends`, of all texts in order
    struct grid_run *runs; // in recipe order, no two equal
    size_t n;
    json_t *values; // what they borrow from
    struct recipe_table *tables;
    size_t n_tables;
    struct recipe_figure *figures;
    size_t n_figures;
    json_t *slurm; // as slurm_block_read has it; NULL = none
};

/* The dataset that the run's method trains on, if it trains. */
const char *grid_run_source(const struct grid_run *r);

/* Is `dataset` only tested on: is the run an evaluation of another run's result? */
bool grid_run_is_eval(const struct grid_run *r);

/* Does the run have a wanted value of every axis of `where` (object axis -> value or array; NULL =
 * every run does)? Shots, seed and views of a method that does not train match any. */
bool grid_run_matches(const struct grid_run *r, const json_t *where);

/* The keys of a recipe, one line each, for help. */
void recipe_help(struct str *out);

/* For references: called with each key of a table of keys. `values` says what it may be: words
 * separated by '|', or a description; preset NULL: none, or `help` says it. */
typedef void recipe_describe(void *arg, const char *name, const char *values, const char *preset,
                             const char *help);

/* Keys of a recipe's file that are no axes. */
void recipe_keys_describe(recipe_describe *row, void *arg);

int recipe_load(struct recipe **out, const char *path, struct err *e);
void recipe_free(struct recipe *r); // NULL is fine

/* Forget all but the first `n` runs. */
void recipe_keep(struct recipe *r, size_t n);

#endif
