/* promptgrid check [RECIPE] [--data [DIR]]: does the workspace hold? Changes nothing. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "harness/check/check.h"
#include "harness/cmd/cmd.h"
#include "harness/system/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_options {
    struct cmd_common common;
    bool data;
};

/* "--data" stands alone too ("look at the data"), where elsewhere it is followed by a folder. */
static int take_bare_data(int argc, char **argv, bool *bare)
{
    int n = 1;
    for (int i = 1; i < argc; i++) {
        bool alone = str_eq(argv[i], "--data") && (i + 1 == argc || !fs_is_folder(argv[i + 1]));
        *bare |= alone;
        if (!alone)
            argv[n++] = argv[i];
    }
    argv[n] = NULL;
    return n;
}

static json_t *findings_json(const struct check *c)
{
    json_t *array = json_array();
    for (size_t i = 0; i < c->n; i++) {
        const struct finding *f = &c->findings[i];
        char *next = finding_next(f);
        json_array_append_new(array,
                              json_pack("{s:s, s:s*, s:s*, s:s, s:s}", "kind",
                                        finding_names[f->kind], "run", *f->run ? f->run : NULL,
                                        "path", f->path, "text", f->text, "next", next));
        free(next);
    }
    return array;
}

#define COUNT(name, value) name, (json_int_t)(value)
static json_t *check_json(const struct check *c)
{
    json_t *counts =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", COUNT("runs", c->runs),
                  COUNT("results", c->results), COUNT("banks", c->banks),
                  COUNT("prompts", c->prompts), COUNT("checkpoints", c->checkpoints),
                  COUNT("jobs", c->jobs), COUNT("lists", c->lists), COUNT("files", c->n_files),
                  COUNT("gone_banks", c->gone_banks), COUNT("gone_prompts", c->gone_prompts));
    return json_pack("{s:o, s:o}", "hold", counts, "findings", findings_json(c));
}

static void put_finding(struct str *out, const struct finding *f)
{
    char *text = str_visible(f->text), *path = f->path ? str_visible(f->path) : NULL;
    str_add(out, finding_names[f->kind]);
    if (*f->run)
        str_addf(out, " of run %.12s", f->run);
    if (path && !strstr(text, path))
        str_addf(out, " '%s'", path);
    str_addf(out, ": %s\n", text);
    free(path);
    free(text);
}

/* Each finding in a line, and what to do once for findings that ask for the same. */
static void put_findings(struct str *out, const struct check *c)
{
    char *last = NULL;
    for (size_t i = 0; i < c->n; i++) {
        char *next = finding_next(&c->findings[i]);
        if (last && !str_eq(last, next))
            str_addf(out, "  next: %s\n", last);
        put_finding(out, &c->findings[i]);
        free(last);
        last = next;
    }
    if (last)
        str_addf(out, "  next: %s\n", last);
    free(last);
}

static void put_counts(struct str *out, const struct check *c)
{
    str_addf(out, "%zu runs, %zu results, %zu banks, %zu prompts, %zu checkpoints, %zu job files",
             c->runs, c->results, c->banks, c->prompts, c->checkpoints, c->jobs);
    if (c->roots)
        str_addf(out, ", %zu files of data, %zu lists of images", c->n_files, c->lists);
    str_add(out, c->n ? " were looked at or hold" : " hold");
    if (c->gone_banks || c->gone_prompts)
        str_addf(out,
                 "; %zu banks and %zu prompts are not there and are made when a run needs them",
                 c->gone_banks, c->gone_prompts);
    str_addc(out, '\n');
    if (c->n)
        str_addf(out, "%zu %s not hold\n", c->n, c->n == 1 ? "thing does" : "things do");
}

static int look(struct check *c, const char *path, struct err *e)
{
    struct store *store = NULL;
    int rc = store_open(&store, path, STORE_LOOK, e);
    if (rc == ERR_CORRUPT) {
        check_add(c, FINDING_STORE, "", path, e->text);
        e->code = rc = 0;
    } else if (rc == 0) {
        rc = check_store(c, store, e);
    }
    bool readable = rc == 0 && store;
    for (size_t i = 0; i < c->n; i++)
        readable &= c->findings[i].kind != FINDING_STORE;
    if (rc == 0)
        rc = check_files(c, readable ? store : NULL, e);
    store_close(store);
    return rc;
}

static int check(const struct check_options *o, const char *recipe, struct err *e)
{
    struct roots roots = {0};
    struct plan plan = {0};
    struct check c = {0};
    struct str out = STR_INIT;
    char *workspace = cmd_workspace(&o->common), *path = cmd_store_path(&o->common);
    char *runner = proc_runner();
    bool data = o->data || o->common.data.n;
    int rc = roots_open(&roots, o->common.data.items, o->common.data.n, e);
    if (rc < 0 || (recipe && (rc = plan_load(&plan, recipe, &roots, NULL, workspace, e)) < 0))
        goto out;
    check_init(&c, workspace, runner, recipe ? &plan : NULL, data ? &roots : NULL);
    if ((rc = look(&c, path, e)) < 0)
        goto out;
    if (o->common.json) {
        cmd_print_json(check_json(&c));
    } else {
        put_findings(&out, &c);
        put_counts(&out, &c);
        fputs(out.data, stdout);
    }
    rc = c.n > 0;
out:
    str_release(&out);
    check_release(&c);
    plan_release(&plan);
    roots_release(&roots);
    free(runner);
    free(path);
    free(workspace);
    return rc;
}

int cmd_check(const struct cmd *self, int argc, char **argv)
{
    struct check_options o = {0};
    struct err e = {0};
    const struct opt table[] = {
        {"workspace", OPT_TEXT, &o.common.workspace, "DIR",
         "results and banks (default: $PROMPTGRID_WORKSPACE, else ./workspace)"},
        {"data", OPT_LIST, &o.common.data, "[DIR]",
         "prove weights, splits and few-shot lists too; DIR as elsewhere"},
        {"json", OPT_FLAG, &o.common.json, NULL, "print JSON"},
        {0},
    };
    int rest;
    argc = take_bare_data(argc, argv, &o.data);
    int status = cmd_options(self, table, argc, argv, &rest, 0, 1);
    if (status < 0) {
        status = check(&o, rest ? argv[1] : NULL, &e);
        if (status < 0)
            status = log_fail(&e);
    }
    free(o.common.data.items);
    return status;
}
