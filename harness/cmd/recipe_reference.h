/* The reference of recipes, from the tables that check them: docs/recipe.md and
 * promptgrid-recipe.5. */
#ifndef PROMPTGRID_HARNESS_RECIPE_REFERENCE_H
#define PROMPTGRID_HARNESS_RECIPE_REFERENCE_H

#include "harness/cmd/page.h"

void recipe_reference(struct page *p);

#endif
