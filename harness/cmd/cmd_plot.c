/* promptgrid plot: the figures of a recipe, from the runs that are done. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/show/figure_draw.h"
#include "harness/show/published.h"
#include "harness/plan/plan.h"
#include "harness/recipe/recipe.h"

#include <stdio.h>
#include <stdlib.h>

struct options {
    struct cmd_common common;
    const char *name; // of one figure; NULL = all
    const char *out;  // folder; NULL = <workspace>/plots
};

static int find_figure(const struct recipe *r, const char *name, struct err *e)
{
    for (size_t i = 0; i < r->n_figures; i++)
        if (str_eq(r->figures[i].name, name))
            return 0;
    const char *near =
        r->n_figures ? str_nearest(name, &r->figures[0].name, r->n_figures, sizeof r->figures[0])
                     : NULL;
    return err_set(e, ERR_USAGE, "recipe '%s' has no figure '%s'%s%s%s", r->name, name,
                   near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int plot_recipe(const struct options *o, const char *path, json_t *paths, struct err *e)
{
    struct roots roots = {0};
    struct store *store = NULL;
    struct plan plan = {0};
    char *workspace = cmd_workspace(&o->common), *own = published_own(workspace);
    char *folder = o->out ? mem_strdup(o->out) : fs_join(workspace, "plots");
    int status = 0, rc;
    if ((rc = roots_open(&roots, o->common.data.items, o->common.data.n, e)) < 0 ||
        (rc = cmd_open_store(&o->common, &store, e)) < 0 ||
        (rc = store_snapshot(store, 0, e)) < 0 ||
        (rc = plan_load(&plan, path, &roots, store, workspace, e)) < 0)
        goto out;
    const struct recipe *r = plan.recipe;
    if (!r->n_figures)
        rc = err_set(e, ERR_USAGE, "recipe '%s' asks for no figure: give it a block 'figure'",
                     r->name);
    else if (o->name)
        rc = find_figure(r, o->name, e);
    for (size_t i = 0; i < r->n_figures && rc >= 0; i++)
        if (!o->name || str_eq(r->figures[i].name, o->name)) {
            rc = figure_draw(&plan, &r->figures[i], &roots, store, own, folder, paths, e);
            status |= rc == 1;
        }
out:
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(folder);
    free(own);
    free(workspace);
    return rc < 0 ? rc : status;
}

int cmd_plot(const struct cmd *self, int argc, char **argv)
{
    struct options o = {0};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"name", OPT_TEXT, &o.name, "FIGURE", "draw only this one"},
        {"out", OPT_TEXT, &o.out, "DIR", "where to write (default: plots in the workspace)"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        json_t *paths = json_array();
        status = plot_recipe(&o, argv[1], paths, &e);
        if (status < 0)
            status = log_fail(&e);
        for (size_t i = 0; !o.common.json && i < json_array_size(paths); i++)
            puts(json_string_value(json_array_get(paths, i)));
        if (o.common.json)
            cmd_print_json(paths);
        else
            json_decref(paths);
    }
    free(o.common.data.items);
    return status;
}
