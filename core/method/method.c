/*
 * The table of methods, and the learner's memory.
 */
#include "core/method/method.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/lowrank.h"

#include <math.h>
#include <stdlib.h>

static const struct method *const methods[] = {
    &method_zero_shot,   &method_coop,          &method_rlp,          &method_cocoop,
    &method_kgcoop,      &method_prograd,       &method_maple,        &method_ivlp,
    &method_promptsrc,   &method_vpt,           &method_linear_probe, &method_clip_adapter,
    &method_tip_adapter, &method_tip_adapter_f, &method_taskres,
};

const struct method *method_get(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (str_eq(methods[i]->name, name))
            return methods[i];
    return NULL;
}

int learner_init(struct learner *l, const struct method *method, const struct clip *clip,
                 struct bpe *bpe, const json_t *params, uint64_t seed, int train_K, struct rng *r,
                 struct err *e)
{
    *l = (struct learner){.method = method,
                          .clip = clip,
                          .bpe = bpe,
                          .device = clip->device,
                          .params = params,
                          .seed = seed,
                          .train_K = train_K};
    int rc = method->init ? method->init(l, r, e) : 0;
    if (rc == 0)
        rc = device_sync(l->device, e);
    if (rc < 0)
        learner_release(l);
    return rc;
}

void learner_release(struct learner *l)
{
    if (!l->method)
        return;
    if (l->method->release)
        l->method->release(l);
    float *blocks[] = {l->parameters, l->gradient, l->moment, l->second};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        device_release(l->device, blocks[i]);
    *l = (struct learner){0};
}

int learner_classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    learner_moves(l);
    return l->method->classes(l, names, K, training, e);
}

void learner_draw(struct learner *l, uint64_t number)
{
    if (l->dropout)
        lowrank_draw(l->dropout, l, number);
}

void learner_parameters(struct learner *l, size_t n, const float *initial)
{
    l->n = n;
    l->parameters = device_put(l->device, initial, n);
    device_half(l->device, l->parameters, n);
    l->gradient = device_floats(l->device, n);
    l->moment = device_floats(l->device, n);
    l->device->ops->zero(l->device, l->moment, n * sizeof(float));
    learner_keep(l, "parameters", l->parameters, n, 0, KEEP_CHECKPOINT);
    learner_keep(l, "moment", l->moment, n, 0, KEEP_CHECKPOINT);
    if (l->optimizer == OPTIMIZER_SGD)
        return;
    l->second = device_floats(l->device, n);
    l->device->ops->zero(l->device, l->second, n * sizeof(float));
    learner_keep(l, "second", l->second, n, 0, KEEP_CHECKPOINT);
}

void learner_draw_linear(struct rng *r, size_t out, size_t in, float *weight, float *bias)
{
    float bound = (float)(1 / sqrt((double)in));
    for (size_t i = 0; i < out * in; i++)
        weight[i] = rng_torch_uniform(r, -bound, bound);
    for (size_t i = 0; bias && i < out; i++)
        bias[i] = rng_torch_uniform(r, -bound, bound);
}

int *learner_zeros(const struct learner *l, size_t n)
{
    int *zeros = l->device->ops->alloc(l->device, n * sizeof *zeros);
    if (zeros)
        l->device->ops->zero(l->device, zeros, n * sizeof *zeros);
    return zeros;
}

void learner_keep(struct learner *l, const char *name, float *data, size_t rows, size_t columns,
                  int when)
{
    BUG_IF(l->n_kept == LEARNER_KEPT);
    l->kept[l->n_kept++] = (struct kept){name, data, columns ? 2 : 1, {rows, columns}, when};
}
