/* Rows of low rank: see lowrank.h. */
#include "core/method/lowrank.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

bool lowrank_alone(const struct learner *l)
{
    return json_object_get(l->params, "init-branch") &&
           str_eq(spec_get_text(l->params, "init-branch"), "no");
}

/* Numbers in all rows, and in all A. */
static size_t rows_size(const struct lowrank *f)
{
    return (size_t)f->groups * (size_t)(f->M * f->C);
}

static size_t a_size(const struct lowrank *f)
{
    return (size_t)f->groups * (size_t)(f->M * f->R);
}

size_t lowrank_size(const struct lowrank *f)
{
    return a_size(f) + (size_t)f->groups * (size_t)(f->R * f->C);
}

void lowrank_open(struct lowrank *f, struct learner *l, const float *start, int groups, int M,
                  int R, int C, uint64_t stream)
{
    *f = (struct lowrank){.groups = groups, .M = M, .R = R, .C = C, .stream = stream};
    f->dropout = (float)spec_get_real(l->params, "dropout");
    if (f->dropout > 0)
        l->dropout = f;
    f->start = device_put(l->device, start, rows_size(f));
    f->mask = device_floats(l->device, rows_size(f));
    f->host_mask = mem_alloc(rows_size(f), sizeof *f->host_mask);
}

void lowrank_release(struct lowrank *f, const struct learner *l)
{
    device_release(l->device, f->start);
    device_release(l->device, f->mask);
    free(f->host_mask);
    *f = (struct lowrank){0};
}

/*
 * One of the factors is zero, so that training starts at the given rows; the other is drawn from a
 * stream of its own, seeded with the run's seed, as recipes/pocket/scripts/evaluate.py draws it
 * (assumed: the paper's setting is not known). When the product is alone there is nothing to start
 * at, and both factors are drawn.
 */
float *lowrank_initial(const struct lowrank *f, const struct learner *l)
{
    size_t a = a_size(f), b = lowrank_size(f) - a;
    bool zero_a = str_eq(spec_get_text(l->params, "zero"), "A"), both = lowrank_alone(l);
    float std = (float)spec_get_real(l->params, "std"), *initial = mem_zero(a + b, sizeof *initial);
    struct rng fresh;
    rng_seed_torch(&fresh, l->seed);
    for (int factor = 0; factor < 2; factor++) {
        size_t n = factor ? b : a, drawn = n < 16 ? 16 : n; // torch's rule begins at 16
        if (!both && (factor == 0) == zero_a)
            continue;
        float *normal = mem_alloc(drawn, sizeof *normal);
        rng_torch_normal(&fresh, std, drawn, normal);
        memcpy(factor ? initial + a : initial, normal, n * sizeof *normal);
        free(normal);
    }
    return initial;
}

void lowrank_draw(struct lowrank *f, const struct learner *l, uint64_t number)
{
    float keep = 1.0f / (1.0f - f->dropout);
    uint32_t words[4];
    for (size_t i = 0; i < rows_size(f); i++) {
        if (i % 4 == 0)
            rng_at(l->seed, number << 32 | i / 4, f->stream, words);
        f->host_mask[i] = rng_unit(words[i % 4]) < f->dropout ? 0.0f : keep;
    }
    l->device->ops->upload(l->device, f->mask, f->host_mask, rows_size(f) * sizeof(float));
}

/* Where group g's A, B and rows lie. */
struct place {
    size_t a, b, rows;
};

static struct place place_of(const struct lowrank *f, int g)
{
    size_t group = (size_t)g;
    return (struct place){group * (size_t)(f->M * f->R), a_size(f) + group * (size_t)(f->R * f->C),
                          group * (size_t)(f->M * f->C)};
}

void lowrank_compose(struct lowrank *f, const struct learner *l, const float *parameters,
                     float *rows, bool training)
{
    f->masked = training && f->dropout > 0;
    for (int g = 0; g < f->groups; g++) {
        const struct place at = place_of(f, g);
        l->device->ops->lowrank_fwd(l->device, rows + at.rows, f->start + at.rows,
                                    parameters + at.a, parameters + at.b,
                                    f->masked ? f->mask + at.rows : NULL, f->M, f->R, f->C);
    }
}

void lowrank_gradient(const struct lowrank *f, const struct learner *l, const float *parameters,
                      const float *drows, float *gradient)
{
    for (int g = 0; g < f->groups; g++) {
        const struct place at = place_of(f, g);
        l->device->ops->lowrank_bwd(l->device, gradient + at.a, gradient + at.b, drows + at.rows,
                                    parameters + at.a, parameters + at.b,
                                    f->masked ? f->mask + at.rows : NULL, f->M, f->R, f->C);
    }
}
