/*
 * `prompt eval`: what a prompt does on a dataset's test images, now. Nothing is recorded; a
 * recipe's `method: checkpoint` does the same for a table.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "runner/prompt_work.h"
#include "runner/runner.h"
#include "runner/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The bank of the test images: the workspace's, or one made for now, whose path is then yours to
 * remove and free(). */
static int open_bank(struct prompt_work *p, struct bank *bank, char **made, struct err *e)
{
    const struct work *w = &p->work;
    const size_t images = w->split.part[SPLIT_TEST].n;
    struct err none = {0};
    char id[HASH_HEX];
    *bank = (struct bank){0};
    *made = NULL;
    if (w->method->pixels)
        return 0;
    json_t *spec = spec_bank(w->spec, "test", images);
    spec_id(spec, id);
    char *kept = str_format("%s/banks/%s.bank", p->roots.workspace, id);
    int rc = 0;
    if (bank_open(bank, kept, spec, &none) < 0) {
        const char *folder = getenv("TMPDIR");
        struct job job = p->job;
        *made = str_format("%s/promptgrid-%ld.bank", folder && *folder ? folder : "/tmp",
                           (long)getpid());
        job.spec = spec;
        job.out = *made;
        log_info("encoding %zu test images; a recipe's run keeps their features", images);
        rc = encode_job(&job, e);
        if (rc == 0)
            rc = bank_open(bank, *made, spec, e);
    }
    free(kept);
    json_decref(spec);
    return rc;
}

static int find_part(const struct prompt_work *p, const char *name, struct part *out, struct err *e)
{
    const int all = p->work.split.classes, base = split_base_classes(all);
    const struct part parts[] = {{"all", 0, all}, {"base", 0, base}, {"new", base, all - base}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (str_eq(name, parts[i].name)) {
            *out = parts[i];
            return 0;
        }
    return err_set(e, ERR_USAGE, "--part '%s': expected all, base or new", name);
}

static int say(const struct prompt_options *o, const struct prompt_work *p, const struct part *part,
               const struct eval_result *r, size_t images, struct err *e)
{
    const struct trained *t = &p->work.trained;
    const char *dataset = spec_get_text(p->spec, "dataset");
    if (o->json) {
        json_t *all = json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:f, s:f}", "path", t->path, "sha256", t->sha256,
            "trainer", t->trainer, "dataset", dataset, "part", part->name, "classes", part->n,
            "images", (json_int_t)images, "accuracy", r->accuracy, "macro_f1", r->macro_f1);
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        puts("");
        json_decref(all);
    } else {
        struct str accuracy = STR_INIT, f1 = STR_INIT;
        char *path = str_visible(t->path);
        str_add_decimal(&accuracy, r->accuracy, 2);
        str_add_decimal(&f1, r->macro_f1, 2);
        printf("%s\n  trainer   %s\n  dataset   %s, %d %sclasses, %zu test images\n  accuracy  "
               "%s\n  macro-F1  %s\n",
               path, method_find(t->trainer)->label, dataset, part->n,
               part->n == p->work.split.classes ? ""
               : str_eq(part->name, "new")      ? "new "
                                                : "base ",
               images, accuracy.data, f1.data);
        free(path);
        str_release(&accuracy);
        str_release(&f1);
    }
    return fflush(stdout) ? err_sys(e, "unable to write to stdout") : 0;
}

int prompt_eval(const struct prompt_options *o, const char *word, struct err *e)
{
    struct trained t;
    struct prompt_work p = {0};
    struct bank bank = {0};
    struct eval_result result = {0};
    struct part part;
    char *made = NULL;
    size_t images = 0;
    int rc = prompt_open(&t, o, word, e);
    if (rc < 0)
        return rc;
    if ((rc = prompt_work_open(&p, o, &t, e)) == 0 &&
        (rc = find_part(&p, o->part, &part, e)) == 0 &&
        (rc = open_bank(&p, &bank, &made, e)) == 0 &&
        (rc = test_measure(&p.work, &bank, &part, &result, &images, e)) == 0)
        rc = say(o, &p, &part, &result, images, e);
    bank_close(&bank);
    if (made)
        unlink(made);
    free(made);
    free(result.predicted);
    prompt_work_close(&p);
    trained_close(&t);
    return rc;
}
