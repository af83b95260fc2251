/*
 * Inside of recipes: axes, checked blocks and their expansion. For harness/recipe/recipe*.c and
 * grid.c only; everybody else sees harness/recipe/recipe.h.
 *
 * A block is one grid of a recipe: axes, methods, zips and rules, every value checked. Expanding it
 * gives points, which hold each axis and each parameter of the method alike, so that conditions,
 * settings and the comparison of points need no case for either kind.
 */
#ifndef PROMPTGRID_HARNESS_GRID_H
#define PROMPTGRID_HARNESS_GRID_H

#include "core/base/err.h"
#include "core/proto/method_keys.h"
#include "harness/recipe/recipe.h"
#include "harness/recipe/yaml.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- axes that every run has (recipe_axes.c) ---- */

enum {
    AXIS_PROTOCOL,
    AXIS_BACKBONE,
    AXIS_PRECISION,
    AXIS_VIEWS,
    AXIS_SOURCE,
    AXIS_DATASET,
    AXIS_SHOTS,
    AXIS_SEED,
    AXES,
    AXIS_METHOD = AXES, // a row like the others, but its values are blocks of their own
    AXIS_ROWS,
};

extern const struct method_key axis_rows[AXIS_ROWS + 1]; // ends with a NULL name

const struct method_key *axis_find(const char *name);  // NULL if unknown
const struct method_key *param_find(const char *name); // of the first method that has it, or NULL

/* ---- names, for suggestions ---- */

struct names {
    const char **items; // borrowed texts; free(items)
    size_t n, capacity;
};
void names_add(struct names *names, const char *name);
void names_add_axes(struct names *names);   // the axes, "method" too
void names_add_params(struct names *names); // every parameter of every method, once

/* "unknown WHAT 'word', did you mean 'x'?", or the known names when none is near; frees `known`. */
int unknown_name(struct err *e, const struct yaml_node *at, const char *what, const char *word,
                 struct names *known);

/* ---- values ---- */

/* One value of `key` from a scalar: a JSON integer, real or string; a new reference. */
int value_read(const struct method_key *key, const struct yaml_node *node, json_t **out,
               struct err *e);

/* A scalar or a list: every value; named sets of datasets are replaced by their members. */
int values_read(const struct method_key *key, const struct yaml_node *node, json_t **array,
                struct err *e);

/* Text, a name of [a-z0-9-], a whole number of a block that is no axis; `out` is yours. */
int text_read(const struct yaml_node *node, const char *what, char **out, struct err *e);
int name_read(const struct yaml_node *node, const char *what, char **out, struct err *e);

/* {axis: value or list, ...} -> object axis -> array of values. */
int condition_read(const struct yaml_node *node, json_t **out, struct err *e);

/* Is a value of the list `wanted` equal to `value`? */
bool value_in(const json_t *wanted, const json_t *value);

/* ---- blocks (recipe_block.c) ---- */

struct axis {
    const struct method_key *key; // NULL: not given
    json_t *values;               // array, owned
    const struct yaml_node *at;   // for messages; NULL for a preset
};

struct zip {
    struct axis *axes;
    size_t n, length; // every axis has `length` values
};

struct grid_method {
    const struct method_row *row;
    const struct yaml_node *at;
    size_t line;
    struct axis *params; // one for each key of the row, in its order; key NULL: zipped or absent
};

struct rule {
    json_t *when; // axis -> array of values
    json_t *set;  // key -> value; NULL in an exclusion
};

struct grid_block {
    const struct yaml_node *at;
    struct axis axes[AXES]; // key NULL: zipped
    struct zip *zips;
    size_t n_zips;
    struct grid_method *methods;
    size_t n_methods;
    struct rule *whens, *excludes;
    size_t n_whens, n_excludes;
};

/* Keys in effect, later ones having replaced earlier ones of the same name. */
struct entry {
    const struct yaml_node *key, *value;
};
struct entries {
    struct entry *items; // free(items)
    size_t n, capacity;
};
void entries_put(struct entries *to, const struct yaml_node *key, const struct yaml_node *value);
const struct entry *entries_find(const struct entries *from, const char *name); // NULL if absent

/* `at` stands for the block in messages. */
int block_read(struct grid_block *block, const struct entries *from, const struct yaml_node *at,
               struct err *e);
void block_release(struct grid_block *block);

/* ---- expansion (grid.c) ---- */

/* Runs of all blocks in order, equal ones once; they borrow from `values`. More than `limit` points
 * are refused before any is made. `runs` and `values` are yours, also when it fails. */
int grid_expand(const struct grid_block *blocks, size_t n, size_t limit, struct grid_run **runs,
                size_t *n_runs, json_t **values, struct err *e);

#endif
