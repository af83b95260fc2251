/*
 * promptgrid data show: everything about one dataset: what its folder has to look like and what of
 * it is there, classes and counts, where it comes from, what to cite.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/manifest.h"
#include "core/data/origin.h"
#include "harness/cmd/cmd_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTED = 10 }; // classes, unless --classes

struct subject {
    const struct dataset_row *row;
    const struct origin *origin; // NULL: unknown
    char *folder;                // NULL: it is not there
    struct split split;          // loaded where there is one
    bool loaded;
    struct err problem;         // why not
    size_t *count[SPLIT_PARTS]; // (classes) images
};

static void count_classes(struct subject *s)
{
    for (int p = 0; p < SPLIT_PARTS; p++) {
        s->count[p] = mem_zero((size_t)s->split.classes + 1, sizeof **s->count);
        for (size_t i = 0; i < s->split.part[p].n; i++)
            s->count[p][s->split.part[p].items[i].label]++;
    }
}

static void subject_release(struct subject *s)
{
    split_release(&s->split);
    for (int p = 0; p < SPLIT_PARTS; p++)
        free(s->count[p]);
    free(s->folder);
}

/* ---- the folder ---- */

/* What has to be in it: names below it, each once; yours to free() as an array. */
static size_t contents(const struct subject *s, const char *names[16])
{
    static const char *const imagenet[] = {"images/train", "images/val"};
    const char *room[2];
    size_t n = 0;
    if (s->row->layout == LAYOUT_IMAGENET)
        for (size_t i = 0; i < 2; i++)
            names[n++] = imagenet[i];
    else if (*s->row->images)
        names[n++] = s->row->images;
    for (const char *const *list = manifest_lists(s->row, room); *list; list++)
        names[n++] = *list;
    for (const struct origin_file *f = s->origin ? s->origin->files : NULL; f && f->file && n < 16;
         f++) {
        size_t k = 0;
        while (k < n && !str_eq(names[k], f->gives))
            k++;
        if (k == n)
            names[n++] = f->gives;
    }
    return n;
}

static bool is_there(const struct subject *s, const char *name)
{
    char *path = s->folder ? fs_join(s->folder, name) : NULL;
    const bool there = path && access(path, F_OK) == 0;
    free(path);
    return there;
}

static const char *inside(const struct dataset_row *row, const char *name)
{
    if (row->layout == LAYOUT_IMAGENET && str_starts(name, "images/"))
        return "n01440764/ ... 1000 folders of classes";
    if (!str_eq(name, row->images))
        return "";
    return row->layout == LAYOUT_WNIDS     ? "n01443537/ ... a folder for each class"
           : row->layout == LAYOUT_NUMBERS ? "0/ ... 999/"
                                           : "as the lists name them";
}

static void print_folder(const struct subject *s)
{
    const char *names[16];
    const size_t n = contents(s, names);
    char *where = str_visible(s->folder ? s->folder : s->row->folder);
    printf("folder: %s/%s\n", where, s->folder ? "" : "  (not there)");
    for (size_t i = 0; i < n; i++) {
        struct str line = STR_INIT;
        str_addf(&line, "    %s %s", is_there(s, names[i]) ? "+" : "-", names[i]);
        const char *more = inside(s->row, names[i]);
        if (*more) {
            str_pad(&line, line.size < 46 ? 46 - line.size : 2, ' ');
            str_add(&line, more);
        }
        puts(line.data);
        str_release(&line);
    }
    if (is_there(s, manifest_file))
        printf("    + %s\n", manifest_file);
    free(where);
}

/* ---- the rest ---- */

static void print_counts(const struct subject *s)
{
    const struct dataset_row *d = s->row;
    printf("counts: %d classes", d->classes);
    if (d->train)
        printf("; %d train, %d val, %d test images\n", d->train, d->val, d->test);
    else
        printf("; %d test images, none to train with\n", d->test);
    if (!s->loaded)
        return;
    char *note = split_note(&s->split, d);
    printf("split: %s%s%s\n", s->split.hash, *note ? "; " : "", note);
    free(note);
}

static void print_classes(const struct subject *s, bool all)
{
    if (!s->loaded)
        return;
    const int n = all || s->split.classes <= LISTED + 2 ? s->split.classes : LISTED;
    printf("classes, with images of train, val and test:\n");
    for (int k = 0; k < n; k++) {
        char *name = str_visible(s->split.names[k]);
        printf("    %4d  %-40s %6zu %6zu %6zu\n", k, name, s->count[SPLIT_TRAIN][k],
               s->count[SPLIT_VAL][k], s->count[SPLIT_TEST][k]);
        free(name);
    }
    if (n < s->split.classes)
        printf("    ... and %d more; --classes shows all\n", s->split.classes - n);
}

static void print_sources(const struct origin *o)
{
    for (const struct origin_file *f = o->files; f->file; f++) {
        char *urls[ORIGIN_ADDRESSES];
        const size_t n = origin_addresses(f, urls);
        printf("    %s -> %s", f->file, f->gives);
        if (f->bytes)
            printf(", %lld bytes", f->bytes);
        puts("");
        if (f->sha256)
            printf("        SHA-256 %s\n", f->sha256);
        if (f->md5)
            printf("        MD5 %s\n", f->md5);
        for (size_t i = 0; i < n; i++) {
            printf("        %s\n", urls[i]);
            free(urls[i]);
        }
        if (f->by_hand)
            printf("        %s\n", f->by_hand);
    }
}

static void print_origin(const struct origin *o)
{
    if (!o)
        return;
    const struct {
        const char *name, *text;
    } lines[] = {{"homepage", o->homepage}, {"terms", o->terms}, {"cite", o->citation}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (lines[i].text)
            printf("%s: %s\n", lines[i].name, lines[i].text);
    if (o->files[0].file) {
        puts("sources:");
        print_sources(o);
    }
    if (!o->by_hand)
        return;
    puts("by hand:");
    for (const char *line = o->by_hand; *line;) {
        const int n = (int)strcspn(line, "\n");
        printf("    %.*s\n", n, line);
        line += n + (line[n] == '\n');
    }
}

static void print_subject(const struct subject *s, bool all)
{
    printf("%s, '%s' in tables\n", s->row->name, s->row->label);
    printf("template: %s\n", s->row->template_);
    print_folder(s);
    print_counts(s);
    print_classes(s, all);
    if (s->folder && !s->loaded)
        printf("problem: %s\n", s->problem.text);
    if (s->row->note)
        printf("note: %s\n", s->row->note);
    print_origin(s->origin);
}

/* ---- JSON ---- */

static json_t *sources_json(const struct origin *o)
{
    json_t *list = json_array();
    for (const struct origin_file *f = o ? o->files : NULL; f && f->file; f++) {
        char *urls[ORIGIN_ADDRESSES];
        const size_t n = origin_addresses(f, urls);
        json_t *from = json_array();
        for (size_t i = 0; i < n; i++) {
            json_array_append_new(from, json_string(urls[i]));
            free(urls[i]);
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s?, s:s?, s:o, s:s?, s:s?}",
                                              "file", f->file, "gives", f->gives, "bytes",
                                              f->bytes ? json_integer(f->bytes) : json_null(),
                                              "sha256", f->sha256, "md5", f->md5, "urls", from,
                                              "by_hand", f->by_hand, "verified", f->verified));
    }
    return list;
}

static json_t *subject_json(const struct subject *s)
{
    const struct dataset_row *d = s->row;
    const struct origin *o = s->origin;
    const char *names[16];
    const size_t n = contents(s, names);
    json_t *inside_it = json_object(), *classes = s->loaded ? json_array() : json_null();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(inside_it, names[i], json_boolean(is_there(s, names[i])));
    for (int k = 0; s->loaded && k < s->split.classes; k++) {
        char *name = str_visible(s->split.names[k]);
        json_array_append_new(classes, json_pack("{s:s, s:I, s:I, s:I}", "name", name, "train",
                                                 (json_int_t)s->count[SPLIT_TRAIN][k], "val",
                                                 (json_int_t)s->count[SPLIT_VAL][k], "test",
                                                 (json_int_t)s->count[SPLIT_TEST][k]));
        free(name);
    }
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s?, s:o, s:o, s:s?, s:s?, s:s?, s:s?, s:s?, s:o, s:s?}", "name", d->name,
        "label", d->label, "template", d->template_, "folder", s->folder, "contents", inside_it,
        "classes", classes, "split", s->loaded ? s->split.hash : NULL, "note", d->note, "homepage",
        o ? o->homepage : NULL, "terms", o ? o->terms : NULL, "citation", o ? o->citation : NULL,
        "sources", sources_json(o), "by_hand", o ? o->by_hand : NULL);
    BUG_IF(!json);
    return json;
}

/* ---- the command ---- */

static int run(const struct cmd_common *common, const char *name, bool all)
{
    struct subject s = {0};
    struct roots roots = {0};
    struct err e = {0};
    if (roots_open(&roots, common->data.items, common->data.n, &e) < 0 ||
        dataset_get(&s.row, name, &e) < 0) {
        roots_release(&roots);
        return log_fail(&e);
    }
    s.origin = origin_of(s.row);
    if (roots_dataset(&roots, s.row, &s.folder, &s.problem) == 0)
        s.loaded = split_load(&s.split, s.row, s.folder, &s.problem) == 0;
    if (s.loaded)
        count_classes(&s);
    if (common->json)
        cmd_print_json(subject_json(&s));
    else
        print_subject(&s, all);
    subject_release(&s);
    roots_release(&roots);
    return 0;
}

int cmd_data_show(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    bool all = false;
    const struct opt table[] = {
        CMD_COMMON(common), {"classes", OPT_FLAG, &all, NULL, "show every class"}, {0}};
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0)
        status = run(&common, argv[1], all);
    free(common.data.items);
    return status;
}
