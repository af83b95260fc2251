/*
 * promptgrid import-logs DIR: the results that Dassl's trainers (CoOp, CoCoOp, MaPLe, ...) left in
 * their output folders, as runs of their own kind. A log that is not finished or whose loss is no
 * number is refused with its line, and its run is on record as failed: a table then says that a
 * seed is missing instead of averaging the rest.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"
#include "harness/cmd/cmd.h"
#include "harness/logs/dassl_tree.h"
#include "harness/logs/imported.h"
#include "harness/system/revision.h"
#include "results/store_imported.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run and its logs: one, or one for its base and one for its new classes. */
struct run {
    char id[HASH_HEX];
    const json_t *spec;
    const struct imported_log *logs[4];
    size_t n;
    struct err refused; // code 0: it can be used
    bool is_new;        // not what the store has already
};

struct import {
    struct cmd_common common;
    const char *backbone;
    char *command;
    struct imported_log *logs;
    size_t n_logs;
    struct run *runs;
    size_t n, capacity;
    size_t lost; // logs that belong to no run that is known
    struct store *store;
    long revision, machine;
};

/* ---- reading ---- */

/* A log of the run: a second one of the same classes must say the same. */
static void add_log(struct run *run, const struct imported_log *log)
{
    if (log->refused.code && !run->refused.code)
        run->refused = log->refused;
    for (size_t i = 0; i < run->n; i++)
        if (str_eq(run->logs[i]->split, log->split)) {
            if (run->logs[i]->accuracy != log->accuracy && !run->refused.code)
                err_set(&run->refused, ERR_CORRUPT, "%s: it and '%s' are of one run and differ",
                        log->path, run->logs[i]->path);
            return;
        }
    size_t at = run->n++; // of base and new classes, or of all: never more than there is room for
    for (; at > 0 && str_eq(log->split, "base"); at--)
        run->logs[at] = run->logs[at - 1];
    run->logs[at] = log;
}

static void group(struct import *x)
{
    struct map seen = {0};
    for (size_t i = 0; i < x->n_logs; i++) {
        const struct imported_log *log = &x->logs[i];
        char id[HASH_HEX];
        bool is_new;
        if (!log->spec) {
            x->lost++;
            continue;
        }
        spec_id(log->spec, id);
        const size_t number = map_add_text(&seen, id, &is_new);
        if (is_new) {
            struct run run = {.spec = log->spec};
            memcpy(run.id, id, sizeof id);
            MEM_PUSH(x->runs, x->n, x->capacity) = run;
        }
        add_log(&x->runs[number], log);
    }
    map_release(&seen);
}

static int read_tree(struct import *x, const char *folder, struct err *e)
{
    struct dassl_logs found;
    int rc = dassl_tree_list(&found, folder, e);
    if (rc == 0 && found.n == 0)
        rc = err_set(e, ERR_MISSING, "there is no 'log.txt' in '%s' or below it", folder);
    x->logs = mem_zero(found.n + 1, sizeof *x->logs);
    for (size_t i = 0; i < found.n && rc == 0; i++)
        rc = imported_read(&x->logs[x->n_logs++], found.paths[i], x->backbone, e);
    dassl_logs_release(&found);
    if (rc == 0)
        group(x);
    return rc;
}

/* ---- recording ---- */

static const char *kind_of(const struct imported_log *log)
{
    return str_eq(log->split, "new") ? "log new" : "log";
}

static void add_metric(json_t *events, const char *split, const char *name, double value)
{
    if (!isnan(value))
        json_array_append_new(events, json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split",
                                                split, "name", name, "value", value));
}

static json_t *events_of(const struct run *run)
{
    json_t *events = json_array();
    double seconds = 0;
    for (size_t i = 0; i < run->n; i++) {
        const struct imported_log *log = run->logs[i];
        add_metric(events, log->split, "accuracy", log->accuracy);
        add_metric(events, log->split, "macro_f1", log->macro_f1);
        json_array_append_new(events,
                              json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind",
                                        kind_of(log), "path", log->path, "sha256", log->sha256));
        seconds += log->seconds;
    }
    if (seconds > 0)
        json_array_append_new(events,
                              json_pack("{s:s, s:f}", "event", "usage", "seconds", seconds));
    return events;
}

/* 1 when the store has exactly this of the log. */
static int is_known(const struct import *x, const struct run *run, const struct imported_log *log,
                    struct err *e)
{
    char *path, sha256[HASH_HEX] = "";
    double value = NAN;
    int rc = store_artifact(x->store, run->id, kind_of(log), &path, sha256, e);
    free(path);
    if (rc < 0 || (rc = store_metric(x->store, run->id, log->split, "accuracy", &value, e)) < 0)
        return rc;
    return str_eq(sha256, log->sha256) && value == log->accuracy;
}

/* 1 when the run is on record as it is here, well or refused. */
static int is_recorded(const struct import *x, const struct run *run, struct err *e)
{
    int same = 1;
    if (run->refused.code)
        return store_refused(x->store, run->id, run->refused.text, e);
    for (size_t i = 0; i < run->n && same == 1; i++)
        same = is_known(x, run, run->logs[i], e);
    return same;
}

static int record(const struct import *x, struct run *run, struct err *e)
{
    int n, rc = is_recorded(x, run, e);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    run->is_new = true;
    const char *log = run->n ? run->logs[0]->path : NULL;
    if ((rc = store_run(x->store, run->id, run->spec, e)) < 0 ||
        (rc = store_begin(x->store, run->id, x->revision, x->machine, x->command, log, &n, e)) < 0)
        return rc;
    if (run->refused.code)
        return store_failed(x->store, run->id, n, "failed", err_name(run->refused.code),
                            run->refused.text, e);
    json_t *events = events_of(run);
    rc = store_done(x->store, run->id, n, events, e);
    json_decref(events);
    return rc;
}

static int open_store(struct import *x, const char *home, struct err *e)
{
    struct revision r;
    char *workspace = cmd_workspace(&x->common), *path = cmd_store_path(&x->common);
    int rc = fs_make_folders(workspace, e);
    if (rc == 0)
        rc = store_open(&x->store, path, STORE_WRITE, e);
    if (rc == 0) {
        revision_read(&r, home);
        rc = revision_record(&r, x->store, "", &x->revision, &x->machine, e);
        revision_release(&r);
    }
    free(workspace);
    free(path);
    return rc;
}

/* ---- words ---- */

static void print_run(const struct run *run)
{
    const json_t *s = run->spec;
    struct str line = STR_INIT;
    str_addf(&line, "%s %s", json_string_value(json_object_get(s, "dataset")),
             json_string_value(json_object_get(s, "method")));
    str_addf(&line, " %s",
             json_string_value(json_object_get(json_object_get(s, "params"), "config")));
    if (json_integer_value(json_object_get(s, "shots")))
        str_addf(&line, " %d shots seed %d", (int)json_integer_value(json_object_get(s, "shots")),
                 (int)json_integer_value(json_object_get(s, "seed")));
    if (json_object_get(s, "source"))
        str_addf(&line, " from %s", json_string_value(json_object_get(s, "source")));
    str_addc(&line, ':');
    for (size_t i = 0; i < run->n; i++) {
        str_addf(&line, " %s ", run->logs[i]->split);
        str_add_decimal(&line, run->logs[i]->accuracy, 2);
    }
    char *shown = str_visible(line.data);
    printf("%s%s\n", shown, run->is_new ? "" : " (known)");
    free(shown);
    str_release(&line);
}

static json_t *run_json(const struct run *run)
{
    json_t *metrics = json_object(), *logs = json_array();
    for (size_t i = 0; i < run->n; i++) {
        if (!isnan(run->logs[i]->accuracy))
            json_object_set_new(metrics, run->logs[i]->split, json_real(run->logs[i]->accuracy));
        char *path = str_visible(run->logs[i]->path);
        json_array_append_new(
            logs, json_pack("{s:s, s:s}", "path", path, "sha256", run->logs[i]->sha256));
        free(path);
    }
    return json_pack("{s:s, s:O, s:s, s:o, s:o}", "run", run->id, "spec", run->spec, "state",
                     run->is_new ? "imported" : "known", "metrics", metrics, "logs", logs);
}

static void add_refused(json_t *refused, const char *run, const char *reason)
{
    char *text = str_visible(reason);
    log_error("%s", reason);
    json_array_append_new(refused,
                          json_pack("{s:s?, s:s}", "run", *run ? run : NULL, "reason", text));
    free(text);
}

/* The exit status. */
static int report(const struct import *x)
{
    json_t *runs = json_array(), *refused = json_array();
    size_t fresh = 0, known = 0;
    for (size_t i = 0; i < x->n_logs; i++)
        if (!x->logs[i].spec)
            add_refused(refused, "", x->logs[i].refused.text);
    for (size_t i = 0; i < x->n; i++) {
        const struct run *run = &x->runs[i];
        if (run->refused.code) {
            add_refused(refused, run->id, run->refused.text);
            continue;
        }
        fresh += run->is_new;
        known += !run->is_new;
        json_array_append_new(runs, run_json(run));
        if (!x->common.json)
            print_run(run);
    }
    const size_t n = json_array_size(refused);
    log_info("%zu run%s imported, %zu known before, %zu refused", fresh, fresh == 1 ? "" : "s",
             known, n);
    if (x->common.json)
        cmd_print_json(json_pack("{s:O, s:O}", "runs", runs, "refused", refused));
    json_decref(runs);
    json_decref(refused);
    return n ? 1 : 0;
}

/* ---- the command ---- */

static int check_backbone(const char *name, struct err *e)
{
    if (!name || backbone_find(name))
        return 0;
    const char *near =
        str_nearest(name, &backbone_rows[0].name, backbone_rows_count(), sizeof *backbone_rows);
    return err_set(e, ERR_USAGE, "unknown backbone '%s'%s%s%s", name,
                   near ? ", did you mean '" : ": expected one that 'promptgrid weights list' has",
                   near ? near : "", near ? "'?" : "");
}

static int import(struct import *x, const char *folder, int *status, struct err *e)
{
    struct roots roots = {0};
    int rc;
    if (!fs_is_folder(folder))
        return err_set(e, ERR_MISSING, "there is no folder '%s'", folder);
    if ((rc = check_backbone(x->backbone, e)) < 0 ||
        (rc = roots_open(&roots, x->common.data.items, x->common.data.n, e)) < 0 ||
        (rc = read_tree(x, folder, e)) < 0 || (rc = open_store(x, roots.home, e)) < 0)
        goto out;
    for (size_t i = 0; i < x->n && rc == 0; i++)
        rc = record(x, &x->runs[i], e);
    if (rc == 0)
        *status = report(x);
out:
    roots_release(&roots);
    return rc;
}

int cmd_import_logs(const struct cmd *self, int argc, char **argv)
{
    struct import x = {0};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(x.common),
        {"backbone", OPT_TEXT, &x.backbone, "NAME",
         "of logs that do not say theirs, nor their configuration's name"},
        {0},
    };
    int rest;
    x.command = cmd_text_given(self->name, argc, argv);
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0 && import(&x, argv[1], &status, &e) < 0)
        status = log_fail(&e);
    store_close(x.store);
    for (size_t i = 0; i < x.n_logs; i++)
        imported_release(&x.logs[i]);
    free(x.logs);
    free(x.runs);
    free(x.command);
    free(x.common.data.items);
    return status;
}
