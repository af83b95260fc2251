/*
 * RLP, re-parameterized low-rank prompt (arXiv 2312.10813): context = start + dropout(A B), A (M,
 * R), B (R, C), `start` frozen at the embeddings of the context words; deployed as start + A B, an
 * ordinary context. R (M + C) parameters.
 *
 * Not known from the paper and therefore assumed: the dropout rate, which factor starts at zero,
 * the other's standard deviation and stream: torch's, freshly seeded with the run's seed, as
 * recipes/pocket/scripts/evaluate.py draws it. The product starts at zero, a saddle, so the draw
 * decides how many steps pass before training moves: at small learning rates seeds differ a lot.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/method.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

struct rlp {
    int R;
    float dropout;
    float *start; // device, (M, C)
    float *mask;  // device, (M, C): 0 or 1 / (1 - dropout)
    float *host_mask;
    bool masked; // the current context was made with `mask`
};

enum { DROPOUT_STREAM = 0x726c70 }; // names this use of the counter-based generator

static int init(struct learner *l, const json_t *params, struct rng *r, struct err *e)
{
    int rc = learner_start_words(l, spec_get_text(params, "context"), e);
    if (rc < 0)
        return rc;
    struct rlp *own = l->own = mem_zero(1, sizeof *own);
    size_t M = (size_t)l->M, C = (size_t)l->C, R = (size_t)spec_get_int(params, "rank");
    own->R = (int)R;
    own->dropout = (float)spec_get_real(params, "dropout");
    own->start = device_put(l->device, l->start, M * C);
    own->mask = device_floats(l->device, M * C);
    own->host_mask = mem_alloc(M * C, sizeof *own->host_mask);
    // One factor starts at zero, so that training starts at the given context.
    bool zero_a = str_eq(spec_get_text(params, "zero"), "A");
    size_t n = zero_a ? R * C : M * R, drawn = n < 16 ? 16 : n; // torch's rule begins at 16
    float *initial = mem_zero(R * (M + C), sizeof *initial),
          *normal = mem_alloc(drawn, sizeof *normal);
    struct rng fresh;
    (void)r;
    rng_seed_torch(&fresh, l->seed);
    rng_torch_normal(&fresh, (float)spec_get_real(params, "std"), drawn, normal);
    memcpy(zero_a ? initial + M * R : initial, normal, n * sizeof *normal);
    free(normal);
    learner_parameters(l, l->M, R * (M + C), initial);
    free(initial);
    return 0;
}

static void compose(struct learner *l, bool training, uint64_t step)
{
    struct rlp *own = l->own;
    size_t n = (size_t)l->M * (size_t)l->C;
    const float *A = l->parameters, *B = l->parameters + (size_t)l->M * (size_t)own->R;
    own->masked = training && own->dropout > 0;
    if (own->masked) {
        float keep = 1.0f / (1.0f - own->dropout);
        uint32_t words[4];
        for (size_t i = 0; i < n; i++) {
            if (i % 4 == 0)
                rng_at(l->seed, step << 32 | i / 4, DROPOUT_STREAM, words);
            own->host_mask[i] = rng_unit(words[i % 4]) < own->dropout ? 0.0f : keep;
        }
        l->device->ops->upload(l->device, own->mask, own->host_mask, n * sizeof(float));
    }
    l->device->ops->lowrank_fwd(l->device, l->context, own->start, A, B,
                                own->masked ? own->mask : NULL, l->M, own->R, l->C);
}

static void backward(struct learner *l)
{
    struct rlp *own = l->own;
    size_t split = (size_t)l->M * (size_t)own->R;
    l->device->ops->lowrank_bwd(l->device, l->gradient, l->gradient + split, l->dcontext,
                                l->parameters, l->parameters + split,
                                own->masked ? own->mask : NULL, l->M, own->R, l->C);
}

static void release(struct learner *l)
{
    struct rlp *own = l->own;
    if (!own)
        return;
    device_release(l->device, own->start);
    device_release(l->device, own->mask);
    free(own->host_mask);
    free(own);
}

const struct method method_rlp = {
    .name = "rlp",
    .init = init,
    .compose = compose,
    .backward = backward,
    .prompts = learner_prompts_end,
    .release = release,
};
