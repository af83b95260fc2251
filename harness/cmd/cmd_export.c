/*
 * promptgrid export RECIPE: everything about a recipe's results in one file, for whoever reads the
 * paper: recipe, specs, results, learned prompts, logs, tables, figures, report, checksums.
 */
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"
#include "harness/cmd/bundle.h"
#include "harness/cmd/cmd.h"
#include "harness/system/proc.h"
#include "harness/cmd/report_gather.h"
#include "plots/plot.h"
#include "results/store_subset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct cmd_common common;
    const char *out;
};

struct export
{
    const struct options *o;
    struct report_data data;
    struct bundle *bundle;
    const char **runs; // ids that the plan has
    size_t n_runs, missing;
};

static int add_text(struct export *x, const char *name, const char *text, struct err *e)
{
    return bundle_add(x->bundle, name, text, strlen(text), e);
}

/* A file that may have been removed since: counted, no error. */
static int add_file(struct export *x, const char *name, const char *path, struct err *e)
{
    if (!fs_is_file(path)) {
        x->missing++;
        return 0;
    }
    return bundle_add_file(x->bundle, name, path, e);
}

static int add_recipe(struct export *x, struct err *e)
{
    int rc = 0;
    for (char **file = x->data.files.plan.recipe->files; *file && rc == 0; file++) {
        char *name = str_format("recipe/%s", fs_base(*file));
        rc = bundle_add_file(x->bundle, name, *file, e);
        free(name);
    }
    return rc;
}

static int add_store(struct export *x, const char *folder, struct err *e)
{
    char *path = fs_join(folder, "promptgrid.sqlite");
    int rc = store_subset(x->data.files.store, path, x->runs, x->n_runs, e);
    if (rc == 0)
        rc = bundle_add_file(x->bundle, "promptgrid.sqlite", path, e);
    unlink(path);
    free(path);
    return rc;
}

/* Spec, log and learned prompt of a run that is done. */
static int add_run(struct export *x, const struct plan_run *run, struct err *e)
{
    struct store *store = x->data.files.store;
    char hash[HASH_HEX], *path = NULL, *log;
    int rc = store_log(store, run->id, &log, e);
    if (rc < 0)
        return rc;
    json_t *spec = plan_spec(&x->data.files.plan, run);
    char *text = spec_text(spec), *name = str_format("specs/%s.json", run->id);
    rc = add_text(x, name, text, e);
    free(name);
    free(text);
    json_decref(spec);
    if (rc == 0 && log) {
        name = str_format("logs/%s", fs_base(log));
        rc = add_file(x, name, log, e);
        free(name);
    }
    int found = rc == 0 ? store_artifact(store, run->id, "prompt", &path, hash, e) : 0;
    rc = found < 0 ? found : rc;
    if (found == 1) {
        name = str_format("prompts/%s.safetensors", run->id);
        rc = add_file(x, name, path, e);
        free(name);
    }
    free(path);
    free(log);
    return rc;
}

static int add_tables(struct export *x, struct err *e)
{
    const struct table_files *f = &x->data.files;
    int rc = 0;
    for (size_t i = 0; i < f->plan.recipe->n_tables && rc == 0; i++) {
        const struct recipe_table *block = &f->plan.recipe->tables[i];
        struct table_options o = table_files_options(f, block);
        struct table *t;
        o.against_published = !o.delta;
        rc = table_files_build(&t, f, block, NULL, &o, e);
        for (size_t k = 0; rc == 0 && t && table_format_name(k); k++) {
            static const char *const endings[] = {"txt", "md", "tex", "csv", "html"};
            struct str text = STR_INIT;
            char *name = str_format("tables/%s.%s", block->name, endings[k % 5]);
            table_open_file(table_format_name(k), block->title, &text);
            rc = table_format(t, table_format_name(k), 0, &text, e);
            table_close_file(table_format_name(k), &text);
            if (rc == 0)
                rc = add_text(x, name, text.data, e);
            str_release(&text);
            free(name);
        }
        table_free(t);
    }
    return rc;
}

static int add_figures(struct export *x, const char *folder, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < x->data.report.n_figures && rc == 0; i++)
        for (const char *const *ending = plot_endings; *ending && rc == 0; ending++) {
            if (!x->data.report.figures[i].svg)
                continue;
            char *name = str_format("figures/%s%s", x->data.report.figures[i].name, *ending);
            char *path = fs_join(folder, fs_base(name));
            rc = add_file(x, name, path, e);
            free(path);
            free(name);
        }
    return rc;
}

static int add_manifest(struct export *x, struct err *e)
{
    const struct report *r = &x->data.report;
    const struct recipe *recipe = x->data.files.plan.recipe;
    json_t *manifest =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:O, s:O}", "bundle", "promptgrid 1",
                  "recipe", recipe->name, "recipe_file", fs_base(recipe->path), "recipe_sha256",
                  recipe->sha256, "runs", (json_int_t)r->runs, "done", (json_int_t)r->done,
                  "failed", (json_int_t)r->failed, "origins", r->origins, "inputs", r->inputs);
    char *text = json_dumps(manifest, JSON_INDENT(1));
    int rc = add_text(x, "MANIFEST.json", text, e);
    free(text);
    json_decref(manifest);
    return rc;
}

static const char readme[] =
    "A bundle of promptgrid. Unpacked it is a workspace:\n\n"
    "    promptgrid table --workspace . recipe/*.yaml\n"
    "    promptgrid reproduce BUNDLE.tar.zst      run a sample again and compare\n"
    "    sha256sum -c SHA256SUMS\n\n"
    "recipe/ what was asked. promptgrid.sqlite every run, attempt, number, epoch and prediction.\n"
    "specs/ what each run was, RUN being its SHA-256. prompts/ what was learned. logs/ what "
    "runners\n"
    "said. tables/, figures/, report.html the results. MANIFEST.json code, machines and inputs.\n";

static int fill(struct export *x, const char *plots, const char *folder, struct err *e)
{
    const struct plan *plan = &x->data.files.plan;
    struct str page = STR_INIT;
    int rc;
    if ((rc = add_manifest(x, e)) < 0 || (rc = add_text(x, "README.txt", readme, e)) < 0 ||
        (rc = add_recipe(x, e)) < 0 || (rc = add_store(x, folder, e)) < 0 ||
        (rc = add_tables(x, e)) < 0 || (rc = add_figures(x, plots, e)) < 0)
        return rc;
    report_html(&x->data.report, &page);
    rc = add_text(x, "report.html", page.data, e);
    str_release(&page);
    for (size_t i = 0; i < plan->n && rc == 0; i++)
        if (plan->runs[i].state == PLAN_DONE && *plan->runs[i].id)
            rc = add_run(x, &plan->runs[i], e);
    return rc;
}

static int export(struct export *x, const char *recipe, const char *path, struct err *e)
{
    char *workspace = cmd_workspace(&x->o->common), *plots = fs_join(workspace, "plots");
    char *folder = str_format("%s/export-XXXXXX", workspace), *name = NULL;
    const char *const words[] = {"promptgrid", "report", recipe, NULL};
    char *command = proc_command_text(words);
    bool made = false;
    int rc = report_gather(&x->data, &x->o->common, recipe, plots, command, e);
    const struct plan *plan = &x->data.files.plan;
    if (rc == 0 && !x->data.files.store)
        rc = err_set(e, ERR_MISSING, "no results yet in '%s'", workspace);
    if (rc < 0)
        goto out;
    x->runs = mem_alloc(plan->n + 1, sizeof *x->runs);
    for (size_t i = 0; i < plan->n; i++)
        if (*plan->runs[i].id)
            x->runs[x->n_runs++] = plan->runs[i].id;
    made = mkdtemp(folder) != NULL;
    name = str_format("promptgrid-%s", plan->recipe->name);
    rc = made ? bundle_create(&x->bundle, path, name, e)
              : err_sys(e, "unable to make a folder in '%s'", workspace);
    if (rc == 0 && (rc = fill(x, plots, folder, e)) == 0) {
        rc = bundle_commit(x->bundle, e);
        x->bundle = NULL;
    }
out:
    bundle_abandon(x->bundle);
    if (made)
        rmdir(folder);
    report_release(&x->data);
    free(x->runs);
    free(command);
    free(name);
    free(folder);
    free(plots);
    free(workspace);
    return rc;
}

int cmd_export(const struct cmd *self, int argc, char **argv)
{
    struct options o = {0};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"o", OPT_TEXT, &o.out, "FILE", "where to write (default: RECIPE.tar.zst here)"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        struct export x = {.o = &o};
        char *path = o.out ? mem_strdup(o.out)
                           : str_format("%.*s.tar.zst", (int)strcspn(fs_base(argv[1]), "."),
                                        fs_base(argv[1]));
        status = export(&x, argv[1], path, &e) < 0 ? log_fail(&e) : 0;
        if (status == 0 && x.missing)
            log_warn("%zu files that are no longer there are left out", x.missing);
        if (status == 0 && o.common.json)
            cmd_print_json(json_pack("{s:s, s:I}", "path", path, "missing", (json_int_t)x.missing));
        else if (status == 0)
            puts(path);
        free(path);
    }
    free(o.common.data.items);
    return status;
}
