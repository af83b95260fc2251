/*
 * The runs of a recipe's `table` block with the row and column each belongs to. Pure: it looks at
 * the plan only.
 */
#ifndef PROMPTGRID_HARNESS_TABLE_RUNS_H
#define PROMPTGRID_HARNESS_TABLE_RUNS_H

#include "core/base/map.h"
#include "harness/plan/plan.h"
#include "harness/recipe/recipe.h"
#include "results/table.h"

struct table_runs {
    struct table_run *runs; // borrows from the plan, from `labels` and from `imported`
    size_t n, capacity;
    struct map labels;
    json_t *imported;
};

/* A run without a value on an axis (zero-shot has no shots, CoOp no rank) stands beside every value
 * of that axis. */
/* `where`: a condition beside the block's own, or NULL. */
void table_runs_init(struct table_runs *out, const struct plan *p, const struct recipe_table *block,
                     const json_t *where);
void table_runs_release(struct table_runs *t);

/* Beside them the imported runs of the store that were made under the same conditions: protocol,
 * backbone, source and dataset of one of the runs, and the shots of one that trains. In rows named
 * after their trainers; not where an axis of the block is a parameter. `imported`: array of {run,
 * spec} (results/store_imported.h), whose reference is taken. */
void table_runs_add_imported(struct table_runs *t, const struct recipe_table *block,
                             json_t *imported);

#endif
