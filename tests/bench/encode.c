/*
 * The encode job from decoded pixels on: batches of images of 500 x 375 come from memory instead of
 * files, one random view of each passes the image tower, features come back. Batches overlap as in
 * the job (runner/encode.c), so a batch's time is from the arrival of the last one's features to
 * that of its own.
 */
#include "encode.h"

#include "core/base/mem.h"
#include "core/base/sys.h"
#include "core/base/thread.h"
#include "core/clip/vision.h"
#include "core/data/augment.h"
#include "runner/decode.h"

#include <stdlib.h>

enum { W = 500, H = 375, BATCH = 128, AHEAD = 2 };

struct work {
    const struct clip *m;
    struct decoded batch;
    struct device_view views[BATCH];
    size_t at; // the group's first image in the batch
};

static int load(void *arg, size_t i, struct image *out, struct err *e)
{
    (void)i;
    (void)e;
    *out = (struct image){W, H, mem_dup(arg, (size_t)3 * W * H)};
    return 0;
}

static void choose(void *arg, size_t i)
{
    struct work *w = arg;
    augment_train(&w->views[i], &w->batch.images[w->at + i], w->m->shape.image_size, 0.08, 1, 0,
                  w->batch.first + w->at + i);
}

/* A batch in groups; features of the last group of it travel in `to`. */
static void run_batch(struct work *w, struct vision *v, const float *values,
                      struct thread_pool *pool, struct shuttle *to)
{
    struct device *d = w->m->device;
    const size_t group = (size_t)vision_group(v);
    for (w->at = 0; w->at < w->batch.n; w->at += group) {
        const size_t left = w->batch.n - w->at, n = left < group ? left : group;
        thread_run(pool, n, choose, w);
        const float *features = vision_views(v, values, w->views, n);
        d->ops->shuttle_fetch(d, to, features, n * (size_t)w->m->shape.embed * sizeof *features);
        for (size_t i = 0; i < n; i++)
            augment_release(&w->views[i]);
    }
}

int encode_time(const struct clip *m, int threads, int steps, double *seconds, size_t *images,
                struct err *e)
{
    struct device *d = m->device;
    struct vision *v = vision_new(m, BATCH);
    struct work *w = mem_zero(1, sizeof *w);
    struct thread_pool *pool = thread_pool_new(threads);
    struct shuttle *come[AHEAD] = {NULL};
    struct decoder *c = NULL;
    uint8_t *pixels = mem_alloc((size_t)3 * W * H, 1);
    float table[AUGMENT_VALUES], *values = NULL;
    const int ahead = d->ops->apart ? AHEAD : 1; // batches under way
    int rc = vision_ready(v, e), done = 0;
    if (rc < 0)
        goto out;
    w->m = m;
    for (size_t i = 0; i < (size_t)3 * W * H; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    const size_t group = (size_t)vision_group(v), batch = BATCH / group * group;
    for (int i = 0; i < AHEAD; i++)
        come[i] = d->ops->shuttle_new(d, group * (size_t)m->shape.embed * sizeof(float));
    augment_values(table);
    values = device_put(d, table, AUGMENT_VALUES);
    if ((rc = device_sync(d, e)) < 0)
        goto out;
    // one batch more, which prepares the device
    decoder_open(&c, d, threads, (size_t)(steps + 1) * batch, batch, DECODED_BYTES, load, pixels);
    double last = 0;
    for (int step = 0; rc == 0 && done <= steps; step++) {
        if (step >= ahead || step > steps) { // the features of the oldest one
            if (!d->ops->shuttle_host(d, come[done % ahead])) {
                rc = device_sync(d, e);
                break;
            }
            const double now = sys_now();
            if (done)
                seconds[done - 1] = now - last;
            last = now;
            done++;
        }
        if (step <= steps && (rc = decoder_next(c, &w->batch, e)) == 0)
            run_batch(w, v, values, pool, come[step % ahead]);
    }
    *images = batch;
out:
    decoder_close(c);
    for (int i = 0; i < AHEAD; i++)
        d->ops->shuttle_free(d, come[i]);
    device_release(d, values);
    vision_free(v);
    thread_pool_free(pool);
    free(pixels);
    free(w);
    return rc;
}
