/*
 * promptgrid reproduce RECIPE|RUN|BUNDLE: run a sample of what is recorded again, in a workspace of
 * its own and from the images on, and say for each number whether it came out the same.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/cmd/bundle.h"
#include "harness/cmd/cmd.h"
#include "harness/plan/label.h"
#include "harness/plan/plan.h"
#include "harness/system/proc.h"
#include "harness/recipe/recipe.h"
#include "harness/cmd/reproduce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    struct cmd_common common;
    const char *within, *backbone;
    long sample;
    bool all, keep;
    double points;
};

enum { SAMPLE = 3, MANIFEST_LIMIT = 16 << 20 };

/* What is run again. */
struct chosen {
    json_t **specs;         // owned
    const char **backbones; // borrowed from the specs or the recipe
    size_t n;
};

static void chosen_release(struct chosen *c)
{
    for (size_t i = 0; i < c->n; i++)
        json_decref(c->specs[i]);
    free(c->specs);
    free(c->backbones);
}

static void choose(struct chosen *c, const json_t *spec, const char *backbone)
{
    c->specs = mem_grow(c->specs, c->n + 1, sizeof *c->specs);
    c->backbones = mem_grow(c->backbones, c->n + 1, sizeof *c->backbones);
    c->specs[c->n] = json_deep_copy(spec);
    c->backbones[c->n] =
        backbone ? backbone : json_string_value(json_object_get(c->specs[c->n], "backbone"));
    c->n++;
}

/* A prompt from a file was trained by others: there is nothing to train again. */
static bool is_training(const json_t *spec)
{
    const char *method = json_string_value(json_object_get(spec, "method"));
    const struct method_row *row = method ? method_find(method) : NULL;
    return str_eq(json_string_value(json_object_get(spec, "job")), "train") &&
           !(row && (row->needs & METHOD_FILE));
}

/* A sample of the recipe's done training runs; evaluations have no numbers of their own making. */
static int choose_sample(struct chosen *c, const struct options *o, const struct plan *plan,
                         struct err *e)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < plan->n; i++)
        total += plan->runs[i].state == PLAN_DONE && *plan->runs[i].id && plan->runs[i].grid &&
                 is_training(plan->runs[i].common);
    for (size_t i = 0; i < plan->n; i++) {
        const struct plan_run *run = &plan->runs[i];
        if (run->state != PLAN_DONE || !*run->id || !run->grid || !is_training(run->common))
            continue;
        if (o->all || reproduce_picks(at, total, (size_t)o->sample)) {
            json_t *spec = plan_spec(plan, run);
            choose(c, spec, o->backbone ? o->backbone : run->grid->backbone);
            json_decref(spec);
        }
        at++;
    }
    return c->n ? 0
                : err_set(e, ERR_MISSING, "recipe '%s' has no result yet to be reproduced",
                          plan->recipe->name);
}

/* The run of this id. */
static int choose_run(struct chosen *c, const char *prefix, const char *backbone,
                      struct store *store, struct err *e)
{
    json_t *all;
    int rc = store_show(store, prefix, &all, e);
    if (rc < 0)
        return rc;
    const json_t *spec = json_object_get(all, "spec");
    const char *folder = json_string_value(json_object_get(spec, "backbone"));
    if (is_training(spec) && !backbone && !backbone_find(folder))
        rc = err_set(e, ERR_MISSING,
                     "the backbone of run '%.12s' was a folder '%s': say where it is now with "
                     "'--backbone .../%s'",
                     json_string_value(json_object_get(all, "run")), folder, folder);
    else if (is_training(spec))
        choose(c, spec, backbone);
    else
        rc = err_set(e, ERR_USAGE,
                     "run '%.12s' is no training run: reproduce one that reads its result",
                     json_string_value(json_object_get(all, "run")));
    json_decref(all);
    return rc;
}

static bool is_run_id(const char *word)
{
    return strlen(word) >= 4 && word[strspn(word, "0123456789abcdef")] == 0;
}

/* ---- running again ---- */

/* The kind of device that the first of the runs was done on; "" when it is not known. */
static int recorded_device(const struct plan *plan, struct store *recorded, char out[16],
                           struct err *e)
{
    *out = 0;
    for (size_t i = 0; i < plan->n && !*out; i++) {
        struct store_result r;
        if (!is_training(plan->runs[i].common))
            continue;
        if (store_result(recorded, plan->runs[i].id, &r, e) < 0)
            return e->code;
        memcpy(out, r.device, sizeof r.device);
        store_result_release(&r);
    }
    return 0;
}

/* `promptgrid run` in the new workspace, on the same kind of device: another gives other bits. What
 * failed there is seen in the comparison. */
static int run_again(const struct options *o, const char *recipe, const char *workspace,
                     const char *device, struct err *e)
{
    char *self = fs_sibling("promptgrid");
    const char **argv = mem_zero(10 + 2 * o->common.data.n, sizeof *argv);
    size_t n = 0;
    argv[n++] = self;
    argv[n++] = "run";
    argv[n++] = "--workspace";
    argv[n++] = workspace;
    for (size_t i = 0; i < o->common.data.n; i++) {
        argv[n++] = "--data";
        argv[n++] = o->common.data.items[i];
    }
    if (*device) {
        argv[n++] = "--device";
        argv[n++] = device;
    }
    argv[n++] = "--keep-going";
    argv[n++] = recipe;
    int rc = proc_run(argv, NULL, e);
    free(argv);
    free(self);
    return rc;
}

/* ---- comparison ---- */

static void print_run(const json_t *one)
{
    size_t i;
    json_t *m;
    const json_t *prompt = json_object_get(one, "prompt");
    printf("%s: %s\n", json_string_value(json_object_get(one, "label")),
           json_string_value(json_object_get(one, "verdict")));
    if (!str_eq(json_string_value(json_object_get(one, "state")), "done"))
        printf("  %s%s%s\n", json_string_value(json_object_get(one, "state")),
               json_object_get(one, "reason") != json_null() ? ": " : "",
               json_object_get(one, "reason") != json_null()
                   ? json_string_value(json_object_get(one, "reason"))
                   : "");
    json_array_foreach(json_object_get(one, "metrics"), i, m)
    {
        const json_t *x = json_object_get(m, "recorded"), *y = json_object_get(m, "now");
        char *name = str_format("%s %s", json_string_value(json_object_get(m, "split")),
                                json_string_value(json_object_get(m, "name")));
        char *a = json_is_real(x) ? str_format("%.4f", json_real_value(x)) : mem_strdup("-");
        char *b = json_is_real(y) ? str_format("%.4f", json_real_value(y)) : mem_strdup("-");
        printf("  %-16s %10s %10s  %s\n", name, a, b,
               json_string_value(json_object_get(m, "verdict")));
        free(name);
        free(a);
        free(b);
    }
    if (json_is_string(prompt))
        printf("  %-16s %21s  %s\n", "learned prompt", "", json_string_value(prompt));
}

/* Every chosen run in both stores; the ids are those of the plan of the generated recipe. */
static int compare(const struct options *o, const struct plan *plan, struct store *recorded,
                   struct store *now, enum reproduced *worst, json_t *all, struct err *e)
{
    struct labels labels;
    int rc = 0;
    labels_init(&labels, plan);
    for (size_t i = 0; i < plan->n && rc == 0; i++) {
        json_t *one;
        if (!is_training(plan->runs[i].common))
            continue;
        char *label = labels_run(&labels, plan, &plan->runs[i]);
        rc = reproduce_compare(recorded, now, plan->runs[i].id, label, o->points, worst, &one, e);
        free(label);
        if (rc < 0)
            break;
        if (!o->common.json)
            print_run(one);
        json_array_append_new(all, one);
    }
    labels_release(&labels);
    return rc;
}

static int reproduce(const struct options *o, const char *word, enum reproduced *worst, json_t *all,
                     struct err *e)
{
    struct roots roots = {0};
    struct store *store = NULL, *again = NULL;
    struct plan plan = {0}, chosen_plan = {0};
    struct chosen chosen = {0};
    char *workspace = cmd_workspace(&o->common);
    char *top = str_format("%s/reproduce-XXXXXX", workspace), *text = NULL;
    char *path = NULL, *result = NULL;
    char device[16];
    bool made = false;
    int rc;
    if ((rc = roots_open(&roots, o->common.data.items, o->common.data.n, e)) < 0 ||
        (rc = cmd_open_store(&o->common, &store, e)) < 0)
        goto out;
    if (!store) {
        rc = err_set(e, ERR_MISSING, "no results yet in '%s'", workspace);
        goto out;
    }
    if (is_run_id(word) && !fs_is_file(word))
        rc = choose_run(&chosen, word, o->backbone, store, e);
    else if ((rc = plan_load(&plan, word, &roots, store, workspace, e)) == 0)
        rc = choose_sample(&chosen, o, &plan, e);
    if (rc < 0)
        goto out;
    made = mkdtemp(top) != NULL;
    if (!made) {
        rc = err_sys(e, "unable to make a folder in '%s'", workspace);
        goto out;
    }
    text = reproduce_recipe((const json_t *const *)chosen.specs, chosen.backbones, chosen.n);
    path = fs_join(top, "reproduce.yaml");
    result = fs_join(top, "promptgrid.sqlite");
    if ((rc = fs_write(path, text, strlen(text), e)) < 0 ||
        (rc = plan_load(&chosen_plan, path, &roots, store, top, e)) < 0)
        goto out;
    log_info("running %zu of the recorded runs again in '%s'", chosen.n, top);
    if ((rc = recorded_device(&chosen_plan, store, device, e)) < 0)
        goto out;
    if ((rc = run_again(o, path, top, device, e)) < 0)
        log_warn("%s", e->text);
    *e = (struct err){0};
    if ((rc = store_open(&again, result, STORE_READ, e)) == 0)
        rc = compare(o, &chosen_plan, store, again, worst, all, e);
out:
    store_close(again);
    store_close(store);
    if (made && !o->keep && rc == 0 && *worst != REPRODUCED_DIFFERS)
        fs_remove_tree(top, &(struct err){0});
    else if (made)
        log_info("what was run again is kept in '%s'", top);
    plan_release(&plan);
    plan_release(&chosen_plan);
    chosen_release(&chosen);
    roots_release(&roots);
    free(text);
    free(path);
    free(result);
    free(top);
    free(workspace);
    return rc;
}

/* A bundle is a workspace once it is unpacked. */
static int reproduce_bundle(struct options *o, const char *path, enum reproduced *worst,
                            json_t *all, struct err *e)
{
    const char *temporary = getenv("TMPDIR");
    char *folder = str_format("%s/promptgrid-XXXXXX", temporary ? temporary : "/tmp");
    char *manifest = NULL, *recipe = NULL, *text = NULL;
    json_t *about = NULL;
    int rc = 0;
    bool made = mkdtemp(folder) != NULL;
    if (!made)
        rc = err_sys(e, "unable to make the folder '%s'", folder);
    if (rc == 0 && (rc = bundle_unpack(path, folder, e)) == 0) {
        manifest = fs_join(folder, "MANIFEST.json");
        rc = fs_read(&text, NULL, manifest, MANIFEST_LIMIT, e);
        about = rc == 0 ? json_loads(text, 0, NULL) : NULL;
        const char *name = json_string_value(json_object_get(about, "recipe_file"));
        if (rc == 0 && (!name || strchr(name, '/')))
            rc = err_set(e, ERR_PARSE, "'%s' does not say its recipe", path);
        if (rc == 0)
            recipe = str_format("%s/recipe/%s", folder, name);
    }
    o->common.workspace = folder;
    if (rc == 0)
        rc = reproduce(o, recipe, worst, all, e);
    if (made && !o->keep && *worst != REPRODUCED_DIFFERS)
        fs_remove_tree(folder, &(struct err){0});
    json_decref(about);
    free(text);
    free(recipe);
    free(manifest);
    free(folder);
    return rc;
}

int cmd_reproduce(const struct cmd *self, int argc, char **argv)
{
    struct options o = {.within = "0.5", .sample = SAMPLE};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"sample", OPT_COUNT, &o.sample, "N", "so many training runs of the recipe (default: 3)"},
        {"all", OPT_FLAG, &o.all, NULL, "every one"},
        {"within", OPT_TEXT, &o.within, "P",
         "percent points that a number may be off (default: 0.5)"},
        {"backbone", OPT_TEXT, &o.backbone, "NAME|DIR",
         "where the weights are now, if the runs' backbone was a folder"},
        {"keep", OPT_FLAG, &o.keep, NULL, "keep the workspace that they are run in"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0 && (!str_to_double(o.within, &o.points) || !(o.points >= 0))) {
        err_set(&e, ERR_USAGE, "'--within %s' is not a number of points", o.within);
        status = log_fail(&e);
    }
    if (status < 0) {
        enum reproduced worst = REPRODUCED_SAME;
        json_t *all = json_array();
        int rc = str_ends(argv[1], ".tar.zst") ? reproduce_bundle(&o, argv[1], &worst, all, &e)
                                               : reproduce(&o, argv[1], &worst, all, &e);
        if (rc < 0)
            status = log_fail(&e);
        else
            status = worst == REPRODUCED_DIFFERS ? 1 : 0;
        if (o.common.json && rc == 0)
            cmd_print_json(all);
        else
            json_decref(all);
    }
    free(o.common.data.items);
    return status;
}
