/*
 * A method with prompts inside the image tower at work on a fixture of tests/oracle/deep: its
 * parameters set, its gradients and its steps compared.
 */
#ifndef PROMPTGRID_TESTS_METHOD_DEEP_STEPS_H
#define PROMPTGRID_TESTS_METHOD_DEEP_STEPS_H

#include "core/method/context.h"
#include "core/train/loop.h"
#include "tests/unit/clip/deep.h"

/* A tensor of the fixture's gradients and where it is in the learner's parameters. */
struct deep_part {
    const char *name; // NULL ends
    size_t at, n;
    double scale; // its start is oracle_values(name, n, scale)
};

struct deep_case {
    struct oracle o;
    struct device *d;
    struct clip m;
    struct learner l;
    struct rng r;
};

static inline void deep_case_open(struct deep_case *t, const char *shape,
                                  const struct method *method, const json_t *params, int threads)
{
    struct err e;
    deep_open(&t->o, shape);
    assert_ok(device_open(&t->d, "cpu", threads, &e), &e);
    assert_ok(
        clip_open(&t->m, t->o.model, t->d, CLIP_TEXT | CLIP_VISION | CLIP_VISION_BACKWARD, &e), &e);
    rng_seed_torch(&t->r, 1);
    int K = (int)safetensors_find(&t->o.fixture, "names")->shape[0];
    assert_ok(learner_init(&t->l, method, &t->m, NULL, params, 1, K, &t->r, &e), &e);
}

static inline void deep_case_close(struct deep_case *t)
{
    learner_release(&t->l);
    clip_close(&t->m);
    device_close(t->d);
    oracle_close(&t->o);
}

/* The parameters that the fixture starts from. */
static inline void deep_set(struct deep_case *t, const struct deep_part *parts)
{
    size_t n = 0;
    for (; parts->name; parts++) {
        float *values = oracle_values(parts->name, parts->n, parts->scale);
        t->d->ops->upload(t->d, t->l.parameters + parts->at, values, parts->n * sizeof *values);
        free(values);
        n += parts->n;
    }
    assert_int_equal(n, t->l.n); // each of them is somewhere
}

/* All steps: the gradients of the first and every loss against the fixture's KEY.*. */
static inline void deep_steps(struct deep_case *t, const char *key, const struct deep_part *parts)
{
    struct loop_config config = {.momentum = 0.9, .weight_decay = 5e-4};
    size_t S = (size_t)t->o.shape.image_size;
    float losses[DEEP_STEPS];
    struct loop *s;
    struct err e;
    char name[64];
    assert_ok(loop_open(&s, &t->l, DEEP_B, DEEP_B, &e), &e);
    for (int step = 0; step < DEEP_STEPS; step++) {
        int labels[DEEP_B];
        struct loop_epoch epoch = {.epoch = step};
        snprintf(name, sizeof name, "pixels.%d", step);
        float *pixels = oracle_values(name, DEEP_B * 3 * S * S, 2);
        deep_labels(&t->o, step, labels);
        t->d->ops->upload(t->d, loop_pixels(s), pixels, DEEP_B * 3 * S * S * sizeof *pixels);
        loop_step(s, &config, NULL, labels, DEEP_B, 0, 0.05, (uint64_t)step);
        assert_ok(loop_read(s, &epoch, DEEP_B, &e), &e);
        losses[step] = (float)epoch.loss;
        for (const struct deep_part *p = parts; step == 0 && p->name; p++) {
            snprintf(name, sizeof name, "%s.d%s", key, p->name);
            deep_compare(&t->o, name, t->l.gradient + p->at, p->n, 1e-4);
        }
        if (t->l.method->epoch && (step + 1) % DEEP_EPOCH == 0)
            t->l.method->epoch(&t->l, step / DEEP_EPOCH);
        free(pixels);
    }
    snprintf(name, sizeof name, "%s.losses", key);
    deep_compare(&t->o, name, losses, DEEP_STEPS, 1e-4);
    loop_close(s);
}

#endif
