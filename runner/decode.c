/* Decoded images: see decode.h. */
#include "runner/decode.h"

#include "core/base/mem.h"
#include "core/base/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One of two: the batch in use, and the one that is being decoded. */
struct batch {
    size_t first, tried, n; // tried: images that had a chance; n: those that belong to it
    struct image *images;   // (most) rgb NULL: not decoded
    struct err *errors;     // (most)
    size_t *at;             // (most) where an image lies in the shuttle's block
    size_t bytes;           // of its images
    int rc;                 // that of the first image that has an error
    _Atomic size_t decoded; // bytes that are decoded by now

    struct shuttle *shuttle; // a device that works apart: what the images travel in
    size_t room;             // its bytes
    uint8_t *host;           // its memory, NULL while it may not be written
    bool packed, sent;
};

struct decoder {
    struct device *d;
    struct thread_pool *pool;
    size_t n, most, budget;
    decoder_load load;
    void *arg;
    struct batch batches[2];
    int now;                  // the one in use
    struct thread_task *task; // decodes the other one
};

void decoder_open(struct decoder **out, struct device *d, int threads, size_t n, size_t most,
                  size_t budget, decoder_load load, void *arg)
{
    struct decoder *c = *out = mem_zero(1, sizeof *c);
    *c = (struct decoder){
        .d = d, .n = n, .most = most < n ? most : n, .budget = budget, .load = load, .arg = arg};
    c->pool = thread_pool_new(threads);
    for (int i = 0; i < 2; i++) {
        struct batch *b = &c->batches[i];
        b->images = mem_zero(c->most + 1, sizeof *b->images);
        b->errors = mem_zero(c->most + 1, sizeof *b->errors);
        b->at = mem_zero(c->most + 1, sizeof *b->at);
    }
}

/* ---- decoding: by the pool, perhaps beside the device's thread ---- */

struct loading {
    struct decoder *c;
    struct batch *b;
};

static size_t bytes_of(const struct image *image)
{
    return 3 * (size_t)image->w * (size_t)image->h;
}

static void decode_one(const struct decoder *c, struct batch *b, size_t i)
{
    b->errors[i].code = 0;
    c->load(c->arg, b->first + i, &b->images[i], &b->errors[i]);
}

static void decode_chunk(void *arg, size_t i)
{
    const struct loading *l = arg;
    if (atomic_load(&l->b->decoded) > l->c->budget)
        return;
    decode_one(l->c, l->b, i);
    atomic_fetch_add(&l->b->decoded, bytes_of(&l->b->images[i]));
}

static void pack_chunk(void *arg, size_t i)
{
    const struct batch *b = ((const struct loading *)arg)->b;
    memcpy(b->host + b->at[i], b->images[i].rgb, bytes_of(&b->images[i]));
}

static void release_images(struct batch *b)
{
    for (size_t i = 0; i < b->tried; i++)
        image_release(&b->images[i]);
}

/* Into the shuttle's block, which has room. */
static void pack(struct decoder *c, struct batch *b)
{
    struct loading l = {c, b};
    thread_run(c->pool, b->n, pack_chunk, &l);
    b->packed = true;
}

/* Decode what begins at b->first. Which images belong to the batch depends on their sizes alone,
 * whichever of them the threads came to. */
static void load_batch(void *arg)
{
    struct loading *l = arg;
    struct decoder *c = l->c;
    struct batch *b = l->b;
    const size_t left = c->n - b->first;
    b->tried = left < c->most ? left : c->most;
    b->n = b->bytes = 0;
    b->rc = 0;
    b->packed = b->sent = false;
    atomic_store(&b->decoded, 0);
    thread_run(c->pool, b->tried, decode_chunk, l);
    for (; b->n < b->tried && b->bytes <= c->budget; b->n++) {
        struct image *image = &b->images[b->n];
        if (!image->rgb && !b->errors[b->n].code)
            decode_one(c, b, b->n);
        if ((b->rc = b->errors[b->n].code) < 0)
            return;
        b->at[b->n] = b->bytes;
        b->bytes += bytes_of(image);
    }
    if (b->host && b->bytes <= b->room)
        pack(c, b);
}

static void load_beside(void *arg)
{
    load_batch(arg);
    free(arg);
}

/* ---- batches ---- */

/* b's memory on the way to the device; its images then point there. */
static int send(struct decoder *c, struct batch *b, struct err *e)
{
    const struct device_ops *ops = c->d->ops;
    if (!b->packed) { // the first time, or larger than ever
        ops->shuttle_free(c->d, b->shuttle);
        b->room = b->bytes + b->bytes / 4;
        b->shuttle = ops->shuttle_new(c->d, b->room);
        b->host = b->shuttle ? ops->shuttle_host(c->d, b->shuttle) : NULL;
        if (!b->host)
            return device_sync(c->d, e);
        pack(c, b);
    }
    const uint8_t *there = ops->shuttle_send(c->d, b->shuttle, b->bytes);
    b->host = NULL;
    if (!there)
        return device_sync(c->d, e);
    b->sent = true;
    for (size_t i = 0; i < b->tried; i++) {
        struct image *image = &b->images[i], there_now = {image->w, image->h, NULL};
        free(image->rgb);
        if (i < b->n)
            there_now.rgb = (uint8_t *)there + b->at[i];
        *image = there_now;
    }
    return 0;
}

/* Nothing in b is needed any more. */
static void let_go(struct decoder *c, struct batch *b)
{
    if (b->sent) {
        c->d->ops->shuttle_done(c->d, b->shuttle);
        memset(b->images, 0, b->tried * sizeof *b->images);
    }
    release_images(b);
    b->tried = b->n = 0;
    b->sent = false;
}

/* Begin with the batch after b. */
static int start(struct decoder *c, const struct batch *b, struct err *e)
{
    struct batch *next = &c->batches[1 - c->now];
    next->first = b->first + b->n;
    if (next->first == c->n)
        return 0;
    if (next->shuttle && !(next->host = c->d->ops->shuttle_host(c->d, next->shuttle)))
        return device_sync(c->d, e);
    struct loading *l = mem_alloc(1, sizeof *l);
    *l = (struct loading){c, next};
    c->task = thread_start(load_beside, l);
    return 0;
}

int decoder_next(struct decoder *c, struct decoded *out, struct err *e)
{
    struct batch *last = &c->batches[c->now], *b = &c->batches[1 - c->now];
    const size_t first = last->first + last->n;
    int rc = 0;
    *out = (struct decoded){.first = first};
    let_go(c, last);
    last->first = first;
    if (first == c->n)
        return 0;
    if (c->task) {
        thread_finish(c->task);
        c->task = NULL;
    } else {
        b->first = first;
        load_batch(&(struct loading){c, b});
    }
    c->now = 1 - c->now;
    if (b->rc < 0) {
        *e = b->errors[b->n];
        return b->rc;
    }
    if (c->d->ops->apart && ((rc = send(c, b, e)) < 0 || (rc = start(c, b, e)) < 0))
        return rc;
    *out = (struct decoded){b->first, b->n, b->images};
    return 0;
}

void decoder_close(struct decoder *c)
{
    if (!c)
        return;
    thread_finish(c->task);
    for (int i = 0; i < 2; i++) {
        struct batch *b = &c->batches[i];
        let_go(c, b);
        c->d->ops->shuttle_free(c->d, b->shuttle);
        free(b->images);
        free(b->errors);
        free(b->at);
    }
    thread_pool_free(c->pool);
    free(c);
}
