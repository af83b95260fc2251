/* promptgrid plot: the figures of a recipe, from the runs that are done. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd.h"
#include "harness/figure.h"
#include "harness/plan.h"
#include "harness/proc.h"
#include "harness/recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct cmd_common common;
    const char *name; // of one figure; NULL = all
    const char *out;  // folder; NULL = <workspace>/plots
};

static int read_values(struct store *store, const char *run, double values[METRICS], struct err *e)
{
    for (int m = 0; m < METRICS; m++) {
        values[m] = NAN;
        if (!store || !*run || !table_metrics[m].split)
            continue;
        double value;
        int rc = store_metric(store, run, table_metrics[m].split, "accuracy", &value, e);
        if (rc < 0)
            return rc;
        if (rc == 1)
            values[m] = value;
    }
    values[METRIC_H] = stats_harmonic(values[METRIC_BASE], values[METRIC_NEW]);
    return 0;
}

/* The code behind the numbers, each once: "0123456789ab (uncommitted changes)". */
static int add_revision(struct str *out, struct store *store, const char *run, struct err *e)
{
    struct store_state state;
    int rc = store_state(store, run, &state, e);
    if (rc < 0)
        return rc;
    char *text = str_format("code %.12s%s\n", *state.commit ? state.commit : "unknown",
                            state.dirty ? " with uncommitted changes" : "");
    if (!strstr(out->data, text))
        str_add(out, text);
    free(text);
    store_state_release(&state);
    return 0;
}

/* The runs that the figure selects, with their numbers, and the caption for data and script. */
static int gather(struct figure_run **out, size_t *n, struct str *caption, const struct plan *plan,
                  const struct recipe_figure *f, struct store *store, struct err *e)
{
    const struct recipe *r = plan->recipe;
    struct str code = STR_INIT;
    size_t done = 0;
    int rc = 0;
    *n = 0;
    *out = mem_zero(r->n + 1, sizeof **out);
    for (size_t i = 0; i < r->n && !rc; i++) {
        const struct plan_run *run = &plan->runs[plan->of[i]];
        if (!grid_run_matches(&r->runs[i], f->where))
            continue;
        struct figure_run *figure_run = &(*out)[(*n)++];
        figure_run->run = &r->runs[i];
        bool is_done = run->state == PLAN_DONE;
        done += is_done;
        rc = read_values(is_done ? store : NULL, run->id, figure_run->values, e);
        if (!rc && is_done)
            rc = add_revision(&code, store, run->id, e);
    }
    str_addf(caption,
             "recipe %s, text %.12s; %zu of %zu runs done\n%s"
             "y: mean over seeds; spread: sample standard deviation over seeds\n"
             "H: harmonic mean of mean base and mean new accuracy; Average: over datasets\n",
             r->name, r->sha256, done, *n, code.data);
    str_release(&code);
    return rc;
}

/* Draw one `figure` block and print what was written. 1: no point is known yet. */
static int draw(const struct plan *plan, const struct recipe_figure *f, struct store *store,
                const char *folder, json_t *paths, struct err *e)
{
    struct figure_run *runs = NULL;
    struct plot *plots = NULL;
    struct str caption = STR_INIT;
    size_t n_runs = 0, n = 0;
    int rc = gather(&runs, &n_runs, &caption, plan, f, store, e);
    if (!rc)
        rc = figures_build(&plots, &n, f, plan->recipe->name, caption.data, runs, n_runs, e);
    for (size_t i = 0; i < n && rc >= 0; i++) {
        if (!plots[i].n) {
            log_warn("figure '%s' is left out: none of its runs is done", f->name);
            rc = 1;
            continue;
        }
        int written = plot_write(&plots[i], folder, proc_run, e);
        if (written < 0)
            rc = written;
        for (const char *const *ending = plot_endings; written == 0 && *ending; ending++)
            json_array_append_new(paths, json_sprintf("%s/%s.%s", folder, plots[i].name, *ending));
    }
    figures_free(plots, n);
    str_release(&caption);
    free(runs);
    return rc;
}

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
    char *workspace = cmd_workspace(&o->common);
    char *folder = o->out ? mem_strdup(o->out) : fs_join(workspace, "plots");
    int status = 0, rc;
    if ((rc = roots_open(&roots, o->common.data.items, o->common.data.n, e)) < 0 ||
        (rc = cmd_open_store(&o->common, &store, e)) < 0 ||
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
            rc = draw(&plan, &r->figures[i], store, folder, paths, e);
            status |= rc == 1;
        }
out:
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(folder);
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
            status = cmd_fail(&e);
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
