/* What the commands about tables read: the recipe's plan, the store, the published numbers. */
#ifndef PROMPTGRID_HARNESS_TABLE_FILES_H
#define PROMPTGRID_HARNESS_TABLE_FILES_H

#include "harness/cmd/cmd.h"
#include "harness/plan/plan.h"
#include "harness/recipe/recipe.h"
#include "results/table.h"

struct table_files {
    struct roots roots;
    struct plan plan;
    struct store *store; // NULL when there is none yet
    char *published;     // folder
    char *own;           // folder of those that import-csv took in; may not be there
    bool imported;       // tables show imported runs beside the recipe's
};

int table_files_open(struct table_files *f, const struct cmd_common *common, const char *recipe,
                     struct err *e);
void table_files_release(struct table_files *f); // fine after a failure, and on zeros

/* The recipe's table of this name, the first for NULL; an error lists them. */
int table_files_block(const struct table_files *f, const char *name,
                      const struct recipe_table **out, struct err *e);

/* The options that the block itself sets; the command's are changed on top of them. */
struct table_options table_files_options(const struct table_files *f,
                                         const struct recipe_table *block);

/* The table of those runs of the block that `where` (NULL = all) selects; *out NULL, and 0, when it
 * selects none. */
int table_files_build(struct table **out, const struct table_files *f,
                      const struct recipe_table *block, const json_t *where,
                      const struct table_options *options, struct err *e);

#endif
