/* What a kind of figure asks of its block; for harness/recipe/recipe_output.c. */
#ifndef PROMPTGRID_HARNESS_FIGURE_CHECK_H
#define PROMPTGRID_HARNESS_FIGURE_CHECK_H

#include "harness/recipe/figure_keys.h"
#include "harness/recipe/grid.h"

/* The block has the keys that its kind needs and none that it would not look at; presets are filled
 * in, but for y where it depends on the protocol. */
int figure_check(struct recipe_figure *f, const struct yaml_node *map, struct err *e);

#endif
