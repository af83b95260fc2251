/* See newset.h. Folders become a list first, so there is one way from a list to a split. */
#include "core/data/newset.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/divide.h"
#include "core/data/image_look.h"
#include "core/data/split_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    struct newset_item *items; // texts are the list's
    size_t n, capacity;
};

static void list_release(struct list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free((char *)l->items[i].path);
        free((char *)l->items[i].name);
    }
    free(l->items);
}

/* ---- from a list ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The classes' names, sorted; borrowed from the items. *n is how many. */
static const char **class_names(const struct newset_item *items, size_t count, size_t *n)
{
    const char **names = mem_alloc(count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = items[i].name;
    qsort(names, count, sizeof *names, by_name);
    *n = 0;
    for (size_t i = 0; i < count; i++)
        if (*n == 0 || !str_eq(names[*n - 1], names[i]))
            names[(*n)++] = names[i];
    return names;
}

/* Items by class: those of class k are members[start[k]] up to members[start[k + 1] - 1], in the
 * order of the list. Both yours to free(). */
static void group(const struct newset_item *items, size_t count, const char **names, size_t classes,
                  size_t **start, size_t **members)
{
    size_t *label = mem_alloc(count + 1, sizeof *label), *at = mem_zero(classes + 2, sizeof *at);
    for (size_t i = 0; i < count; i++) {
        const char **found = bsearch(&items[i].name, names, classes, sizeof *names, by_name);
        label[i] = (size_t)(found - names);
        at[label[i] + 2]++;
    }
    for (size_t k = 2; k < classes + 2; k++)
        at[k] += at[k - 1];
    *members = mem_alloc(count + 1, sizeof **members);
    for (size_t i = 0; i < count; i++)
        (*members)[at[label[i] + 1]++] = i;
    *start = at;
    free(label);
}

/* The class's pictures that have no part yet get one. */
static int divide_class(struct split_builder *b, const struct newset *n,
                        const struct newset_item *items, const size_t *own, size_t count, int label,
                        struct rng *rng, struct err *e)
{
    const size_t train = divide_part(count, n->parts[SPLIT_TRAIN] / 100.0),
                 val = divide_part(count, n->parts[SPLIT_VAL] / 100.0);
    if (!train || train + val >= count) {
        char *shown = str_visible(b->s->names[label]);
        err_set(e, ERR_RANGE,
                "class '%.200s' has %zu image%s, too few for parts of %d, %d and %d percent", shown,
                count, count == 1 ? "" : "s", n->parts[SPLIT_TRAIN], n->parts[SPLIT_VAL],
                n->parts[SPLIT_TEST]);
        free(shown);
        return e->code;
    }
    size_t *order = divide_shuffle(rng, own, count);
    for (size_t i = 0; i < count; i++)
        split_add(b,
                  i < train         ? SPLIT_TRAIN
                  : i < train + val ? SPLIT_VAL
                                    : SPLIT_TEST,
                  mem_strdup(items[order[i]].path), label);
    free(order);
    return 0;
}

static int add_class(struct split_builder *b, const struct newset *n,
                     const struct newset_item *items, const size_t *members, size_t count,
                     int label, struct rng *rng, struct newset_told *told, struct err *e)
{
    size_t *own = mem_alloc(count + 1, sizeof *own), divided = 0;
    const size_t before = b->s->part[SPLIT_TRAIN].n;
    for (size_t i = 0; i < count; i++) {
        const struct newset_item *item = &items[members[i]];
        if (item->part < 0)
            own[divided++] = members[i];
        else
            split_add(b, (enum split_part)item->part, mem_strdup(item->path), label);
    }
    int rc = divided ? divide_class(b, n, items, own, divided, label, rng, e) : 0;
    told->divided |= divided > 0;
    free(own);
    if (rc == 0 && b->s->part[SPLIT_TRAIN].n == before) {
        char *shown = str_visible(b->s->names[label]);
        rc = err_set(e, ERR_RANGE, "class '%.200s' has no training image", shown);
        free(shown);
    }
    return rc;
}

int newset_list(struct split *s, const struct newset *n, const char *images,
                const struct newset_item *items, size_t count, struct newset_told *told,
                struct err *e)
{
    struct split_builder b = {.s = s};
    struct rng rng;
    size_t classes, *start, *members;
    int rc = 0;
    *s = (struct split){.images = mem_strdup(images)};
    const char **names = class_names(items, count, &classes);
    group(items, count, names, classes, &start, &members);
    rng_seed_py(&rng, n->seed);
    for (size_t k = 0; k < classes; k++)
        split_name(&b, (int)k, names[k]);
    for (size_t k = 0; k < classes && rc == 0; k++)
        rc = add_class(&b, n, items, members + start[k], start[k + 1] - start[k], (int)k, &rng,
                       told, e);
    if (rc == 0 && classes < 2)
        rc = err_set(e, ERR_RANGE, "'%s' holds %zu class%s, expected two or more", images, classes,
                     classes == 1 ? "" : "es");
    if (rc == 0)
        rc = split_check(s, e);
    free(names);
    free(start);
    free(members);
    if (rc < 0)
        split_release(s);
    return rc;
}

/* ---- from folders ---- */

/* Every picture of folder `below` (below images). */
static int add_folder(struct list *l, const char *images, const char *below, const char *name,
                      int part, struct newset_told *told, struct err *e)
{
    struct fs_names files;
    char *folder = fs_join(images, below);
    int rc = fs_list(&files, folder, e);
    for (size_t i = 0; rc == 0 && i < files.n; i++) {
        struct image_look look;
        char *path = fs_join(folder, files.names[i]);
        if (image_look(&look, path, &(struct err){0}) == 0 && look.readable) {
            MEM_PUSH(l->items, l->n, l->capacity) =
                (struct newset_item){fs_join(below, files.names[i]), mem_strdup(name), part};
        } else if (!told->skipped++) {
            char *shown = str_visible(path);
            snprintf(told->first, sizeof told->first, "%s", shown);
            free(shown);
        }
        free(path);
    }
    fs_names_release(&files);
    free(folder);
    return rc;
}

/* Every folder in `below` is a class; files between them are skipped. */
static int add_classes(struct list *l, const char *images, const char *below, int part,
                       struct newset_told *told, struct err *e)
{
    struct fs_names names;
    char *folder = *below ? fs_join(images, below) : mem_strdup(images);
    int rc = fs_list(&names, folder, e);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *path = fs_join(folder, names.names[i]), *inside = fs_join(below, names.names[i]);
        const size_t before = l->n;
        if (fs_is_folder(path) &&
            (rc = add_folder(l, images, inside, names.names[i], part, told, e)) == 0 &&
            l->n == before)
            rc = err_set(e, ERR_MISSING, "class folder '%s' holds no JPEG or PNG picture", path);
        free(path);
        free(inside);
    }
    fs_names_release(&names);
    free(folder);
    return rc;
}

/* The folder that holds this part, by its usual names; NULL: there is none. */
static const char *part_folder(const char *images, int part)
{
    static const char *const names[SPLIT_PARTS][4] = {{"train", "training", NULL},
                                                      {"val", "valid", "validation", NULL},
                                                      {"test", "testing", NULL}};
    for (int i = 0; names[part][i]; i++) {
        char *path = fs_join(images, names[part][i]);
        const bool there = fs_is_folder(path);
        free(path);
        if (there)
            return names[part][i];
    }
    return NULL;
}

int newset_folders(struct split *s, const struct newset *n, const char *images,
                   struct newset_told *told, struct err *e)
{
    struct list l = {0};
    const char *train = part_folder(images, SPLIT_TRAIN), *test = part_folder(images, SPLIT_TEST);
    int rc = 0;
    *told = (struct newset_told){0};
    if (train && test) {
        for (int p = 0; p < SPLIT_PARTS && rc == 0; p++)
            if (part_folder(images, p))
                rc = add_classes(&l, images, part_folder(images, p), p, told, e);
    } else {
        rc = add_classes(&l, images, "", -1, told, e);
    }
    if (rc == 0 && !l.n)
        rc = err_set(e, ERR_MISSING,
                     "'%s' holds no pictures in class folders: expected CLASS/PICTURE, or "
                     "train/CLASS/PICTURE and test/CLASS/PICTURE, or a CSV file",
                     images);
    if (rc == 0)
        rc = newset_list(s, n, images, l.items, l.n, told, e);
    list_release(&l);
    return rc;
}
