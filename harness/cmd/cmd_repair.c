/*
 * promptgrid repair: damaged files are set aside, results that do not verify are taken back, and
 * what verifies stays. Nothing is thrown away: files go to <workspace>/damaged, the store as it was
 * is kept beside the new one.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/check/check.h"
#include "harness/cmd/cmd.h"
#include "harness/system/proc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct repair {
    const char *workspace, *path;
    struct store *store;
    json_t *done; // array of texts, for people and programs
    bool lost;    // something that has to be made again
};

static void __attribute__((format(printf, 2, 3))) say(struct repair *r, const char *format, ...);

static void say(struct repair *r, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(r->done, json_string(text));
}

/* PATH.WHAT, or PATH.WHAT.2 and so on: a name that is free. Yours to free(). */
static char *free_name(const char *path, const char *what)
{
    char *name = str_format("%s%s", path, what);
    for (int i = 2; fs_is_file(name); i++) {
        free(name);
        name = str_format("%s%s.%d", path, what, i);
    }
    return name;
}

/* What store_mend does about it. */
static const char *mended(enum finding_kind kind)
{
    return kind == FINDING_SEAL     ? "its results were taken back"
           : kind == FINDING_COLUMN ? "it was written again"
                                    : "removed";
}

static int set_aside(struct repair *r, const char *path, struct err *e)
{
    char *folder = fs_join(r->workspace, "damaged");
    char *start = fs_join(folder, fs_base(path)), *to = free_name(start, "");
    int rc = fs_make_folders(folder, e);
    if (rc == 0 && sys_rename(path, to) < 0)
        rc = err_sys(e, "cannot move '%s' to '%s'", path, to);
    if (rc == 0)
        say(r, "'%s' is now '%s'", path, to);
    r->lost |= rc == 0;
    free(to);
    free(start);
    free(folder);
    return rc;
}

/* ---- the store ---- */

static int rebuild(struct repair *r, struct err *e)
{
    struct store_rebuilt n;
    char *aside = free_name(r->path, ".damaged");
    store_close(r->store);
    r->store = NULL;
    r->lost = true;
    int rc = store_rebuild(r->path, aside, &n, e);
    if (rc == 0)
        say(r, "the store was rebuilt with %zu runs, %zu of them done; the damaged one is '%s'",
            n.runs, n.done, aside);
    free(aside);
    return rc ? rc : store_open(&r->store, r->path, STORE_WRITE, e);
}

static int mend(struct repair *r, const struct check *c, struct err *e)
{
    char *copy = free_name(r->path, ".before-repair");
    int rc = store_mend(r->store, copy, e);
    for (size_t i = 0; rc == 0 && i < c->n; i++) {
        const struct finding *f = &c->findings[i];
        say(r, "%s%s%.12s: %s; %s", finding_names[f->kind], *f->run ? " of run " : "", f->run,
            f->text, mended(f->kind));
        r->lost |= f->kind != FINDING_COLUMN;
    }
    if (rc == 0)
        say(r, "the store as it was is '%s'", copy);
    free(copy);
    return rc;
}

static int repair_store(struct repair *r, struct err *e)
{
    struct check c;
    int rc = store_open(&r->store, r->path, STORE_WRITE, e);
    if (rc == ERR_CORRUPT) {
        e->code = 0;
        return rebuild(r, e);
    }
    check_init(&c, r->workspace, "", NULL, NULL);
    if (rc == 0)
        rc = check_store(&c, r->store, e);
    bool broken = false;
    for (size_t i = 0; i < c.n; i++)
        broken |= c.findings[i].kind == FINDING_STORE;
    if (rc == 0 && c.n)
        rc = broken ? rebuild(r, e) : mend(r, &c, e);
    check_release(&c);
    return rc;
}

/* ---- files ---- */

static int repair_file(struct repair *r, const struct finding *f, struct err *e)
{
    int rc = 0;
    if (f->kind != FINDING_BANK && f->kind != FINDING_PROMPT && f->kind != FINDING_CHECKPOINT &&
        f->kind != FINDING_JOB)
        return 0;
    // First the store: a file that is gone while its run counts as done would not be missed.
    if (f->kind == FINDING_BANK || f->kind == FINDING_PROMPT)
        rc = store_lose(r->store, f->run, f->text, e);
    if (rc == 0)
        rc = set_aside(r, f->path, e);
    return rc;
}

static int repair_files(struct repair *r, const struct roots *roots, size_t *left, struct err *e)
{
    struct check c;
    char *runner = proc_runner();
    check_init(&c, r->workspace, runner, NULL, roots);
    int rc = check_files(&c, r->store, e);
    for (size_t i = 0; rc == 0 && i < c.n; i++) {
        bool outside = c.findings[i].kind >= FINDING_WEIGHTS;
        *left += outside;
        if (outside)
            log_warn("%s %s", finding_names[c.findings[i].kind], c.findings[i].text);
        rc = repair_file(r, &c.findings[i], e);
    }
    check_release(&c);
    free(runner);
    return rc;
}

static void report(const struct repair *r, bool json)
{
    if (json) {
        cmd_print_json(json_pack("{s:O}", "done", r->done));
        return;
    }
    for (size_t i = 0; i < json_array_size(r->done); i++) {
        char *text = str_visible(json_string_value(json_array_get(r->done, i)));
        puts(text);
        free(text);
    }
    puts(!json_array_size(r->done) ? "nothing to repair"
         : r->lost                 ? "'promptgrid run RECIPE' makes again what was lost"
                                   : "nothing was lost");
}

static int repair(const struct cmd_common *common, struct err *e)
{
    char *workspace = cmd_workspace(common), *path = cmd_store_path(common);
    struct repair r = {.workspace = workspace, .path = path, .done = json_array()};
    struct roots roots = {0};
    size_t left = 0;
    int rc = roots_open(&roots, common->data.items, common->data.n, e);
    if (rc == 0 && !fs_is_file(path))
        rc = err_set(e, ERR_MISSING, "no results yet: '%s' is not there", path);
    if (rc == 0)
        rc = repair_store(&r, e);
    if (rc == 0)
        rc = repair_files(&r, common->data.n ? &roots : NULL, &left, e);
    if (rc == 0 || json_array_size(r.done))
        report(&r, common->json);
    store_close(r.store);
    roots_release(&roots);
    json_decref(r.done);
    free(path);
    free(workspace);
    return rc < 0 ? rc : left > 0;
}

int cmd_repair(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 0, 0);
    if (status < 0) {
        status = repair(&common, &e);
        if (status < 0)
            status = log_fail(&e);
    }
    free(common.data.items);
    return status;
}
