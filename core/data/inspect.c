/* See inspect.h. Images are looked at in parallel, in chunks; what is found is taken down in the
 * order of their paths, so that it does not depend on the threads. */
#include "core/data/inspect.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/data/image.h"
#include "core/data/image_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const inspect_kinds[INSPECT_KINDS] = {"missing", "unusable", "changed"};

enum { CHUNK = 256, TOLD = 1000 }; // problems that are kept

/* One image, and what was found. */
struct item {
    const char *path;
    enum split_part part; // the first that names it
    bool in_test, in_train;
    char sha256[HASH_HEX];
    const char *misnamed; // its kind, or NULL
    int kind;             // enum inspect_kind, or -1: it is fine
    char text[200];
};

struct looking {
    const struct split *s;
    const struct manifest *manifest;
    struct item *items;
    size_t first;
    bool deep;
};

static int by_path(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    const int order = strcmp(x->path, y->path);
    return order ? order : (int)x->part - (int)y->part;
}

/* Every image once, sorted. */
static struct item *collect(const struct split *s, size_t *n)
{
    size_t all = 0, kept = 0;
    for (int p = 0; p < SPLIT_PARTS; p++)
        all += s->part[p].n;
    struct item *items = mem_zero(all + 1, sizeof *items);
    for (int p = 0; p < SPLIT_PARTS; p++)
        for (size_t i = 0; i < s->part[p].n; i++)
            items[kept++] = (struct item){.path = s->part[p].items[i].path,
                                          .part = (enum split_part)p,
                                          .in_test = p == SPLIT_TEST,
                                          .in_train = p == SPLIT_TRAIN,
                                          .kind = -1};
    qsort(items, all, sizeof *items, by_path);
    kept = 0;
    for (size_t i = 0; i < all; i++) {
        if (kept && str_eq(items[kept - 1].path, items[i].path)) {
            items[kept - 1].in_test |= items[i].in_test;
            items[kept - 1].in_train |= items[i].in_train;
        } else {
            items[kept++] = items[i];
        }
    }
    *n = kept;
    return items;
}

/* ---- one image ---- */

static void wrong(struct item *item, enum inspect_kind kind, const char *text)
{
    item->kind = (int)kind;
    snprintf(item->text, sizeof item->text, "%.*s", (int)sizeof item->text - 1, text);
}

static void wrong_kind(struct item *item, const char *kind)
{
    item->kind = INSPECT_BAD;
    snprintf(item->text, sizeof item->text, "is %s, neither JPEG nor PNG", kind);
}

/* The image's error without the words around its path. */
static const char *reason(const struct err *e)
{
    const char *at = strstr(e->text, "': ");
    return at ? at + 3 : strstr(e->text, "is neither") ? "is neither JPEG nor PNG" : e->text;
}

static void decode(const struct looking *l, struct item *item, const char *path)
{
    struct image image;
    struct err e = {0};
    if (image_load_hashed(&image, item->sha256, path, &e) < 0) {
        wrong(item, e.code == ERR_MISSING ? INSPECT_MISSING : INSPECT_BAD, reason(&e));
        return;
    }
    image_release(&image);
    if (manifest_verify(l->manifest, item->path, item->sha256, &e) < 0)
        wrong(item, INSPECT_CHANGED,
              manifest_find(l->manifest, item->path) ? "its SHA-256 is not the manifest's"
                                                     : "it is not in the manifest");
}

static void look(void *arg, size_t i)
{
    const struct looking *l = arg;
    struct item *item = &l->items[l->first + i];
    struct image_look found;
    struct err e = {0};
    char *path = fs_join(l->s->images, item->path);
    if (image_look(&found, path, &e) < 0)
        wrong(item, e.code == ERR_MISSING ? INSPECT_MISSING : INSPECT_BAD,
              e.code == ERR_MISSING ? "is not there" : e.text);
    else if (!found.readable)
        wrong_kind(item, found.kind);
    else if (l->deep)
        decode(l, item, path);
    if (item->kind < 0 && found.misnamed)
        item->misnamed = found.kind;
    free(path);
}

/* ---- all of them ---- */

static void take_down(struct inspect *x, const struct item *item)
{
    if (item->misnamed && !x->misnamed++) {
        x->misnamed_first = item->path;
        x->misnamed_kind = item->misnamed;
    }
    if (item->kind < 0)
        return;
    x->count[item->kind]++;
    if (x->n == TOLD)
        return;
    struct inspect_problem *p = &MEM_PUSH(x->problems, x->n, x->capacity);
    *p = (struct inspect_problem){(enum inspect_kind)item->kind, item->path, item->part, ""};
    memcpy(p->text, item->text, sizeof p->text);
}

static int by_hash(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    const int order = strcmp(x->sha256, y->sha256);
    return order ? order : strcmp(x->path, y->path);
}

/* Test images with the bytes of a training image. */
static void find_shared(struct inspect *x, struct item *items, size_t n)
{
    struct item **sorted = mem_alloc(n + 1, sizeof *sorted);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (*items[i].sha256)
            sorted[kept++] = &items[i];
    qsort(sorted, kept, sizeof *sorted, by_hash);
    for (size_t from = 0, to; from < kept; from = to) {
        bool train = false;
        for (to = from; to < kept && str_eq(sorted[from]->sha256, sorted[to]->sha256); to++)
            train |= sorted[to]->in_train;
        for (size_t i = from; train && i < to; i++)
            if (sorted[i]->in_test && !sorted[i]->in_train && !x->shared++)
                x->shared_first = sorted[i]->path;
    }
    free(sorted);
}

static int add_lists(struct inspect *x, const struct dataset_row *row, const char *folder,
                     struct err *e)
{
    const char *room[2];
    int rc = 0;
    for (const char *const *name = manifest_lists(row, room); *name && rc == 0; name++) {
        char sha256[HASH_HEX], *path = fs_join(folder, *name);
        rc = hash_file(sha256, path, e);
        if (rc == 0)
            manifest_add(&x->made, *name, sha256);
        free(path);
    }
    return rc;
}

int inspect_all(struct inspect *x, const struct split *s, const struct dataset_row *row,
                const char *folder, const struct manifest *manifest, bool deep, int threads,
                void (*progress)(size_t done, size_t of), struct err *e)
{
    struct thread_pool *pool = thread_pool_new(threads);
    struct looking l = {.s = s, .manifest = manifest, .deep = deep};
    size_t n;
    int rc = 0;
    *x = (struct inspect){.made.images = row->images};
    l.items = collect(s, &n);
    x->images = n;
    for (; l.first < n; l.first += CHUNK) {
        const size_t count = n - l.first < CHUNK ? n - l.first : CHUNK;
        thread_run(pool, count, look, &l);
        if (progress)
            progress(l.first + count, n);
    }
    for (size_t i = 0; i < n; i++) {
        take_down(x, &l.items[i]);
        if (*l.items[i].sha256) {
            char *path = fs_join(row->images, l.items[i].path);
            manifest_add(&x->made, path, l.items[i].sha256);
            free(path);
        }
    }
    if (deep) {
        find_shared(x, l.items, n);
        rc = add_lists(x, row, folder, e);
        manifest_seal(&x->made);
    }
    free(l.items);
    thread_pool_free(pool);
    return rc;
}

void inspect_release(struct inspect *x)
{
    manifest_release(&x->made);
    free(x->problems);
    *x = (struct inspect){0};
}
