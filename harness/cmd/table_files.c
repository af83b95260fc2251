/* See table_files.h. */
#include "harness/cmd/table_files.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "harness/show/published.h"
#include "harness/show/table_runs.h"
#include "results/store_imported.h"

#include <stdlib.h>
#include <string.h>

int table_files_open(struct table_files *f, const struct cmd_common *common, const char *recipe,
                     struct err *e)
{
    char *workspace = cmd_workspace(common);
    int rc;
    *f = (struct table_files){0};
    if ((rc = roots_open(&f->roots, common->data.items, common->data.n, e)) == 0 &&
        (rc = cmd_open_store(common, &f->store, e)) == 0 &&
        (rc = store_snapshot(f->store, 0, e)) == 0 &&
        (rc = plan_load(&f->plan, recipe, &f->roots, f->store, workspace, e)) == 0)
        f->published = published_folder(f->roots.home);
    f->own = published_own(workspace);
    free(workspace);
    return rc;
}

void table_files_release(struct table_files *f)
{
    plan_release(&f->plan);
    store_close(f->store);
    roots_release(&f->roots);
    free(f->published);
    free(f->own);
    *f = (struct table_files){0};
}

int table_files_block(const struct table_files *f, const char *name,
                      const struct recipe_table **out, struct err *e)
{
    const struct recipe *r = f->plan.recipe;
    struct str known = STR_INIT;
    for (size_t i = 0; i < r->n_tables; i++) {
        if (!name || str_eq(r->tables[i].name, name)) {
            str_release(&known);
            *out = &r->tables[i];
            return 0;
        }
        str_addf(&known, "%s'%s'", i ? ", " : "", r->tables[i].name);
    }
    if (name)
        err_set(e, ERR_USAGE, "recipe '%s' has no table '%s'; its tables are %s", r->name, name,
                known.data);
    else
        err_set(e, ERR_USAGE, "recipe '%s' has no table", r->name);
    str_release(&known);
    return e->code;
}

struct table_options table_files_options(const struct table_files *f,
                                         const struct recipe_table *block)
{
    return (struct table_options){
        .name = block->name,
        .title = block->title,
        .metrics = (const char *const *)block->metrics,
        .published_folder = f->published,
        .own_folder = f->own,
        .knows_dataset = published_knows,
        .transpose = str_eq(block->transpose, "true"),
        .mean_of_h = str_eq(block->average, "mean-of-H"),
        .t_interval = str_eq(block->interval, "t"),
        .tolerance = block->tolerance,
        .sort = block->sort,
        .delta = block->delta,
        .recipe = f->plan.recipe->path,
        .recipe_sha256 = f->plan.recipe->sha256,
    };
}

int table_files_build(struct table **out, const struct table_files *f,
                      const struct recipe_table *block, const json_t *where,
                      const struct table_options *options, struct err *e)
{
    struct table_runs runs;
    json_t *imported = NULL;
    table_runs_init(&runs, &f->plan, block, where);
    *out = NULL;
    int rc = f->imported && f->store && runs.n ? store_imported(f->store, &imported, e) : 0;
    if (imported)
        table_runs_add_imported(&runs, block, imported);
    if (rc == 0 && runs.n)
        rc = table_build(out, f->store, runs.runs, runs.n, options, e);
    table_runs_release(&runs);
    return rc;
}
