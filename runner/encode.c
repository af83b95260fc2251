/*
 * The encode job: images -> feature bank. A batch of images is decoded in parallel and kept; then
 * each view of the batch is made in parallel and goes through the image tower as one batch, so a
 * file is read and decoded once however many views it has.
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
#include "core/proto/event.h"
#include "core/proto/spec.h"
#include "runner/check.h"
#include "runner/runner.h"
#include "runner/start.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 64 }; // images decoded, and images in one forward pass

struct encode {
    struct split split;
    struct manifest manifest;
    enum split_part part;
    size_t *items, n; // images to encode: indices into the part's list
    size_t views;
    bool augment; // false: the test transform
    double scale; // smallest share of the image in a view
    int bf16;     // CLIP_BF16, or 0 for fp32
    uint64_t seed;

    struct device *device;
    struct clip clip;
    struct vision *vision;
    struct thread_pool *pool;
    struct bank_writer *bank;

    /* the batch in work */
    size_t first, view;           // its first image, and the view being made
    struct image images[BATCH];   // decoded
    char hashes[BATCH][HASH_HEX]; // of their files
    struct hash *data;            // over all images' files so far
    struct err errors[BATCH];     // of decoding
    float *inputs;                // (BATCH, 3, S, S)
    float *features;              // (BATCH, E)
    double said;                  // when progress was last sent, seconds
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
    x->views = (size_t)spec_get_int(spec, "epochs");
    bool picks = str_eq(spec_get_text(spec, "cover"), "picks");
    if (!x->views || (!x->augment && x->views != 1) || (picks && x->part == SPLIT_TEST) ||
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

static void decode_one(void *arg, size_t i)
{
    struct encode *x = arg;
    const struct split_item *item = &x->split.part[x->part].items[x->items[x->first + i]];
    char *path = fs_join(x->split.images, item->path);
    x->errors[i].code = 0;
    if (image_load_hashed(&x->images[i], x->hashes[i], path, &x->errors[i]) == 0)
        manifest_verify(&x->manifest, item->path, x->hashes[i], &x->errors[i]);
    free(path);
}

static void transform_one(void *arg, size_t i)
{
    struct encode *x = arg;
    int size = x->clip.shape.image_size;
    struct image image;
    if (x->augment)
        augment_train(&image, &x->images[i], size, x->scale, x->seed, x->view,
                      x->items[x->first + i]);
    else
        augment_test(&image, &x->images[i], size);
    augment_normalize(x->inputs + i * 3 * (size_t)size * (size_t)size, &image);
    image_release(&image);
}

/* At most four times a second, and at the end. */
static void say_progress(struct encode *x, size_t done)
{
    double seconds = sys_now();
    if (done < x->n * x->views && seconds - x->said < 0.25)
        return;
    x->said = seconds;
    event_send(json_pack("{s:s, s:I, s:I, s:s}", "event", "progress", "done", (json_int_t)done,
                         "of", (json_int_t)(x->n * x->views), "unit", "image"));
}

static int encode_view(struct encode *x, size_t count, struct err *e)
{
    size_t dim = (size_t)x->clip.shape.embed;
    thread_run(x->pool, count, transform_one, x);
    int rc = vision_forward(x->vision, x->inputs, count, x->features, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const float *row = x->features + i * dim;
        for (size_t c = 0; c < dim; c++)
            if (!isfinite(row[c]))
                return err_set(e, ERR_NUMERIC, "the features of image '%s' are not finite",
                               x->split.part[x->part].items[x->items[x->first + i]].path);
        rc = bank_put(x->bank, x->view, x->first + i, row, e);
    }
    return rc;
}

static int encode_batch(struct encode *x, size_t count, struct err *e)
{
    int rc = 0;
    thread_run(x->pool, count, decode_one, x);
    for (size_t i = 0; i < count && rc == 0; i++)
        if (x->errors[i].code) {
            *e = x->errors[i];
            rc = e->code;
        }
    for (size_t i = 0; i < count && rc == 0; i++)
        manifest_hash_image(x->data, x->hashes[i],
                            x->split.part[x->part].items[x->items[x->first + i]].path);
    for (x->view = 0; x->view < x->views && rc == 0; x->view++) {
        rc = encode_view(x, count, e);
        if (rc == 0)
            say_progress(x, x->first * x->views + (x->view + 1) * count);
    }
    for (size_t i = 0; i < count; i++)
        image_release(&x->images[i]);
    return rc;
}

static void release(struct encode *x)
{
    char unused[HASH_HEX];
    bank_abandon(x->bank);
    if (x->vision)
        vision_free(x->vision);
    clip_close(&x->clip);
    device_close(x->device);
    thread_pool_free(x->pool);
    if (x->data)
        hash_end(x->data, unused);
    manifest_release(&x->manifest);
    split_release(&x->split);
    free(x->items);
    free(x->inputs);
    free(x->features);
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
    if ((rc = read_spec(x, job, e)) < 0 ||
        (rc = clip_open(&x->clip, job->weights, x->device, CLIP_VISION | x->bf16, e)) < 0)
        goto out;
    size_t size = (size_t)x->clip.shape.image_size, dim = (size_t)x->clip.shape.embed;
    x->data = hash_new();
    x->pool = thread_pool_new(job->threads);
    x->vision = vision_new(&x->clip, BATCH);
    x->inputs = mem_alloc(BATCH * 3 * size * size, sizeof *x->inputs);
    x->features = mem_alloc(BATCH * dim, sizeof *x->features);
    rc = bank_create(&x->bank, job->out, job->spec, x->views, x->items, x->n, dim, e);
    for (x->first = 0; rc == 0 && x->first < x->n; x->first += BATCH)
        rc = encode_batch(x, x->n - x->first < BATCH ? x->n - x->first : BATCH, e);
    if (rc < 0)
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
