/* See plan_file.h. */
#include "harness/plan/plan_file.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/templates.h"
#include "core/proto/method_keys.h"
#include "harness/system/proc.h"

#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 64 }; // files that one process looks at

static const char *param(const struct grid_run *r, const char *key)
{
    const char *text = json_string_value(json_object_get(r->params, key));
    return text ? text : "";
}

/* ---- looking ---- */

static int code_of(const char *class_)
{
    static const int codes[] = {ERR_SYS,     ERR_USAGE,   ERR_PARSE,  ERR_RANGE,
                                ERR_MISSING, ERR_CORRUPT, ERR_NUMERIC};
    for (size_t i = 0; class_ && i < sizeof codes / sizeof codes[0]; i++)
        if (str_eq(class_, err_name(codes[i])))
            return codes[i];
    return ERR_CORRUPT;
}

/* One line of the runner's answer. */
static void take(struct plan_file *f, const json_t *said)
{
    const char *error = json_string_value(json_object_get(said, "error"));
    const char *path = json_string_value(json_object_get(said, "path"));
    const char *hash = json_string_value(json_object_get(said, "sha256"));
    const char *trainer = json_string_value(json_object_get(said, "trainer"));
    const struct method_row *row = trainer ? method_find(trainer) : NULL;
    if (error)
        err_set(&f->problem, code_of(json_string_value(json_object_get(said, "class"))), "%s",
                error);
    else if (!path || !hash || strlen(hash) != HASH_HEX - 1 || !row)
        err_set(&f->problem, ERR_CORRUPT,
                "'%s' could not be looked at: the runner is of another "
                "release",
                f->name);
    if (f->problem.code)
        return;
    f->path = mem_strdup(path);
    memcpy(f->sha256, hash, HASH_HEX);
    f->trainer = mem_strdup(row->name);
    f->trainers = json_incref(json_object_get(said, "trainers"));
    f->own = json_is_true(json_object_get(said, "own"));
    f->classes = (int)json_integer_value(json_object_get(said, "classes"));
}

static void gather(void *arg, const char *data, size_t size)
{
    str_addn(arg, data, size);
}

static int ask(const char *const *argv, struct str *answer, struct err *e)
{
    struct proc p;
    struct str last = STR_INIT, why = STR_INIT;
    const struct proc_options options = {
        .argv = argv, .events = gather, .arg = answer, .confined = true};
    int rc = proc_start(&p, &options, e);
    if (rc < 0)
        return rc;
    for (bool ended = false; !ended; ended = proc_serve(&p)) {
        struct pollfd fds[PROC_FDS];
        proc_watch(&p, fds);
        poll(fds, PROC_FDS, -1);
    }
    int status = proc_reap(&p, 1, &last);
    proc_status_text(status, &why);
    if (status)
        rc = err_set(e, ERR_SYS, "looking at prompts: '%s' %s: %s", argv[0], why.data, last.data);
    str_release(&last);
    str_release(&why);
    return rc;
}

static int look(struct plan_file *files, size_t n, const char *runner, const char *workspace,
                struct err *e)
{
    const char *argv[AT_ONCE + 8] = {runner, "inspect", "--workspace", workspace,
                                     "--fd", "3",       "--"};
    struct str answer = STR_INIT;
    for (size_t i = 0; i < n; i++)
        argv[7 + i] = files[i].name;
    int rc = ask(argv, &answer, e);
    char *line = answer.data;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const size_t size = strcspn(line, "\n");
        json_t *said = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        take(&files[i], said);
        json_decref(said);
        line += size + (line[size] == '\n');
    }
    str_release(&answer);
    return rc;
}

int plan_files_look(struct plan_file *files, size_t n, const char *workspace, struct err *e)
{
    char *runner = n ? proc_runner() : NULL;
    int rc = 0;
    for (size_t at = 0; at < n && rc == 0; at += AT_ONCE)
        rc = look(files + at, n - at < AT_ONCE ? n - at : AT_ONCE, runner, workspace, e);
    free(runner);
    return rc;
}

void plan_file_release(struct plan_file *f)
{
    free(f->name);
    free(f->path);
    free(f->trainer);
    json_decref(f->trainers);
    *f = (struct plan_file){0};
}

/* ---- runs ---- */

static const char *label_of(const char *method)
{
    return method_find(method)->label;
}

static bool could_be(const struct plan_file *f, const char *trainer)
{
    size_t i;
    json_t *name;
    json_array_foreach(f->trainers, i, name)
    {
        if (str_eq(json_string_value(name), trainer))
            return true;
    }
    return false;
}

int plan_file_check(const struct plan_file *f, const struct grid_run *r, const char *recipe,
                    struct err *e)
{
    const char *trainer = param(r, "trainer");
    const struct method_row *row = f->problem.code ? NULL : method_find(f->trainer);
    const bool others =
        str_eq(r->protocol, "base-to-new") || !str_eq(grid_run_source(r), r->dataset);
    if (!row)
        return 0;
    if (!str_eq(trainer, "auto") && !could_be(f, trainer))
        return err_set(e, ERR_PARSE, "%s:%zu: '%s' is a prompt of %s, not of %s", recipe, r->line,
                       f->path, row->label, label_of(trainer));
    if (f->own &&
        (json_object_get(r->params, "words") || !str_eq(param(r, "name-position"), "auto")))
        return err_set(e, ERR_PARSE,
                       "%s:%zu: '%s' is a result of ours, which says its words and the name's "
                       "position itself: leave them out",
                       recipe, r->line, f->path);
    if (f->classes && others)
        return err_set(e, ERR_PARSE,
                       "%s:%zu: '%s' has a context for each of its %d classes, but protocol '%s' "
                       "tests on others; choose 'few-shot' or exclude it",
                       recipe, r->line, f->path, f->classes, r->protocol);
    if (!str_eq(r->precision, "fp32") &&
        ((row->needs & METHOD_PIXELS) ||
         (str_eq(r->precision, "fp16-storage") && !(row->needs & METHOD_HALF))))
        return err_set(e, ERR_PARSE, "%s:%zu: a prompt of %s has no precision '%s'", recipe,
                       r->line, row->label, r->precision);
    return 0;
}

/* What stands before the class name in ProGrad's template of the dataset that it was trained on. */
static json_t *prograd_words(const struct grid_run *r)
{
    const struct dataset_row *d = dataset_find(grid_run_source(r));
    const char *text = d ? template_prograd(d) : "", *hole = strstr(text, "{}");
    size_t n = hole ? (size_t)(hole - text) : 0;
    while (n && text[n - 1] == ' ')
        n--;
    return json_stringn(text, n);
}

json_t *plan_file_params(const struct plan_file *f, const struct grid_run *r)
{
    const char *trainer = param(r, "trainer");
    json_t *words = json_object_get(r->params, "words");
    if (!f || f->problem.code)
        return NULL;
    if (str_eq(trainer, "auto"))
        trainer = f->trainer;
    json_t *params = json_pack("{s:s, s:s}", "file", f->sha256, "trainer", trainer);
    if (words)
        json_object_set(params, "words", words);
    else if (str_eq(trainer, "prograd") && !f->own)
        json_object_set_new(params, "words", prograd_words(r));
    if (!str_eq(param(r, "name-position"), "auto"))
        json_object_set(params, "name-position", json_object_get(r->params, "name-position"));
    return params;
}

char *plan_file_label(const struct plan_file *f, const struct grid_run *r)
{
    const char *trainer = param(r, "trainer");
    if (!str_eq(trainer, "auto"))
        return str_format("%s checkpoint", label_of(trainer));
    return str_format("%s checkpoint", label_of(f->trainer));
}
