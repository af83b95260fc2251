/* The `table` and `figure` blocks of a recipe; for harness/recipe/recipe.c. */
#ifndef PROMPTGRID_HARNESS_RECIPE_OUTPUT_H
#define PROMPTGRID_HARNESS_RECIPE_OUTPUT_H

#include "harness/recipe/grid.h"

/* Fill r->tables and r->figures; needs r->runs. Without a `table` block: one table for each
 * protocol of the runs. */
int output_read(struct recipe *r, const struct entries *from, struct err *e);
void output_release(struct recipe *r);

/* The keys of a `figure` or a `table` block. */
void output_describe(bool figure, recipe_describe *row, void *arg);

#endif
