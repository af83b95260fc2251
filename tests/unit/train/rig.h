/*
 * Any method of the table on the pocket model with a few made-up images: what tests of training as
 * a whole share.
 */
#ifndef PROMPTGRID_TESTS_TRAIN_RIG_H
#define PROMPTGRID_TESTS_TRAIN_RIG_H

#include "t.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/train/loop.h"

enum { RIG_CLASSES = 3, RIG_IMAGES = 10, RIG_EPOCHS = 4, RIG_BATCH = 4 };

/* Precision of the devices that are opened from now on. */
static bool rig_device_half;
static const char *rig_device = "cpu"; // their kind

static char rig_text[RIG_CLASSES][20] = {"lake", "forest", "annual crop land"};
static char *rig_names[RIG_CLASSES] = {rig_text[0], rig_text[1], rig_text[2]};
static const int rig_labels[RIG_IMAGES] = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0};

struct rig {
    const struct method *method;
    struct device *device;
    struct clip clip;
    struct bpe *bpe;
    json_t *params;
    struct learner l;
    struct rng rng;
    struct loop_state state;
    struct loop_data data;
    struct loop_config config;
    float *features; // (RIG_IMAGES, E): view 0
    struct fit_data fit;
};

/* n numbers that depend on `seed` only, normal and long enough for any use; yours. */
static inline float *rig_normal(uint64_t seed, size_t n)
{
    struct rng r;
    float *out = mem_alloc(n + 16, sizeof *out);
    rng_seed_torch(&r, seed);
    rng_torch_normal(&r, 1, n + 16, out);
    return out;
}

static inline void rig_view(void *arg, size_t view, float *out)
{
    const struct rig *g = arg;
    size_t n = RIG_IMAGES * (size_t)g->clip.shape.embed;
    float *values = rig_normal(view + 1, n);
    memcpy(out, values, n * sizeof *out);
    free(values);
}

static inline int rig_pixels(void *arg, int epoch, const int *rows, int n, float *out,
                             struct err *e)
{
    const struct rig *g = arg;
    size_t size = 3 * (size_t)g->clip.shape.image_size * (size_t)g->clip.shape.image_size;
    (void)e;
    for (int i = 0; i < n; i++) {
        float *values = rig_normal((uint64_t)(1000 * epoch + rows[i]), size);
        g->device->ops->upload(g->device, out + (size_t)i * size, values, size * sizeof *out);
        free(values);
    }
    return 0;
}

/* The keys of a method with their defaults. */
static inline json_t *rig_params(const struct method_row *row)
{
    json_t *params = json_object();
    for (const struct method_key *k = row->keys; k->name; k++) {
        const char *text = k->preset ? k->preset : "a photo of a {}.";
        json_object_set_new(params, k->name,
                            k->type == KEY_INT    ? json_integer(strtol(text, NULL, 10))
                            : k->type == KEY_REAL ? json_real(k->preset ? strtod(text, NULL) : 0.5)
                                                  : json_string(text));
    }
    json_object_set_new(params, "epochs", json_integer(RIG_EPOCHS));
    if (json_object_get(params, "depth")) // the pocket model is not deep
        json_object_set_new(params, "depth", json_integer(2));
    return params;
}

/* `set`: keys to change, taken over, or NULL. The learner is ready to train. */
static inline void rig_open(struct rig *g, const char *method, json_t *set)
{
    struct err e = {0};
    *g = (struct rig){.method = method_get(method), .params = rig_params(method_find(method))};
    if (set)
        json_object_update(g->params, set);
    json_decref(set);
    assert_non_null(g->method);
    int towers = CLIP_TEXT | (g->method->pixels ? CLIP_VISION | CLIP_VISION_BACKWARD : 0);
    assert_ok(device_open(&g->device, rig_device, 2, &e), &e);
    g->device->half = rig_device_half;
    assert_ok(clip_open(&g->clip, "recipes/pocket/model.safetensors", g->device, towers, &e), &e);
    assert_ok(bpe_open(&g->bpe, "recipes/pocket/bpe_pocket.txt", g->clip.shape.vocab, &e), &e);
    rng_seed_torch(&g->rng, 1);
    assert_ok(
        learner_init(&g->l, g->method, &g->clip, g->bpe, g->params, 1, RIG_CLASSES, &g->rng, &e),
        &e);
    assert_ok(learner_classes(&g->l, rig_names, RIG_CLASSES, true, &e), &e);
    g->features = mem_alloc(RIG_IMAGES * (size_t)g->clip.shape.embed, sizeof *g->features);
    rig_view(g, 0, g->features);
    const struct features all = {g->features, rig_labels, 1, RIG_IMAGES};
    g->fit = (struct fit_data){all, all, all, RIG_CLASSES, 2};
    if (g->method->prepare)
        assert_ok(g->method->prepare(&g->l, &g->fit, &e), &e);
    g->state = (struct loop_state){.rng = &g->rng};
    g->data = (struct loop_data){.view = rig_view,
                                 .pixels = rig_pixels,
                                 .arg = g,
                                 .V = 2,
                                 .N = RIG_IMAGES,
                                 .labels = rig_labels};
    g->config = (struct loop_config){.epochs = RIG_EPOCHS,
                                     .batch = RIG_BATCH,
                                     .lr = 0.01,
                                     .warmup_lr = 1e-3,
                                     .momentum = 0.9,
                                     .weight_decay = 5e-4,
                                     .epsilon = 1e-8};
}

static inline void rig_close(struct rig *g)
{
    learner_release(&g->l);
    bpe_free(g->bpe);
    clip_close(&g->clip);
    device_close(g->device);
    json_decref(g->params);
    free(g->features);
}

/* Every array that the learner keeps has the same bits in both. */
static inline void rig_assert_same(struct rig *a, struct rig *b)
{
    assert_int_equal(a->l.n_kept, b->l.n_kept);
    for (int i = 0; i < a->l.n_kept; i++) {
        const struct kept *x = &a->l.kept[i], *y = &b->l.kept[i];
        size_t n = 1;
        for (int d = 0; d < x->dims; d++) {
            assert_int_equal(x->shape[d], y->shape[d]);
            n *= x->shape[d];
        }
        if (memcmp(x->data, y->data, n * sizeof(float)) != 0)
            fail_msg("%s: '%s' differs", a->method->name, x->name);
    }
}

/* Methods of the table that train by steps; `f` is called for each. */
static inline void rig_each(void (*f)(const char *method))
{
    for (const struct method_row *row = method_rows; row->name; row++) {
        const struct method *m = method_get(row->name);
        if (row->trains && m && m->step)
            f(row->name);
    }
}

#endif
