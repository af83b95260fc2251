/*
 * Tensors to the device: see load.h.
 */
#include "core/clip/load.h"

#include "core/base/mem.h"

#include <stdlib.h>

float *load_floats(struct loader *l, const char *name, int dims, const size_t *shape)
{
    float *data = NULL;
    if (l->rc == 0)
        l->rc = weights_floats(l->weights, name, dims, shape, &data, l->e);
    return data;
}

float *load_put(struct loader *l, float *host, size_t n)
{
    float *device = host ? device_put(l->device, host, n) : NULL;
    free(host);
    return device;
}

float *load_vector(struct loader *l, const char *name, size_t n)
{
    return load_put(l, LOAD(l, name, n), n);
}

/* Rows first .. first + N - 1 of a layer: weight (rows, K), bias (rows). */
static struct linear *put_rows(struct loader *l, const float *weight, const float *bias,
                               size_t first, size_t N, size_t K)
{
    if (l->rc < 0)
        return NULL;
    return l->device->ops->linear_new(l->device, weight + first * K, bias + first, (int)N, (int)K,
                                      l->directions);
}

struct linear *load_layer(struct loader *l, const char *weight_name, const char *bias_name,
                          size_t N, size_t K)
{
    float *weight = LOAD(l, weight_name, N, K), *bias = LOAD(l, bias_name, N);
    struct linear *w = put_rows(l, weight, bias, 0, N, K);
    free(weight);
    free(bias);
    return w;
}

struct linear *load_projection(struct loader *l, const char *name, size_t in, size_t out)
{
    float *stored = LOAD(l, name, in, out);
    if (!stored)
        return NULL;
    float *weight = mem_alloc(in * out, sizeof *weight);
    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; o < out; o++)
            weight[o * in + i] = stored[i * out + o];
    struct linear *w =
        l->device->ops->linear_new(l->device, weight, NULL, (int)out, (int)in, l->directions);
    free(weight);
    free(stored);
    return w;
}

static void load_block(struct loader *l, struct clip_block *b, const char *tower, int index,
                       size_t C, bool split)
{
    char name[12][128];
    static const char *const parts[12] = {
        "ln_1.weight",          "ln_1.bias",          "attn.in_proj_weight", "attn.in_proj_bias",
        "attn.out_proj.weight", "attn.out_proj.bias", "ln_2.weight",         "ln_2.bias",
        "mlp.c_fc.weight",      "mlp.c_fc.bias",      "mlp.c_proj.weight",   "mlp.c_proj.bias",
    };
    for (int i = 0; i < 12; i++)
        snprintf(name[i], sizeof name[i], "%stransformer.resblocks.%d.%s", tower, index, parts[i]);
    b->ln1_gamma = load_vector(l, name[0], C);
    b->ln1_beta = load_vector(l, name[1], C);
    float *weight = LOAD(l, name[2], 3 * C, C), *bias = LOAD(l, name[3], 3 * C);
    if (split) {
        b->q = put_rows(l, weight, bias, 0, C, C);
        b->kv = put_rows(l, weight, bias, C, 2 * C, C);
    } else {
        b->qkv = put_rows(l, weight, bias, 0, 3 * C, C);
    }
    free(weight);
    free(bias);
    b->out = load_layer(l, name[4], name[5], C, C);
    b->ln2_gamma = load_vector(l, name[6], C);
    b->ln2_beta = load_vector(l, name[7], C);
    b->fc = load_layer(l, name[8], name[9], 4 * C, C);
    b->proj = load_layer(l, name[10], name[11], C, 4 * C);
}

struct clip_block *load_blocks(struct loader *l, const char *tower, int n, size_t C,
                               bool split_last)
{
    struct clip_block *blocks = mem_zero((size_t)n, sizeof *blocks);
    for (int i = 0; i < n; i++)
        load_block(l, &blocks[i], tower, i, C, split_last && i == n - 1);
    return blocks;
}

void load_blocks_free(struct device *d, struct clip_block *blocks, int n)
{
    for (int i = 0; blocks && i < n; i++) {
        struct clip_block *b = &blocks[i];
        float *vectors[] = {b->ln1_gamma, b->ln1_beta, b->ln2_gamma, b->ln2_beta};
        struct linear *layers[] = {b->qkv, b->q, b->kv, b->out, b->fc, b->proj};
        for (size_t j = 0; j < sizeof vectors / sizeof vectors[0]; j++)
            device_release(d, vectors[j]);
        for (size_t j = 0; j < sizeof layers / sizeof layers[0]; j++)
            d->ops->linear_free(d, layers[j]);
    }
    free(blocks);
}

uint64_t draws_normal(uint64_t n)
{
    return n + (n % 16 ? 16 : 0); // blocks of 16; a last part of fewer is drawn again with 16
}

uint64_t draws_block(uint64_t w)
{
    return 12 * w * w + 6 * w; // attention 4 w^2 + w, MLP 8 w^2 + 5 w
}
