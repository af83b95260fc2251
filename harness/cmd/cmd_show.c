/* promptgrid show RUN: what was asked of a run, what was tried, what came out. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"
#include "harness/cmd/cmd.h"
#include "harness/sched/progress.h"
#include "harness/cmd/show_cell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double real_at(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* "  name      text", the text made visible; nothing when there is no text. */
static void put_field(struct str *out, const char *name, const char *text)
{
    if (!*text)
        return;
    char *visible = str_visible(text);
    str_addf(out, "  %-10s %s\n", name, visible);
    free(visible);
}

static void put_json(struct str *out, const char *name, const json_t *value)
{
    char *text = json_is_string(value) ? mem_strdup(json_string_value(value)) : spec_text(value);
    put_field(out, name, text);
    free(text);
}

static void put_object(struct str *out, const char *title, const json_t *object)
{
    const char *key;
    json_t *value;
    str_addf(out, "\n%s\n", title);
    json_object_foreach((json_t *)object, key, value)
    {
        put_json(out, key, value);
    }
}

static void put_revision(struct str *out, const json_t *attempt)
{
    const char *commit = text_at(attempt, "commit");
    char *text = str_format("%s%s", *commit ? commit : "outside a repository",
                            json_is_true(json_object_get(attempt, "dirty"))
                                ? " with uncommitted changes (--json shows them)"
                                : "");
    put_field(out, "revision", text);
    free(text);
}

static void put_attempt(struct str *out, const json_t *a)
{
    str_addf(out, "\nattempt %d: %s\n", (int)json_integer_value(json_object_get(a, "n")),
             text_at(a, "state"));
    put_field(out, "reason", text_at(a, "reason"));
    put_field(out, "started", text_at(a, "started"));
    put_field(out, "finished", text_at(a, "finished"));
    if (json_is_number(json_object_get(a, "seconds"))) {
        char took[32];
        progress_seconds(real_at(a, "seconds"), took);
        put_field(out, "took", took);
    }
    const json_t *resumed = json_object_get(json_object_get(a, "runner"), "resumed");
    if (resumed) {
        char *text =
            str_format("after epoch %d of an earlier attempt", (int)json_integer_value(resumed));
        put_field(out, "went on", text);
        free(text);
    }
    put_field(out, "command", text_at(a, "command"));
    put_field(out, "log", text_at(a, "log"));
    put_revision(out, a);
    put_field(out, "build", text_at(a, "build"));
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(a, "machine"), key, value)
    {
        put_json(out, key, value);
    }
}

static void put_metrics(struct str *out, const json_t *all)
{
    size_t i;
    json_t *m;
    json_t *metrics = json_object_get(all, "metrics");
    if (json_array_size(metrics) == 0)
        return;
    bool sealed = json_is_true(json_object_get(all, "sealed"));
    str_addf(out, "\nresults%s\n",
             sealed ? "" : " - THEY DO NOT MATCH THEIR SEAL: rows were changed");
    json_array_foreach(metrics, i, m)
    {
        char *name = str_format("%s %s", text_at(m, "split"), text_at(m, "name"));
        str_addf(out, "  %-20s %.4f\n", name, real_at(m, "value"));
        free(name);
    }
}

static void put_curve(struct str *out, const json_t *curve)
{
    size_t n = json_array_size(curve);
    if (n == 0)
        return;
    const json_t *first = json_array_get(curve, 0), *last = json_array_get(curve, n - 1);
    str_addf(out, "\ncurve of %zu epoch%s (--json shows every one)\n", n, n == 1 ? "" : "s");
    str_addf(out, "  %-20s %.4f -> %.4f\n", "loss", real_at(first, "loss"), real_at(last, "loss"));
    str_addf(out, "  %-20s %.2f -> %.2f\n", "training accuracy", real_at(first, "accuracy"),
             real_at(last, "accuracy"));
    static const struct {
        const char *key, *name;
    } rows[] = {{"effective_rank", "effective rank"},
                {"effective_rank_change", "  of its change"},
                {"base", "probed: base"},
                {"new", "probed: new"},
                {"test", "probed: test"}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        first = last = NULL;
        for (size_t i = 0; i < n; i++) {
            const json_t *epoch = json_array_get(curve, i);
            if (!json_is_number(json_object_get(epoch, rows[r].key)))
                continue;
            first = first ? first : epoch;
            last = epoch;
        }
        if (first)
            str_addf(out, "  %-20s %.2f -> %.2f\n", rows[r].name, real_at(first, rows[r].key),
                     real_at(last, rows[r].key));
    }
}

static void put_artifacts(struct str *out, const json_t *artifacts)
{
    size_t i;
    json_t *a;
    if (json_array_size(artifacts))
        str_add(out, "\nfiles\n");
    json_array_foreach(artifacts, i, a)
    {
        put_field(out, text_at(a, "kind"), text_at(a, "path"));
        put_field(out, "sha256", text_at(a, "sha256"));
    }
}

static void put_run(struct str *out, const json_t *all)
{
    size_t i;
    json_t *attempt;
    const char *state = text_at(all, "state");
    str_addf(out, "run %s: %s\n", text_at(all, "run"), *state ? state : "never tried");
    put_object(out, "spec", json_object_get(all, "spec"));
    json_array_foreach(json_object_get(all, "attempts"), i, attempt)
    {
        put_attempt(out, attempt);
    }
    put_metrics(out, all);
    put_curve(out, json_object_get(all, "curve"));
    put_artifacts(out, json_object_get(all, "artifacts"));
}

static int show(const struct cmd_common *common, const char *prefix, struct err *e)
{
    struct store *store = NULL;
    struct str out = STR_INIT;
    json_t *all = NULL;
    char *path = cmd_store_path(common);
    int rc = store_open(&store, path, STORE_READ, e);
    if (rc == 0)
        rc = store_show(store, prefix, &all, e);
    if (rc == 0 && common->json) {
        cmd_print_json(json_incref(all));
    } else if (rc == 0) {
        put_run(&out, all);
        fputs(out.data, stdout);
    }
    if (rc == 0) // a broken seal is something that does not hold
        rc = !json_is_true(json_object_get(all, "sealed"));
    json_decref(all);
    str_release(&out);
    store_close(store);
    free(path);
    return rc;
}

int cmd_show(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    bool cell = false;
    const char *recipe = NULL;
    const struct opt table[] = {
        CMD_COMMON(common),
        {"cell", OPT_FLAG, &cell, NULL, "the runs behind TABLE ROW COLUMN of --recipe"},
        {"recipe", OPT_TEXT, &recipe, "RECIPE", "whose table --cell is about"},
        {0},
    };
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 1, 3);
    if (status < 0) {
        bool fits = cell ? rest == 3 && recipe : rest == 1 && !recipe;
        if (!fits)
            status = err_set(&e, ERR_USAGE,
                             "expected the start of a run's id, or --recipe RECIPE --cell TABLE "
                             "ROW COLUMN");
        else
            status = cell ? show_cell(&common, recipe, argv + 1, &e) : show(&common, argv[1], &e);
        if (status < 0)
            status = log_fail(&e);
    }
    free(common.data.items);
    return status;
}
