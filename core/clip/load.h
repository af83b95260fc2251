/*
 * Tensors to the device, for model.c and the image towers. Reading stops at the first failure:
 * later calls do nothing and return NULL, so a tower is loaded without a branch for each tensor.
 */
#ifndef PROMPTGRID_CLIP_LOAD_H
#define PROMPTGRID_CLIP_LOAD_H

#include "core/clip/model.h"

struct loader {
    const struct weights *weights;
    struct device *device;
    int directions; // of the layers, LINEAR_*
    struct err *e;
    int rc; // the first failure, or 0
};

/* On the host, yours to free(). LOAD(l, name, 3, 4): of shape (3, 4). */
float *load_floats(struct loader *l, const char *name, int dims, const size_t *shape);
#define LOAD(l, name, ...)                                                                         \
    load_floats((l), (name), (int)(sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)),              \
                (const size_t[]){__VA_ARGS__})

/* n floats of the host, which are freed, on the device. */
float *load_put(struct loader *l, float *host, size_t n);

float *load_vector(struct loader *l, const char *name, size_t n); // (n), on the device

/* weight (N, K) and bias (N). */
struct linear *load_layer(struct loader *l, const char *weight, const char *bias, size_t N,
                          size_t K);

/* A projection without bias that is stored as (in, out). */
struct linear *load_projection(struct loader *l, const char *name, size_t in, size_t out);

/* The n blocks "<tower>transformer.resblocks.i" of width C. `split_last`: the last one has q and kv
 * instead of qkv. */
struct clip_block *load_blocks(struct loader *l, const char *tower, int n, size_t C,
                               bool split_last);
void load_blocks_free(struct device *d, struct clip_block *blocks, int n); // NULL is fine

/* 32-bit draws from torch's generator (spec/training.md section 3): normal_ of n elements; the
 * layers' own starts of one block of width w. */
uint64_t draws_normal(uint64_t n);
uint64_t draws_block(uint64_t w);

#endif
