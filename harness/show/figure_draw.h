/* From a recipe's `figure` block to files; for the commands that draw. */
#ifndef PROMPTGRID_HARNESS_FIGURE_DRAW_H
#define PROMPTGRID_HARNESS_FIGURE_DRAW_H

#include "harness/plan/plan.h"
#include "harness/recipe/recipe.h"

/* `own`: folder of published.h. Draw the block's figures into `folder` and append the paths of
 * their files to the array `paths`. 1: no point of one of them is known yet, which is also said as
 * a warning. */
int figure_draw(const struct plan *plan, const struct recipe_figure *f, const struct roots *roots,
                struct store *store, const char *own, const char *folder, json_t *paths,
                struct err *e);

#endif
