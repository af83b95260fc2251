/*
 * A method on the random CLIP "small" against the fixture that tests/oracle/context/make.py wrote:
 * loss and gradient of one step, then twenty steps, through learner, loop and optimizer.
 */
#ifndef PROMPTGRID_TESTS_METHOD_STEPS_H
#define PROMPTGRID_TESTS_METHOD_STEPS_H

#include "t.h"

#include "core/clip/bpe.h"
#include "core/method/context.h"
#include "core/train/loop.h"
#include "tests/unit/clip/oracle.h"

enum { STEPS = 20, STEPS_SEED = 9, STEPS_BATCH = 7, STEPS_MANY = 100 };

struct steps {
    struct oracle oracle; // the model
    struct safetensors fixture;
    struct device *device;
    struct clip clip;
    struct bpe *bpe; // of single letters
    const char *method;
};

static char steps_texts[][6] = {"ab", "c", "cat", "ca", "dog b"};
static char *const steps_names[] = {steps_texts[0], steps_texts[1], steps_texts[2], steps_texts[3],
                                    steps_texts[4]};

static inline void steps_open(struct steps *s, const char *method)
{
    char *path = str_format("tests/oracle/context/%s.safetensors", method);
    struct err e;
    *s = (struct steps){.method = method};
    oracle_open(&s->oracle, "small");
    assert_ok(safetensors_open(&s->fixture, path, &e), &e);
    assert_ok(device_open(&s->device, "cpu", 2, &e), &e);
    assert_ok(clip_open(&s->clip, s->oracle.model, s->device, CLIP_TEXT, &e), &e);
    assert_ok(bpe_open(&s->bpe, "recipes/pocket/bpe_pocket.txt", 514, &e), &e);
    free(path);
}

static inline void steps_close(struct steps *s)
{
    bpe_free(s->bpe);
    clip_close(&s->clip);
    device_close(s->device);
    safetensors_close(&s->fixture);
    oracle_close(&s->oracle);
}

/* The fixture's CASE.NAME; yours to free(). */
static inline float *steps_want(const struct steps *s, const char *name, const char *what,
                                size_t *n)
{
    char *key = what ? str_format("%s.%s", name, what) : mem_strdup(name);
    const struct tensor *t = safetensors_find(&s->fixture, key);
    if (!t)
        fail_msg("the fixture has no '%s'", key);
    float *out = mem_alloc(t->count, sizeof *out);
    safetensors_slice(t, 0, t->count, out);
    *n = t->count;
    free(key);
    return out;
}

static inline void steps_compare(const struct steps *s, const char *name, const char *what,
                                 const float *got, size_t n, double tolerance)
{
    size_t count;
    float *want = steps_want(s, name, what, &count);
    double error = 0, size = 0;
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    if (!(sqrt(error) <= tolerance * sqrt(size)))
        fail_msg("%s %s %s: relative L2 error %.3g, want at most %.3g", s->method, name,
                 what ? what : "", sqrt(error / size), tolerance);
    free(want);
}

/* A learner as a run has it, before its classes; `params` is JSON that stays with the caller. */
static inline void steps_learner(const struct steps *s, struct learner *l, const json_t *params,
                                 int K)
{
    struct rng r;
    struct err e;
    rng_seed_torch(&r, STEPS_SEED);
    assert_ok(
        learner_init(l, method_get(s->method), &s->clip, s->bpe, params, STEPS_SEED, K, &r, &e),
        &e);
}

static inline json_t *steps_params(const char *text)
{
    json_error_t why;
    json_t *params = json_loads(text, 0, &why);
    if (!params)
        fail_msg("%s: %s", text, why.text);
    return params;
}

/* One step on the images values("METHOD.KEY.images"); its loss. */
static inline float steps_step(const struct steps *s, struct learner *l, struct loop *loop,
                               const char *key, int B, int first_label, double lr, uint64_t number)
{
    const struct loop_config config = {.momentum = 0.9, .weight_decay = 5e-4};
    struct loop_epoch epoch = {.epoch = (int)number};
    int rows[STEPS_BATCH], labels[STEPS_BATCH];
    struct err e;
    char *name = str_format("%s.%s.images", s->method, key);
    float *images = oracle_values(name, (size_t)(B * s->oracle.shape.embed), 1);
    for (int i = 0; i < B; i++) {
        rows[i] = i;
        labels[i] = (i + first_label) % l->K;
    }
    loop_images(loop, images);
    loop_step(loop, &config, rows, labels, B, 0, lr, number);
    assert_ok(loop_read(loop, &epoch, (size_t)B, &e), &e);
    free(images);
    free(name);
    return (float)epoch.loss;
}

/* Steps from the learner's parameters; the learner is left trained. */
static inline void steps_run(const struct steps *s, struct learner *l, const char *name, int B)
{
    struct loop *loop;
    struct err e;
    float losses[STEPS];
    assert_ok(loop_open(&loop, l, (size_t)B, B, &e), &e);
    losses[0] = steps_step(s, l, loop, name, B, 0, 0, 0); // at rate 0
    steps_compare(s, name, "loss", losses, 1, 1e-4);
    steps_compare(s, name, "gradient", l->gradient, l->n, 1e-4);
    for (int i = 0; i < STEPS; i++) {
        char *key = str_format("%s.%d", name, i);
        losses[i] = steps_step(s, l, loop, key, B, i, 0.02, (uint64_t)i);
        free(key);
    }
    steps_compare(s, name, "losses", losses, STEPS, 1e-4);
    steps_compare(s, name, "trained", l->parameters, l->n, 1e-4);
    loop_close(loop);
}

/* The learner of a case: classes set, parameters from values("METHOD.NAME.parameters"), plus
 * `start` (NULL = 0). */
static inline void steps_case(const struct steps *s, struct learner *l, const char *name,
                              const json_t *params, char *const *names, int K, const float *start)
{
    struct err e;
    steps_learner(s, l, params, K);
    assert_ok(learner_classes(l, names, K, true, &e), &e);
    char *key = str_format("%s.%s.parameters", s->method, name);
    float *initial = oracle_values(key, l->n, 0.1);
    for (size_t i = 0; start && i < l->n; i++)
        initial[i] += start[i];
    s->device->ops->upload(s->device, l->parameters, initial, l->n * sizeof *initial);
    free(initial);
    free(key);
}

/* A whole case of five classes. */
static inline void steps_check(const struct steps *s, const char *name, const char *params_text,
                               const float *start)
{
    struct learner l;
    json_t *params = steps_params(params_text);
    steps_case(s, &l, name, params, steps_names, 5, start);
    steps_run(s, &l, name, STEPS_BATCH);
    learner_release(&l);
    json_decref(params);
}

#endif
