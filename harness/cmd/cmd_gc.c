/*
 * promptgrid gc [RECIPE...] [--yes]: remove feature banks that no recipe needs. Without --yes it
 * only says what it would remove; a bank that is needed after all is made again by `run`.
 *
 * Needed are the banks of the recipes; without a recipe, those that any run of the workspace was
 * told to read.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/job.h"
#include "harness/cmd/cmd.h"
#include "harness/plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct gc {
    const struct cmd_common *common;
    const char *workspace;
    json_t *needed;  // names of banks
    json_t *kept_of; // datasets whose banks all stay: a recipe cannot say which it needs
    bool yes;
};

static void need(struct gc *g, const char *path)
{
    if (path)
        json_object_set_new(g->needed, fs_base(path), json_true());
}

static int needs_of_recipe(struct gc *g, const char *recipe, const struct roots *roots,
                           struct err *e)
{
    struct plan plan;
    int rc = plan_load(&plan, recipe, roots, NULL, g->workspace, e);
    for (size_t i = 0; rc == 0 && i < plan.n; i++) {
        const struct plan_run *r = &plan.runs[i];
        char *name = str_format("%s.bank", r->id);
        const char *dataset = plan_text(r, "dataset");
        if (r->state == PLAN_BLOCKED)
            json_object_set_new(g->kept_of, dataset, json_true());
        else if (i < plan.banks)
            need(g, name);
        free(name);
    }
    plan_release(&plan);
    return rc;
}

static int needs_of_jobs(struct gc *g, struct err *e)
{
    struct fs_names names;
    char *folder = fs_join(g->workspace, "jobs");
    int rc = fs_list(&names, folder, e);
    if (rc == ERR_MISSING) // nothing was ever run
        rc = e->code = 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        struct job job;
        if (!str_ends(names.names[i], ".json"))
            continue;
        char *path = fs_join(folder, names.names[i]);
        rc = job_read(&job, path, e);
        if (rc < 0)
            err_wrap(e, "it cannot be told which banks are needed; 'promptgrid repair' first");
        need(g, job.train_bank);
        need(g, job.test_bank);
        need(g, job.val_bank);
        job_release(&job);
        free(path);
    }
    fs_names_release(&names);
    free(folder);
    return rc;
}

/* The dataset of the encode run that made the bank; "" when its job file does not say. */
static char *dataset_of(const struct gc *g, const char *bank)
{
    struct job job;
    struct err e = {0};
    char *run = mem_strndup(bank, strlen(bank) - strlen(".bank"));
    char *path = str_format("%s/jobs/%s.json", g->workspace, run);
    int rc = job_read(&job, path, &e);
    const char *name = rc == 0 ? json_string_value(json_object_get(job.spec, "dataset")) : NULL;
    char *copy = mem_strdup(name ? name : "");
    job_release(&job);
    free(path);
    free(run);
    return copy;
}

static bool is_needed(const struct gc *g, const char *bank)
{
    if (json_object_get(g->needed, bank))
        return true;
    if (!json_object_size(g->kept_of))
        return false;
    char *dataset = dataset_of(g, bank);
    bool keep = !*dataset || json_object_get(g->kept_of, dataset);
    free(dataset);
    return keep;
}

static int sweep(struct gc *g, json_t *removed, double *bytes, size_t *kept, struct err *e)
{
    struct fs_names names;
    char *folder = fs_join(g->workspace, "banks");
    int rc = fs_list(&names, folder, e);
    if (rc == ERR_MISSING) // nothing was ever run
        rc = e->code = 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        struct stat info;
        char *path = fs_join(folder, names.names[i]);
        if (!str_ends(path, ".bank") || lstat(path, &info) < 0) {
            ; // not a bank, or gone meanwhile
        } else if (is_needed(g, names.names[i])) {
            ++*kept;
        } else if (g->yes && unlink(path) < 0) {
            rc = err_sys(e, "cannot remove '%s'", path);
        } else {
            json_array_append_new(removed, json_string(path));
            *bytes += (double)info.st_size;
        }
        free(path);
    }
    fs_names_release(&names);
    free(folder);
    return rc;
}

static void report(const struct gc *g, json_t *removed, double bytes, size_t kept)
{
    size_t n = json_array_size(removed);
    if (g->common->json) {
        cmd_print_json(json_pack("{s:b, s:O, s:f, s:I}", "removed", g->yes, "banks", removed,
                                 "bytes", bytes, "kept", (json_int_t)kept));
        return;
    }
    for (size_t i = 0; i < n; i++)
        puts(json_string_value(json_array_get(removed, i)));
    printf("%zu banks, %.1f MB, %s; %zu are needed\n", n, bytes / 1e6,
           g->yes ? "were removed" : "would be removed", kept);
    if (n && !g->yes)
        puts("the same command with --yes removes them");
}

static int gc(struct gc *g, char **recipes, int n, struct err *e)
{
    struct roots roots = {0};
    struct store *lock = NULL;
    json_t *removed = json_array();
    double bytes = 0;
    size_t kept = 0;
    char *path = cmd_store_path(g->common);
    int rc = cmd_need_store(path, e);
    if (rc == 0)
        rc = roots_open(&roots, g->common->data.items, g->common->data.n, e);
    if (rc == 0 && g->yes) // no scheduler may be about to read them
        rc = store_open(&lock, path, STORE_WRITE, e);
    for (int i = 0; i < n && rc == 0; i++)
        rc = needs_of_recipe(g, recipes[i], &roots, e);
    if (rc == 0 && n == 0)
        rc = needs_of_jobs(g, e);
    if (rc == 0)
        rc = sweep(g, removed, &bytes, &kept, e);
    if (rc == 0)
        report(g, removed, bytes, kept);
    json_decref(removed);
    store_close(lock);
    roots_release(&roots);
    free(path);
    return rc;
}

int cmd_gc(const struct cmd *self, int argc, char **argv)
{
    enum { RECIPES_LIMIT = 1000 };
    struct cmd_common common = {0};
    struct gc g = {.common = &common, .needed = json_object(), .kept_of = json_object()};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(common),
        {"yes", OPT_FLAG, &g.yes, NULL, "remove them; without it they are only listed"},
        {0},
    };
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 0, RECIPES_LIMIT);
    if (status < 0) {
        char *workspace = cmd_workspace(&common);
        g.workspace = workspace;
        status = gc(&g, argv + 1, rest, &e);
        if (status < 0)
            status = log_fail(&e);
        free(workspace);
    }
    json_decref(g.needed);
    json_decref(g.kept_of);
    free(common.data.items);
    return status;
}
