/*
 * Lists that come from a dataset's own files and folders (spec/datasets.md section 3): Aircraft's
 * text files, ImageNet's two folders of folders, and the four variants of ImageNet.
 *
 * Files of a folder are sorted: the reference takes them as its disk happens to list them, so
 * published few-shot picks of ImageNet cannot be had back from its code.
 */
#include "core/data/split_build.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdlib.h>
#include <string.h>

/* The next line of *text, cut off in place, without its end; NULL at the end of the text. */
static char *next_line(char **text)
{
    char *line = *text;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *text = end ? end + 1 : NULL;
    if (end)
        *end = 0;
    size_t length = strlen(line);
    if (length && line[length - 1] == '\r')
        line[length - 1] = 0;
    return line;
}

static int read_text(char **out, const char *folder, const char *name, struct err *e)
{
    char *path = fs_join(folder, name);
    int rc = fs_read(out, NULL, path, SPLIT_LIMIT, e);
    free(path);
    return rc;
}

/* ---- FGVC-Aircraft ---- */

/* variants.txt holds the class names in label order, each images_variant_X.txt lines of "id
 * variant"; file order counts. */
static int read_aircraft(struct split_builder *b, const char *folder, struct err *e)
{
    char *text = NULL, *line, *rest;
    int rc = read_text(&text, folder, "variants.txt", e);
    if (rc < 0)
        return rc;
    rest = text;
    for (int label = 0; (line = next_line(&rest));)
        if (*line)
            split_name(b, label++, line);
    for (int p = 0; p < SPLIT_PARTS && rc == 0; p++) {
        char *name = str_format("images_variant_%s.txt", split_part_names[p]);
        free(text);
        text = NULL;
        rc = read_text(&text, folder, name, e);
        rest = text;
        for (int n = 1; rc == 0 && (line = next_line(&rest)); n++) {
            char *space = strchr(line, ' ');
            int label = 0;
            while (space && label < b->s->classes && !str_eq(b->s->names[label], space + 1))
                label++;
            if (!space || label == b->s->classes) {
                rc = err_set(e, ERR_PARSE,
                             "%s/%s:%d: expected an image id and a variant of "
                             "variants.txt",
                             folder, name, n);
                break;
            }
            *space = 0;
            if (!split_stays_inside(line)) {
                rc = err_set(e, ERR_PARSE, "%s/%s:%d: the path leaves the image folder", folder,
                             name, n);
                break;
            }
            split_add(b, p, str_format("%s.jpg", line), label);
        }
        free(name);
    }
    free(text);
    return rc;
}

/* ---- ImageNet and its variants ---- */

/* classnames.txt: lines of "WNID name". */
struct wnid {
    char *folder, *name; // borrowed from wnids.text
};

struct wnids {
    char *text;
    struct wnid *line, *sorted; // (n) in file order, and by folder: the rank is ImageNet's label
    size_t n;
};

static int by_folder(const void *a, const void *b)
{
    return strcmp(((const struct wnid *)a)->folder, ((const struct wnid *)b)->folder);
}

static void wnids_release(struct wnids *w)
{
    free(w->text);
    free(w->line);
    free(w->sorted);
    *w = (struct wnids){0};
}

static int wnids_read(struct wnids *w, const char *folder, struct err *e)
{
    size_t capacity = 0;
    char *line, *rest;
    *w = (struct wnids){0};
    if (read_text(&w->text, folder, "classnames.txt", e) < 0)
        return e->code;
    rest = w->text;
    for (int n = 1; (line = next_line(&rest)); n++) {
        char *space = strchr(line, ' ');
        if (!*line)
            continue;
        if (!space) {
            err_set(e, ERR_PARSE, "%s/classnames.txt:%d: expected a folder and a class name",
                    folder, n);
            goto fail;
        }
        *space = 0;
        MEM_PUSH(w->line, w->n, capacity) = (struct wnid){line, space + 1};
    }
    if (!w->n) {
        err_set(e, ERR_RANGE, "'%s/classnames.txt' names no class", folder);
        goto fail;
    }
    w->sorted = mem_dup(w->line, w->n * sizeof *w->line);
    qsort(w->sorted, w->n, sizeof *w->sorted, by_folder);
    for (size_t i = 1; i < w->n; i++)
        if (str_eq(w->sorted[i - 1].folder, w->sorted[i].folder)) {
            err_set(e, ERR_CORRUPT, "'%s/classnames.txt' names folder '%s' twice", folder,
                    w->sorted[i].folder);
            goto fail;
        }
    return 0;
fail:
    wnids_release(w);
    return e->code;
}

/* Class k is the k-th of `folders`: its name, and its label among ImageNet's. */
static int name_classes(struct split_builder *b, const struct wnids *w,
                        const struct fs_names *folders, const char *folder, struct err *e)
{
    b->s->imagenet = mem_alloc(folders->n, sizeof *b->s->imagenet);
    for (size_t k = 0; k < folders->n; k++) {
        struct wnid key = {folders->names[k], NULL};
        const struct wnid *at = bsearch(&key, w->sorted, w->n, sizeof key, by_folder);
        if (!at)
            return err_set(e, ERR_MISSING, "'%s/classnames.txt' has no name for folder '%s'",
                           folder, folders->names[k]);
        split_name(b, (int)k, at->name);
        b->s->imagenet[k] = (int)(at - w->sorted);
    }
    return 0;
}

/* Every file of folder `below` (below the image folder). */
static int add_folder(struct split_builder *b, enum split_part part, const char *below, int label,
                      struct err *e)
{
    struct fs_names files;
    char *path = fs_join(b->s->images, below);
    int rc = fs_list(&files, path, e);
    if (rc == 0) {
        for (size_t i = 0; i < files.n; i++)
            split_add(b, part, fs_join(below, files.names[i]), label);
        fs_names_release(&files);
    }
    free(path);
    return rc;
}

/* images/{train,val}/WNID/: a label is the rank of its folder; "val" is the test set too. */
static int read_imagenet(struct split_builder *b, const struct wnids *w, const char *folder,
                         struct err *e)
{
    struct fs_names folders = {0};
    char *train = fs_join(b->s->images, "train");
    int rc = fs_list(&folders, train, e);
    if (rc == 0)
        rc = name_classes(b, w, &folders, folder, e);
    for (int p = SPLIT_TRAIN; p <= SPLIT_VAL; p++)
        for (size_t k = 0; k < folders.n && rc == 0; k++) {
            char *below = str_format("%s/%s", split_part_names[p], folders.names[k]);
            rc = add_folder(b, p, below, (int)k, e);
            free(below);
        }
    const struct split_list *val = &b->s->part[SPLIT_VAL];
    for (size_t i = 0; i < val->n && rc == 0; i++)
        split_add(b, SPLIT_TEST, mem_strdup(val->items[i].path), val->items[i].label);
    fs_names_release(&folders);
    free(train);
    return rc;
}

static void drop(struct fs_names *names, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->n; i++) {
        if (str_eq(names->names[i], name))
            free(names->names[i]);
        else
            names->names[kept++] = names->names[i];
    }
    names->n = kept;
}

/* Sketch, A and R: WNID/; a label is the rank of its folder among those that are there, so the 200
 * classes of A and R have labels 0..199. */
static int read_wnid_folders(struct split_builder *b, const struct wnids *w, const char *folder,
                             struct err *e)
{
    struct fs_names folders = {0};
    int rc = fs_list(&folders, b->s->images, e);
    drop(&folders, "README.txt");
    if (rc == 0)
        rc = name_classes(b, w, &folders, folder, e);
    for (size_t k = 0; k < folders.n && rc == 0; k++)
        rc = add_folder(b, SPLIT_TEST, folders.names[k], (int)k, e);
    fs_names_release(&folders);
    return rc;
}

/* V2: 0/, 1/, ...: a folder's name is its label, whose class is that line of classnames.txt. */
static int read_numbered_folders(struct split_builder *b, const struct wnids *w, const char *folder,
                                 struct err *e)
{
    struct fs_names there = {0}, named = {.names = mem_alloc(w->n, sizeof *named.names)};
    int rc = fs_list(&there, b->s->images, e);
    if (rc == 0 && there.n != w->n)
        rc =
            err_set(e, ERR_CORRUPT, "'%s' holds %zu folders, but '%s/classnames.txt' has %zu lines",
                    b->s->images, there.n, folder, w->n);
    for (; named.n < w->n; named.n++)
        named.names[named.n] = mem_strdup(w->line[named.n].folder);
    if (rc == 0)
        rc = name_classes(b, w, &named, folder, e);
    for (size_t k = 0; k < w->n && rc == 0; k++) {
        char *below = str_format("%zu", k);
        rc = add_folder(b, SPLIT_TEST, below, (int)k, e);
        free(below);
    }
    fs_names_release(&named);
    fs_names_release(&there);
    return rc;
}

int split_read_folders(struct split_builder *b, const struct dataset_row *row, const char *folder,
                       struct err *e)
{
    static int (*const readers[])(struct split_builder *, const struct wnids *, const char *,
                                  struct err *) = {
        [LAYOUT_IMAGENET] = read_imagenet,
        [LAYOUT_WNIDS] = read_wnid_folders,
        [LAYOUT_NUMBERS] = read_numbered_folders,
    };
    struct wnids wnids;
    if (row->layout == LAYOUT_AIRCRAFT)
        return read_aircraft(b, folder, e);
    if (wnids_read(&wnids, folder, e) < 0)
        return e->code;
    int rc = readers[row->layout](b, &wnids, folder, e);
    wnids_release(&wnids);
    return rc;
}
