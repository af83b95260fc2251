/*
 * The ViT image tower on a device: see vision.h and spec/clip-model.md sections 2 and 3.
 *
 * Images pass in groups of a fixed number; the last group is filled up with zero images. So every
 * matrix product has the same number of rows in every call, and an image's features do not depend
 * on how many others came with it. A group is no larger than keeps its activations near the cache.
 * In the last block only token 0 goes on after attention: nothing reads the other rows.
 */
#include "core/clip/vision.h"

#include "core/base/mem.h"

#include <stdlib.h>

enum {
    GROUP_ROWS = 2048, // tokens in flight, about
    GROUP_LEAST = 2,   // libraries multiply a single row in another order: embed one = encode many
    ALIGN = 16,        // floats: each part of the arena starts at a cache line
};

struct vision {
    const struct clip *m;
    int group, T; // images at once; tokens of an image
    int *first;   // (group) row of each image's token 0
    float *arena; // device; the parts below; NULL when there was not enough memory

    float *images;      // (group, 3, S, S)
    float *patches;     // (group, T - 1, 3 p p)
    float *x;           // (group, T, C) the residual stream
    float *y;           // (group, T, C)
    float *wide;        // (group, T, 4C)
    float *mean, *rstd; // (group T)
    float *pooled;      // (group, C) the residual stream of token 0
    float *pooled_y;    // (group, C)
    float *out;         // (group, E)
};

/* Point the parts into one allocation. */
static void vision_alloc(struct vision *v)
{
    const struct clip_shape *s = &v->m->shape;
    const size_t B = (size_t)v->group, T = (size_t)v->T, C = (size_t)s->vision_width;
    const size_t pixels = 3 * (size_t)s->image_size * (size_t)s->image_size;
    const struct {
        float **part;
        size_t n;
    } parts[] = {
        {&v->images, B * pixels},  {&v->patches, B * pixels},
        {&v->x, B * T * C},        {&v->y, B * T * C},
        {&v->wide, B * T * 4 * C}, {&v->mean, B * T},
        {&v->rstd, B * T},         {&v->pooled, B * C},
        {&v->pooled_y, B * C},     {&v->out, B * (size_t)s->embed},
    };
    enum { PARTS = sizeof parts / sizeof *parts };
    size_t start[PARTS], total = 0;
    for (size_t i = 0; i < PARTS; i++) {
        start[i] = total;
        total += (parts[i].n + ALIGN - 1) / ALIGN * ALIGN;
    }
    v->arena = device_floats(v->m->device, total);
    for (size_t i = 0; v->arena && i < PARTS; i++)
        *parts[i].part = v->arena + start[i];
}

struct vision *vision_new(const struct clip *m, int batch)
{
    BUG_IF(!m->vision || batch < 1);
    const int grid = m->shape.image_size / m->shape.patch;
    struct vision *v = mem_zero(1, sizeof *v);
    v->m = m;
    v->T = 1 + grid * grid;
    v->group = GROUP_ROWS / v->T;
    if (v->group > batch)
        v->group = batch;
    if (v->group < GROUP_LEAST)
        v->group = GROUP_LEAST;
    v->first = mem_alloc((size_t)v->group, sizeof *v->first);
    for (int i = 0; i < v->group; i++)
        v->first[i] = i * v->T;
    vision_alloc(v);
    return v;
}

void vision_free(struct vision *v)
{
    if (!v)
        return;
    device_release(v->m->device, v->arena);
    free(v->first);
    free(v);
}

/* y (R, C) = attention of LN(x), heads joined, before the output layer. */
static void attend(struct vision *v, const struct clip_block *b)
{
    struct device *d = v->m->device;
    const int C = v->m->shape.vision_width, R = v->group * v->T;
    d->ops->layernorm_fwd(d, v->y, v->mean, v->rstd, v->x, b->ln1_gamma, b->ln1_beta, R, C);
    d->ops->linear_fwd(d, v->wide, v->y, b->qkv, R);
    d->ops->attention_fwd(d, v->y, v->wide, v->group, v->T, C / DEVICE_HEAD);
}

/* x (R, C) += output layer of y, then += MLP of LN(x); y is overwritten. */
static void finish(struct vision *v, const struct clip_block *b, float *x, float *y, int R)
{
    struct device *d = v->m->device;
    const int C = v->m->shape.vision_width;
    const size_t n = (size_t)R * (size_t)C;
    d->ops->linear_fwd(d, v->wide, y, b->out, R);
    d->ops->add(d, x, v->wide, n);
    d->ops->layernorm_fwd(d, y, v->mean, v->rstd, x, b->ln2_gamma, b->ln2_beta, R, C);
    d->ops->linear_fwd(d, v->wide, y, b->fc, R);
    d->ops->quickgelu_fwd(d, v->wide, v->wide, 4 * n);
    d->ops->linear_fwd(d, y, v->wide, b->proj, R);
    d->ops->add(d, x, y, n);
}

/* out (group, E) from images (group, 3, S, S), both on the device. */
static void forward_group(struct vision *v)
{
    const struct clip *m = v->m;
    const struct clip_shape *s = &m->shape;
    struct device *d = m->device;
    const int B = v->group, T = v->T, C = s->vision_width, last = s->vision_layers - 1;
    d->ops->patches(d, v->patches, v->images, B, s->image_size, s->patch);
    d->ops->linear_fwd(d, v->wide, v->patches, m->conv1, B * (T - 1));
    d->ops->image_tokens(d, v->y, v->wide, m->class_embedding, m->vision_position, B, T, C);
    d->ops->layernorm_fwd(d, v->x, v->mean, v->rstd, v->y, m->pre_gamma, m->pre_beta, B * T, C);
    for (int i = 0; i < last; i++) {
        attend(v, &m->vision[i]);
        finish(v, &m->vision[i], v->x, v->y, B * T);
    }
    attend(v, &m->vision[last]);
    d->ops->gather(d, v->pooled, v->x, v->first, B, C);
    d->ops->gather(d, v->pooled_y, v->y, v->first, B, C);
    finish(v, &m->vision[last], v->pooled, v->pooled_y, B);
    d->ops->layernorm_fwd(d, v->pooled_y, v->mean, v->rstd, v->pooled, m->post_gamma, m->post_beta,
                          B, C);
    d->ops->linear_fwd(d, v->out, v->pooled_y, m->vision_proj, B);
}

int vision_forward(struct vision *v, const float *images, size_t n, float *out, struct err *e)
{
    const struct clip_shape *s = &v->m->shape;
    struct device *d = v->m->device;
    const size_t pixels = 3 * (size_t)s->image_size * (size_t)s->image_size;
    const size_t group = (size_t)v->group, E = (size_t)s->embed;
    if (!v->arena) {
        const int rc = device_sync(d, e);
        return rc < 0 ? rc
                      : err_set(e, ERR_MEMORY, "not enough device memory for %d images at once",
                                v->group);
    }
    for (size_t i = 0; i < n; i += group) {
        const size_t count = n - i < group ? n - i : group;
        if (count < group)
            d->ops->zero(d, v->images, group * pixels * sizeof *images);
        d->ops->upload(d, v->images, images + i * pixels, count * pixels * sizeof *images);
        forward_group(v);
        d->ops->download(d, out + i * E, v->out, count * E * sizeof *out);
    }
    return device_sync(d, e);
}
