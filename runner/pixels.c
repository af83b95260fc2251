/* Images for methods that train on pixels: see pixels.h. */
#include "runner/pixels.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/data/augment.h"
#include "core/proto/spec.h"

#include <stdlib.h>

enum { KEEP_BYTES = 1 << 30 }; // of decoded images

struct pixels {
    const struct split *split;
    const struct split_list *list;
    size_t *items, n; // indices into the list
    int size;
    bool augment;
    uint64_t views; // how many are cycled through; 0 = a new one every epoch
    double scale;   // smallest share of an image that a view shows
    uint64_t seed;
    const struct manifest *manifest; // NULL: any image will do
    struct thread_pool *pool;
    struct image *kept; // (n) decoded; rgb NULL = not kept
    size_t kept_bytes;

    /* the batch in work */
    const int *rows; // NULL: first, first + 1, ...
    size_t first;
    uint64_t view;
    struct image *decoded; // (n of the batch) of those that are not kept; rgb NULL otherwise
    struct err *errors;    // (n of the batch)
    float *out;
};

void pixels_open(struct pixels **out, const struct split *split, const json_t *bank,
                 const size_t *items, size_t n, int size, int threads)
{
    const char *views = spec_get_text(bank, "views");
    const json_t *seed = json_object_get(bank, "seed");
    struct pixels *p = *out = mem_zero(1, sizeof *p);
    p->split = split;
    p->list = &split->part[str_eq(spec_get_text(bank, "part"), "test") ? SPLIT_TEST : SPLIT_TRAIN];
    p->items = mem_dup(items, n * sizeof *items);
    p->n = n;
    p->size = size;
    p->augment = !str_eq(views, "none");
    p->views = str_eq(views, "fresh") ? 0 : (uint64_t)spec_get_int(bank, "epochs");
    p->scale = spec_crop_scale(bank);
    p->seed = seed ? (uint64_t)json_integer_value(seed) : 0;
    p->pool = thread_pool_new(threads);
    p->kept = mem_zero(n + 1, sizeof *p->kept);
}

void pixels_manifest(struct pixels *p, const struct manifest *manifest)
{
    p->manifest = manifest->n ? manifest : NULL;
}

void pixels_close(struct pixels *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        image_release(&p->kept[i]);
    thread_pool_free(p->pool);
    free(p->kept);
    free(p->items);
    free(p);
}

static size_t row_of(const struct pixels *p, size_t i)
{
    return p->rows ? (size_t)p->rows[i] : p->first + i;
}

/* Image i of the batch. */
static void make_one(void *arg, size_t i)
{
    struct pixels *p = arg;
    size_t row = row_of(p, i), item = p->items[row];
    const struct image *in = &p->kept[row];
    struct image image;
    p->errors[i].code = 0;
    if (!in->rgb) {
        char *path = fs_join(p->split->images, p->list->items[item].path);
        char sha256[HASH_HEX];
        int rc = p->manifest ? image_load_hashed(&p->decoded[i], sha256, path, &p->errors[i])
                             : image_load(&p->decoded[i], path, &p->errors[i]);
        if (rc == 0 && p->manifest)
            rc = manifest_verify(p->manifest, p->list->items[item].path, sha256, &p->errors[i]);
        free(path);
        if (rc < 0)
            return;
        in = &p->decoded[i];
    }
    if (p->augment)
        augment_train(&image, in, p->size, p->scale, p->seed, p->view, item);
    else
        augment_test(&image, in, p->size);
    augment_normalize(p->out + i * 3 * (size_t)p->size * (size_t)p->size, &image);
    image_release(&image);
}

/* Keep what was decoded, or let it go. An image may be twice in a batch. */
static void keep_one(struct pixels *p, size_t i)
{
    struct image *image = &p->decoded[i], *kept = &p->kept[row_of(p, i)];
    size_t bytes = (size_t)image->w * (size_t)image->h * 3;
    if (!image->rgb || kept->rgb || p->kept_bytes + bytes > KEEP_BYTES) {
        image_release(image);
        return;
    }
    p->kept_bytes += bytes;
    *kept = *image;
}

static int make_batch(struct pixels *p, size_t n, bool keep, float *out, struct err *e)
{
    int rc = 0;
    p->out = out;
    p->decoded = mem_zero(n, sizeof *p->decoded);
    p->errors = mem_zero(n, sizeof *p->errors);
    thread_run(p->pool, n, make_one, p);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && p->errors[i].code) {
            *e = p->errors[i];
            rc = e->code;
        }
        if (keep)
            keep_one(p, i);
        else
            image_release(&p->decoded[i]);
    }
    free(p->decoded);
    free(p->errors);
    return rc;
}

int pixels_batch(void *arg, int epoch, const int *rows, int n, float *out, struct err *e)
{
    struct pixels *p = arg;
    p->rows = rows;
    p->view = p->views ? (uint64_t)epoch % p->views : (uint64_t)epoch;
    return make_batch(p, (size_t)n, true, out, e);
}

int pixels_fetch(void *arg, size_t first, size_t n, float *out, struct err *e)
{
    struct pixels *p = arg;
    p->rows = NULL;
    p->first = first;
    return make_batch(p, n, false, out, e);
}
