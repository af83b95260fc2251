/* Images for methods that train on pixels: see pixels.h. */
#include "runner/pixels.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/data/augment.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

struct pixels {
    struct device *d;
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
    float *values;      // device: what bytes stand for
    struct image *kept; // (n) decoded; rgb: device, NULL = not kept
    size_t kept_bytes;
    struct shuttle *shuttle; // a device that works apart: for images that are not kept
    size_t room;             // its bytes

    /* the batch in work */
    const int *rows; // NULL: first, first + 1, ...
    size_t first;
    uint64_t view;
    struct image *decoded;     // (n of the batch) host, of those that were not kept; rgb NULL else
    struct image *seen;        // (n of the batch) rgb: device
    struct err *errors;        // (n of the batch)
    struct device_view *looks; // (n of the batch)
};

void pixels_open(struct pixels **out, struct device *d, const struct split *split,
                 const json_t *bank, const size_t *items, size_t n, int size, int threads)
{
    const char *views = spec_get_text(bank, "views");
    const json_t *seed = json_object_get(bank, "seed");
    struct pixels *p = *out = mem_zero(1, sizeof *p);
    float values[AUGMENT_VALUES];
    p->d = d;
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
    augment_values(values);
    p->values = device_put(d, values, AUGMENT_VALUES);
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
        device_release(p->d, p->kept[i].rgb);
    device_release(p->d, p->values);
    p->d->ops->shuttle_free(p->d, p->shuttle);
    thread_pool_free(p->pool);
    free(p->kept);
    free(p->items);
    free(p);
}

static size_t row_of(const struct pixels *p, size_t i)
{
    return p->rows ? (size_t)p->rows[i] : p->first + i;
}

static size_t bytes_of(const struct image *image)
{
    return 3 * (size_t)image->w * (size_t)image->h;
}

static void decode_one(void *arg, size_t i)
{
    struct pixels *p = arg;
    const size_t row = row_of(p, i);
    p->errors[i].code = 0;
    if (p->kept[row].rgb)
        return;
    const char *name = p->list->items[p->items[row]].path;
    char *path = fs_join(p->split->images, name), sha256[HASH_HEX];
    int rc = p->manifest ? image_load_hashed(&p->decoded[i], sha256, path, &p->errors[i])
                         : image_load(&p->decoded[i], path, &p->errors[i]);
    if (rc == 0 && p->manifest)
        manifest_verify(p->manifest, name, sha256, &p->errors[i]);
    free(path);
}

/* Keep image i of the batch if it may be. It may be twice in a batch. */
static void keep_one(struct pixels *p, size_t i)
{
    struct image *image = &p->decoded[i], *kept = &p->kept[row_of(p, i)];
    const size_t bytes = bytes_of(image);
    if (!image->rgb || kept->rgb || p->kept_bytes + bytes > PIXELS_KEPT)
        return;
    uint8_t *block = p->d->ops->alloc(p->d, bytes);
    if (!block)
        return; // the error sticks
    p->d->ops->upload(p->d, block, image->rgb, bytes);
    *kept = (struct image){image->w, image->h, block};
    p->kept_bytes += bytes;
}

/* What was decoded and is not kept goes to the device for this batch. */
static int send_rest(struct pixels *p, size_t n, struct err *e)
{
    const struct device_ops *ops = p->d->ops;
    size_t bytes = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        bytes += p->seen[i].rgb ? 0 : bytes_of(&p->decoded[i]);
    if (bytes > p->room) {
        ops->shuttle_free(p->d, p->shuttle);
        p->room = bytes + bytes / 4;
        p->shuttle = ops->shuttle_new(p->d, p->room);
    }
    if (!bytes)
        return 0;
    uint8_t *host = p->shuttle ? ops->shuttle_host(p->d, p->shuttle) : NULL;
    if (!host)
        return device_sync(p->d, e);
    for (size_t i = 0; i < n; i++)
        if (!p->seen[i].rgb) {
            memcpy(host + at, p->decoded[i].rgb, bytes_of(&p->decoded[i]));
            at += bytes_of(&p->decoded[i]);
        }
    uint8_t *there = (uint8_t *)ops->shuttle_send(p->d, p->shuttle, bytes);
    if (!there)
        return device_sync(p->d, e);
    for (size_t i = 0; i < n; i++)
        if (!p->seen[i].rgb) {
            p->seen[i] = (struct image){p->decoded[i].w, p->decoded[i].h, there};
            there += bytes_of(&p->decoded[i]);
        }
    return 0;
}

static void choose_one(void *arg, size_t i)
{
    struct pixels *p = arg;
    if (p->augment)
        augment_train(&p->looks[i], &p->seen[i], p->size, p->scale, p->seed, p->view,
                      p->items[row_of(p, i)]);
    else
        augment_test(&p->looks[i], &p->seen[i], p->size);
}

/* out = what the device sees of the decoded images. */
static int look(struct pixels *p, size_t n, bool keep, float *out, struct err *e)
{
    for (size_t i = 0; i < n && keep; i++)
        keep_one(p, i);
    for (size_t i = 0; i < n; i++) {
        p->seen[i] = p->kept[row_of(p, i)];
        if (!p->seen[i].rgb && !p->d->ops->apart)
            p->seen[i] = p->decoded[i];
    }
    const int rc = send_rest(p, n, e);
    if (rc < 0)
        return rc;
    thread_run(p->pool, n, choose_one, p);
    p->d->ops->views(p->d, out, p->values, p->looks, (int)n, p->size, p->size);
    if (p->shuttle)
        p->d->ops->shuttle_done(p->d, p->shuttle);
    for (size_t i = 0; i < n; i++)
        augment_release(&p->looks[i]);
    return 0;
}

static int make_batch(struct pixels *p, size_t n, bool keep, float *out, struct err *e)
{
    int rc = 0;
    p->decoded = mem_zero(n, sizeof *p->decoded);
    p->seen = mem_zero(n, sizeof *p->seen);
    p->errors = mem_zero(n, sizeof *p->errors);
    p->looks = mem_zero(n, sizeof *p->looks);
    thread_run(p->pool, n, decode_one, p);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (p->errors[i].code) {
            *e = p->errors[i];
            rc = e->code;
        }
    if (rc == 0)
        rc = look(p, n, keep, out, e);
    for (size_t i = 0; i < n; i++)
        image_release(&p->decoded[i]);
    free(p->decoded);
    free(p->seen);
    free(p->errors);
    free(p->looks);
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
