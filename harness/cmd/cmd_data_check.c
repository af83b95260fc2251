/*
 * promptgrid data check: is a dataset what it should be, before a run finds out? Its lists, its
 * counts, and every image: there, and of a kind that can be read; with --deep decoded, hashed and
 * held against the manifest.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/data/inspect.h"
#include "core/data/link.h"
#include "core/data/origin.h"
#include "core/data/resplit.h"
#include "harness/cmd/cmd_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN = 20 }; // problems

struct options {
    struct cmd_common common;
    struct roots roots;
    bool deep, write, many; // many: more than one dataset
    json_t *all;            // with --json
};

/* One dataset under examination. */
struct subject {
    const struct dataset_row *row;
    char *folder;
    struct split split;
    struct manifest manifest;
    struct inspect found;
    bool wrote;
};

static void subject_release(struct subject *s)
{
    inspect_release(&s->found);
    manifest_release(&s->manifest);
    split_release(&s->split);
    free(s->folder);
}

/* ---- what is said ---- */

static size_t problems(const struct subject *s)
{
    size_t n = 0;
    for (int k = 0; k < INSPECT_KINDS; k++)
        n += s->found.count[k];
    return n;
}

static json_t *problems_json(const struct subject *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->found.n; i++) {
        const struct inspect_problem *p = &s->found.problems[i];
        char *path = str_visible(p->path), *text = str_visible(p->text);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "path", path, "part",
                                              split_part_names[p->part], "kind",
                                              inspect_kinds[p->kind], "text", text));
        free(path);
        free(text);
    }
    return list;
}

static json_t *subject_json(const struct subject *s, const char *note, bool deep)
{
    size_t n[SPLIT_PARTS];
    for (int p = 0; p < SPLIT_PARTS; p++)
        n[p] = s->split.part[p].n;
    char *folder = str_visible(s->folder);
    json_t *json = json_pack(
        "{s:s, s:s, s:i, s:I, s:I, s:I, s:s, s:s, s:s?, s:s?, s:s?, s:I, s:I, s:o}", "name",
        s->row->name, "folder", folder, "classes", s->split.classes, "train",
        (json_int_t)n[SPLIT_TRAIN], "val", (json_int_t)n[SPLIT_VAL], "test",
        (json_int_t)n[SPLIT_TEST], "split", s->split.hash, "counts", *note ? note : "official",
        "note", s->row->note, "content", deep ? s->found.made.hash : NULL, "manifest",
        s->manifest.n ? s->manifest.hash : NULL, "misnamed", (json_int_t)s->found.misnamed,
        "shared", (json_int_t)s->found.shared, "problems", problems_json(s));
    BUG_IF(!json);
    free(folder);
    return json;
}

/* The images are the manifest's, but it is of another split or list. */
static bool lists_changed(const struct subject *s)
{
    return s->manifest.n && s->found.made.n && !problems(s) && !s->wrote &&
           !str_eq(s->manifest.hash, s->found.made.hash);
}

/* What the manifest says of a deep look, or of none. */
static void print_manifest(const struct subject *s, bool deep)
{
    if (s->wrote)
        printf("manifest: written, '%s/%s'\n", s->folder, manifest_file);
    else if (s->manifest.n && deep)
        printf("manifest: %s\n", s->found.count[INSPECT_CHANGED] ? "does not hold"
                                 : lists_changed(s) ? "does not hold: its lists or its files are "
                                                      "others"
                                                    : "holds");
    else if (s->manifest.n)
        printf("manifest: there, of %zu files; --deep holds the images against it\n",
               s->manifest.n);
    else
        printf("manifest: none; --deep --write makes one\n");
}

static void print_subject(const struct subject *s, const char *note, bool deep)
{
    char *where = str_visible(s->folder);
    const size_t bad = problems(s);
    printf("%s in '%s': %d classes; %zu train, %zu val, %zu test images, ", s->row->name, where,
           s->split.classes, s->split.part[SPLIT_TRAIN].n, s->split.part[SPLIT_VAL].n,
           s->split.part[SPLIT_TEST].n);
    if (bad)
        printf("%zu of %zu with problems\n", bad, s->found.images);
    else
        puts(deep ? "all there and decoded" : "all there");
    printf("counts: %s\n", *note ? note
                           : s->row->layout == LAYOUT_SPLIT_JSON && !dataset_is_taken(s->row->name)
                               ? "as described"
                               : "the official ones");
    if (deep && !bad)
        printf("content: %s (SHA-256 of the manifest)\n", s->found.made.hash);
    print_manifest(s, deep);
    if (s->found.misnamed) {
        char *first = str_visible(s->found.misnamed_first);
        printf("note: %zu image%s of another kind than the name says, which does no harm; '%s' is "
               "%s\n",
               s->found.misnamed, s->found.misnamed == 1 ? " is" : "s are", first,
               s->found.misnamed_kind);
        free(first);
    }
    if (s->found.shared) {
        char *first = str_visible(s->found.shared_first);
        printf("note: %zu test image%s the bytes of a training image; the first is '%s'\n",
               s->found.shared, s->found.shared == 1 ? " has" : "s have", first);
        free(first);
    }
    if (s->row->note)
        printf("note: %s\n", s->row->note);
    for (size_t i = 0; i < s->found.n && i < SHOWN; i++) {
        const struct inspect_problem *p = &s->found.problems[i];
        char *path = str_visible(p->path), *text = str_visible(p->text);
        printf("%s: '%s' (%s) %s\n", inspect_kinds[p->kind], path, split_part_names[p->part], text);
        free(path);
        free(text);
    }
    if (bad > SHOWN)
        printf("... and %zu more\n", bad - SHOWN);
    free(where);
}

static void show_progress(size_t done, size_t of)
{
    if (isatty(STDERR_FILENO) && of > 5000)
        fprintf(stderr, "\r%zu of %zu images%s", done, of, done == of ? "\n" : "");
}

/* Where else it may lie, and how it comes. */
static void tell_how(const struct options *o, const struct dataset_row *row, int code)
{
    const char *whose;
    char *there = link_find(&o->roots, row, &whose);
    const struct origin *origin = origin_of(row);
    if (there) {
        log_info("'%s' may hold it, as %s has it: 'promptgrid data link %s %s' makes it CoOp's",
                 there, whose, row->name, there);
    }
    if (origin && origin->files[0].file)
        log_info("'promptgrid data fetch %s' gets what is missing, 'promptgrid data show %s' says "
                 "from where",
                 row->name, row->name);
    if (code == ERR_MISSING && resplit_can(row, &(struct err){0}) == 0)
        log_info("'promptgrid data split %s' makes a missing split of its kind, though not the "
                 "official one",
                 row->name);
    free(there);
}

/* ---- one dataset ---- */

static int write_manifest(struct subject *s, struct err *e)
{
    if (problems(s) - s->found.count[INSPECT_CHANGED])
        return err_set(e, ERR_CORRUPT, "with problems no manifest is written");
    s->wrote = true;
    s->found.count[INSPECT_CHANGED] = 0; // the new manifest has them as they are
    s->found.n = 0;
    return manifest_write(&s->found.made, s->folder, e);
}

/* 3 when there is nothing to check, 1 when something about it does not hold. */
static int examine(struct options *o, struct subject *s, struct err *e)
{
    if (roots_dataset(&o->roots, s->row, &s->folder, e) < 0) {
        const int status = log_fail(e);
        tell_how(o, s->row, 0);
        return status;
    }
    if (split_load(&s->split, s->row, s->folder, e) < 0) {
        const int code = e->code;
        err_wrap(e, "dataset '%s'", s->row->name);
        log_fail(e);
        if (code == ERR_MISSING)
            tell_how(o, s->row, code);
        return code == ERR_MISSING ? 3 : 1;
    }
    if (split_check_classes(&s->split, s->row, e) < 0 ||
        manifest_open(&s->manifest, s->row, s->folder, e) < 0 ||
        inspect_all(&s->found, &s->split, s->row, s->folder, &s->manifest, o->deep, thread_cores(),
                    show_progress, e) < 0 ||
        (o->write && write_manifest(s, e) < 0)) {
        err_wrap(e, "dataset '%s'", s->row->name);
        log_fail(e);
        return 1;
    }
    char *note = split_note(&s->split, s->row);
    if (o->all)
        json_array_append_new(o->all, subject_json(s, note, o->deep));
    else
        print_subject(s, note, o->deep);
    free(note);
    const size_t bad = problems(s);
    if (lists_changed(s))
        log_error("dataset '%s': '%s/%s' is not of these lists; --deep --write makes it anew",
                  s->row->name, s->folder, manifest_file);
    if (!bad)
        return lists_changed(s);
    log_error("dataset '%s': %zu of %zu images cannot be used", s->row->name, bad, s->found.images);
    if (s->found.count[INSPECT_MISSING]) {
        char *in = str_visible(s->folder);
        log_info("'promptgrid data link %s FOLDER' finds them by their names in another folder, "
                 "also where all lie in one, '%s' itself included",
                 s->row->name, in);
        free(in);
    }
    return 1;
}

static int check_one(struct options *o, const struct dataset_row *row)
{
    struct subject s = {.row = row};
    struct err e = {0};
    int status = examine(o, &s, &e);
    subject_release(&s);
    return status;
}

static int check(struct options *o, int n, char **names)
{
    struct err e = {0};
    const struct dataset_row *row;
    int worst = 0;
    if (o->write && !o->deep)
        err_set(&e, ERR_USAGE, "--write is for --deep: a manifest has the hash of every image");
    else
        roots_open(&o->roots, o->common.data.items, o->common.data.n, &e);
    for (int i = 0; i < n && !e.code; i++)
        dataset_get(&row, names[i], &e);
    if (e.code)
        return log_fail(&e);
    o->all = o->common.json ? json_array() : NULL;
    for (int i = 0; i < n; i++) {
        dataset_get(&row, names[i], &e);
        const int status = check_one(o, row);
        worst = status > worst ? status : worst;
    }
    for (size_t i = 0; n == 0 && (row = dataset_at(i)); i++) {
        char *folder = NULL;
        if (roots_dataset(&o->roots, row, &folder, &(struct err){0}) == 0) {
            const int status = check_one(o, row);
            worst = status > worst ? status : worst;
        }
        free(folder);
    }
    if (o->all && n == 1 && json_array_size(o->all) == 1)
        cmd_print_json(json_incref(json_array_get(o->all, 0)));
    else if (o->all && (n != 1 || json_array_size(o->all)))
        cmd_print_json(json_incref(o->all));
    json_decref(o->all);
    return worst;
}

int cmd_data_check(const struct cmd *self, int argc, char **argv)
{
    struct options o = {0};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"deep", OPT_FLAG, &o.deep, NULL, "decode and hash every image"},
        {"write", OPT_FLAG, &o.write, NULL, "with --deep: write manifest.sha256 beside the data"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 0, argc);
    if (status < 0)
        status = check(&o, rest, argv + 1);
    roots_release(&o.roots);
    free(o.common.data.items);
    return status;
}
