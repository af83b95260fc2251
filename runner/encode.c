/*
 * The encode job: images -> feature bank. A batch of images is decoded once and kept until all its
 * views have passed the image tower. While a device that works apart has one group of views in
 * work, the next is prepared, the features of the last are written, and the next batch is decoded.
 */
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/base/thread.h"
#include "core/clip/vision.h"
#include "core/data/augment.h"
#include "core/data/bank.h"
#include "core/data/cover.h"
#include "core/data/manifest.h"
#include "core/device/known.h"
#include "core/proto/event.h"
#include "core/proto/spec.h"
#include "runner/check.h"
#include "runner/decode.h"
#include "runner/runner.h"
#include "runner/start.h"

#include <math.h>
#include <stdlib.h>

enum {
    BATCH = 64,        // images decoded at once, about
    BATCH_APART = 128, // the same for a device that works apart
    AHEAD = 2,         // groups whose features are under way
};

/* Features on their way to the host. */
struct pending {
    struct shuttle *shuttle; // (group, E)
    size_t n, view, first;   // n views of the images from `first`; n = 0: nothing
};

struct encode {
    struct split split;
    struct manifest manifest;
    enum split_part part;
    size_t *items, n;  // images to encode: indices into the part's list
    size_t views_each; // of an image
    bool augment;      // false: the test transform
    double scale;      // smallest share of the image in a view
    int bf16;          // CLIP_BF16, or 0 for fp32
    uint64_t seed;

    struct device *device;
    struct known *known; // of a GPU
    struct clip clip;
    struct vision *vision;
    struct thread_pool *pool;
    struct decoder *decoder;
    struct bank_writer *bank;
    float *values; // device, (3, 256): what bytes stand for

    size_t most;              // images of a batch
    char (*hashes)[HASH_HEX]; // (2 most) of the files of images in work
    struct hash *data;        // over all images' files so far

    /* the group in work */
    struct decoded batch;
    size_t at, view;           // its first image in the batch, and which view of it
    struct device_view *views; // (group)
    struct pending pending[AHEAD];
    size_t groups, done; // groups begun; views whose features are written
    double said;         // when progress was last sent, seconds
};

/* ---- what the job says against what is there ---- */

static int read_spec(struct encode *x, const struct job *job, struct err *e)
{
    const json_t *spec = job->spec;
    const struct dataset_row *row;
    int rc;
    if ((rc = dataset_in(&row, spec_get_text(spec, "dataset"), job->dataset, e)) < 0 ||
        (rc = check_file("weights", job->weights, spec_get_text(spec, "weights"), e)) < 0 ||
        (rc = split_load(&x->split, row, job->dataset, e)) < 0 ||
        (rc = check_hash("split", job->dataset, x->split.hash, spec_get_text(spec, "split"), e)) <
            0 ||
        (rc = manifest_open(&x->manifest, row, job->dataset, e)) < 0)
        return rc;
    x->part = cover_part(spec);
    x->augment = !str_eq(spec_get_text(spec, "views"), "none");
    x->scale = spec_crop_scale(spec);
    x->bf16 = str_eq(spec_get_text(spec, "precision"), "bf16") ? CLIP_BF16 : 0;
    x->views_each = (size_t)spec_get_int(spec, "epochs");
    bool picks = str_eq(spec_get_text(spec, "cover"), "picks");
    if (!x->views_each || (!x->augment && x->views_each != 1) || (picks && x->part == SPLIT_TEST) ||
        (picks && spec_get_int(spec, "shots") < 1))
        return err_set(e, ERR_RANGE,
                       "the spec's 'views', 'epochs', 'cover', 'part' and 'shots' "
                       "contradict each other");
    if (picks)
        x->seed = (uint64_t)spec_get_int(spec, "seed");
    if ((rc = cover_items(&x->split, spec, &x->items, &x->n, e)) < 0)
        return rc;
    if (!x->n)
        return err_set(e, ERR_MISSING, "the %s list of dataset '%s' has no image to encode",
                       split_part_names[x->part], row->name);
    return 0;
}

/* ---- the work ---- */

static const char *image_name(const struct encode *x, size_t i)
{
    return x->split.part[x->part].items[x->items[i]].path;
}

/* Where the hash of image i's file is while the image is in work. */
static char *image_hash(const struct encode *x, size_t i)
{
    return x->hashes[i % (2 * x->most)];
}

static int load_image(void *arg, size_t i, struct image *out, struct err *e)
{
    const struct encode *x = arg;
    char *path = fs_join(x->split.images, image_name(x, i));
    int rc = image_load_hashed(out, image_hash(x, i), path, e);
    if (rc == 0)
        rc = manifest_verify(&x->manifest, image_name(x, i), image_hash(x, i), e);
    free(path);
    return rc;
}

static void choose_one(void *arg, size_t i)
{
    struct encode *x = arg;
    const struct image *image = &x->batch.images[x->at + i];
    const int size = x->clip.shape.image_size;
    if (x->augment)
        augment_train(&x->views[i], image, size, x->scale, x->seed, x->view,
                      x->items[x->batch.first + x->at + i]);
    else
        augment_test(&x->views[i], image, size);
}

/* At most four times a second, and at the end. */
static void say_progress(struct encode *x, size_t done)
{
    double seconds = sys_now();
    if (done < x->n * x->views_each && seconds - x->said < 0.25)
        return;
    x->said = seconds;
    event_send(json_pack("{s:s, s:I, s:I, s:s}", "event", "progress", "done", (json_int_t)done,
                         "of", (json_int_t)(x->n * x->views_each), "unit", "image"));
}

/* Into the bank, when they have come. */
static int write_features(struct encode *x, struct pending *p, struct err *e)
{
    const size_t dim = (size_t)x->clip.shape.embed, n = p->n;
    int rc = 0;
    p->n = 0;
    if (!n)
        return 0;
    const float *row = x->device->ops->shuttle_host(x->device, p->shuttle);
    if (!row)
        return device_sync(x->device, e);
    for (size_t i = 0; rc == 0 && i < n; i++, row += dim) {
        for (size_t c = 0; c < dim; c++)
            if (!isfinite(row[c]))
                return err_set(e, ERR_NUMERIC, "the features of image '%s' are not finite",
                               image_name(x, p->first + i));
        rc = bank_put(x->bank, p->view, p->first + i, row, e);
    }
    x->done += n;
    if (rc == 0)
        say_progress(x, x->done);
    return rc;
}

/* One view of n images of the batch from x->at. */
static int encode_group(struct encode *x, size_t n, struct err *e)
{
    struct device *d = x->device;
    struct pending *p = &x->pending[x->groups++ % AHEAD];
    thread_run(x->pool, n, choose_one, x);
    const int rc = write_features(x, p, e);
    if (rc == 0) {
        const float *features = vision_views(x->vision, x->values, x->views, n);
        d->ops->shuttle_fetch(d, p->shuttle, features,
                              n * (size_t)x->clip.shape.embed * sizeof *features);
        *p = (struct pending){p->shuttle, n, x->view, x->batch.first + x->at};
    }
    for (size_t i = 0; i < n; i++)
        augment_release(&x->views[i]);
    return rc;
}

static int encode_all(struct encode *x, struct err *e)
{
    const size_t group = (size_t)vision_group(x->vision);
    int rc;
    while ((rc = decoder_next(x->decoder, &x->batch, e)) == 0 && x->batch.n) {
        for (size_t i = x->batch.first; i < x->batch.first + x->batch.n; i++)
            manifest_hash_image(x->data, image_hash(x, i), image_name(x, i));
        for (x->view = 0; rc == 0 && x->view < x->views_each; x->view++)
            for (x->at = 0; rc == 0 && x->at < x->batch.n; x->at += group) {
                const size_t left = x->batch.n - x->at;
                rc = encode_group(x, left < group ? left : group, e);
            }
        if (rc < 0)
            return rc;
    }
    for (int i = 0; i < AHEAD && rc == 0; i++)
        rc = write_features(x, &x->pending[(x->groups + (size_t)i) % AHEAD], e);
    return rc < 0 ? rc : device_sync(x->device, e);
}

/* What the weights' sizes tell how to prepare. */
static int prepare(struct encode *x, int threads, struct err *e)
{
    struct device *d = x->device;
    float values[AUGMENT_VALUES];
    const size_t batch = d->ops->apart ? BATCH_APART : BATCH;
    x->vision = vision_new(&x->clip, (int)(batch < x->n ? batch : x->n));
    const int rc = vision_ready(x->vision, e);
    if (rc < 0)
        return rc;
    const size_t group = (size_t)vision_group(x->vision);
    x->most = batch / group * group; // whole groups, so that no room in them is left empty
    x->hashes = mem_zero(2 * x->most, sizeof *x->hashes);
    x->data = hash_new();
    x->pool = thread_pool_new(threads);
    x->views = mem_zero(group, sizeof *x->views);
    for (int i = 0; i < AHEAD; i++)
        x->pending[i].shuttle =
            d->ops->shuttle_new(d, group * (size_t)x->clip.shape.embed * sizeof(float));
    augment_values(values);
    x->values = device_put(d, values, AUGMENT_VALUES);
    decoder_open(&x->decoder, d, threads, x->n, x->most, DECODED_BYTES, load_image, x);
    return device_sync(d, e);
}

static void release(struct encode *x)
{
    char unused[HASH_HEX];
    bank_abandon(x->bank);
    decoder_close(x->decoder);
    for (int i = 0; i < AHEAD && x->device; i++)
        x->device->ops->shuttle_free(x->device, x->pending[i].shuttle);
    if (x->device)
        device_release(x->device, x->values);
    vision_free(x->vision);
    clip_close(&x->clip);
    known_close(x->known);
    device_close(x->device);
    thread_pool_free(x->pool);
    if (x->data)
        hash_end(x->data, unused);
    manifest_release(&x->manifest);
    split_release(&x->split);
    free(x->items);
    free(x->views);
    free(x->hashes);
    free(x);
}

int encode_job(const struct job *job, struct err *e)
{
    struct encode *x = mem_zero(1, sizeof *x);
    char sha256[HASH_HEX];
    int rc = start_device(&x->device, job, e);
    if (rc < 0)
        goto out;
    start_send(x->device, job->threads, 0);
    if ((rc = known_open(&x->known, x->device, e)) < 0 || (rc = read_spec(x, job, e)) < 0 ||
        (rc = clip_open(&x->clip, job->weights, x->device, CLIP_VISION | x->bf16, e)) < 0 ||
        (rc = prepare(x, job->threads, e)) < 0 ||
        (rc = bank_create(&x->bank, job->out, job->spec, x->views_each, x->items, x->n,
                          (size_t)x->clip.shape.embed, e)) < 0 ||
        (rc = encode_all(x, e)) < 0 || (rc = known_ask(x->known, e)) < 0)
        goto out;
    hash_end(x->data, sha256);
    x->data = NULL;
    bank_data(x->bank, sha256);
    rc = bank_commit(x->bank, sha256, e);
    x->bank = NULL;
    if (rc < 0)
        goto out;
    event_send(json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind", "bank", "path",
                         job->out, "sha256", sha256));
    event_send(json_pack("{s:s}", "event", "done"));
out:
    release(x);
    return rc;
}
