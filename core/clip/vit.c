/*
 * The ViT image tower on a device: spec/clip-model.md sections 2 and 3.
 *
 * In the last block only token 0 goes on after attention: nothing reads the other rows. In bf16 the
 * blocks' products are; the two ends, a hundredth of the work, stay fp32. A device that has such
 * blocks whole is so much faster in bf16 that the patches' product would count: it is bf16 there.
 */
#include "core/clip/tower.h"

#include "core/base/mem.h"
#include "core/clip/carve.h"

#include <math.h>
#include <stdlib.h>

/* Tokens in flight, about. The products of a wide GPU come in hundreds of tiles of 128 x 256. */
enum { GROUP_ROWS = 2048, GROUP_ROWS_APART = 25600 };

static int grid_of(const struct clip_shape *s)
{
    return s->image_size / s->patch;
}

static int vit_shape(struct clip_shape *s, const struct weights *w, struct err *e)
{
    int tokens = 0, rc;
    s->kind = CLIP_VIT;
    if ((rc = weights_size(w, "visual.conv1.weight", 4, 0, &s->vision_width, e)) < 0 ||
        (rc = weights_size(w, "visual.conv1.weight", 4, 3, &s->patch, e)) < 0 ||
        (rc = weights_size(w, "visual.positional_embedding", 2, 0, &tokens, e)) < 0)
        return rc;
    const int grid = (int)lround(sqrt(tokens - 1));
    if (grid < 1 || grid * grid + 1 != tokens)
        return err_set(e, ERR_CORRUPT,
                       "'%s': the image tower has positions for %d tokens, expected 1 + a square",
                       w->file.path, tokens);
    s->image_size = grid * s->patch;
    s->vision_layers = weights_count(w, "visual.transformer.resblocks.");
    if (s->vision_width % DEVICE_HEAD || !s->vision_layers)
        return err_set(e, ERR_CORRUPT,
                       "'%s': the image tower has %d blocks of width %d, expected at least one and "
                       "a multiple of 64",
                       w->file.path, s->vision_layers, s->vision_width);
    return 0;
}

static uint64_t vit_draws(const struct clip_shape *s)
{
    const uint64_t w = (uint64_t)s->vision_width, p = (uint64_t)s->patch, g = (uint64_t)grid_of(s);
    return w * 3 * p * p + draws_normal(w) + draws_normal((1 + g * g) * w) +
           (uint64_t)s->vision_layers * draws_block(w) + draws_normal(w * (uint64_t)s->embed);
}

static void vit_load(struct clip *m, struct loader *l)
{
    const struct clip_shape *s = &m->shape;
    const size_t C = (size_t)s->vision_width, p = (size_t)s->patch, g = (size_t)grid_of(s);
    const size_t T = 1 + g * g;
    const int directions = l->directions;
    m->vision_whole = directions & LINEAR_BF16 && l->device->ops->image_block;
    float *conv = LOAD(l, "visual.conv1.weight", C, 3, p, p);
    if (conv)
        m->conv1 = l->device->ops->linear_new(l->device, conv, NULL, (int)C, (int)(3 * p * p),
                                              LINEAR_FORWARD | (m->vision_whole ? LINEAR_BF16 : 0));
    free(conv);
    m->class_embedding = load_vector(l, "visual.class_embedding", C);
    m->vision_position = load_put(l, LOAD(l, "visual.positional_embedding", T, C), T * C);
    m->pre_gamma = load_vector(l, "visual.ln_pre.weight", C);
    m->pre_beta = load_vector(l, "visual.ln_pre.bias", C);
    m->vision = load_blocks(l, "visual.", s->vision_layers, C, false);
    m->post_gamma = load_vector(l, "visual.ln_post.weight", C);
    m->post_beta = load_vector(l, "visual.ln_post.bias", C);
    l->directions &= ~LINEAR_BF16;
    m->vision_proj = load_projection(l, "visual.proj", C, (size_t)s->embed);
    l->directions = directions;
}

static void vit_unload(struct clip *m)
{
    struct device *d = m->device;
    float *vectors[] = {m->class_embedding, m->vision_position, m->pre_gamma,
                        m->pre_beta,        m->post_gamma,      m->post_beta};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        device_release(d, vectors[i]);
    d->ops->linear_free(d, m->conv1);
    d->ops->linear_free(d, m->vision_proj);
    load_blocks_free(d, m->vision, m->shape.vision_layers);
}

struct work {
    const struct clip *m;
    int group, T; // images at once; tokens of an image
    int *first;   // device, (group) row of each image's token 0
    float *arena; // device; the parts below

    float *patches;     // (group, T - 1, 3 p p)
    float *x;           // (group, T, C) the residual stream
    float *y;           // (group, T, C)
    float *wide;        // (group, T, 4C)
    float *mean, *rstd; // (group T)
    float *pooled;      // (group, C) the residual stream of token 0
    float *pooled_y;    // (group, C)
};

static void carve_work(struct work *v, struct carve *c)
{
    const struct clip_shape *s = &v->m->shape;
    const size_t B = (size_t)v->group, T = (size_t)v->T, C = (size_t)s->vision_width;
    v->patches = carve_take(c, B * 3 * (size_t)s->image_size * (size_t)s->image_size);
    v->x = carve_take(c, B * T * C);
    v->y = carve_take(c, B * T * C);
    v->wide = carve_take(c, B * T * 4 * C);
    v->mean = carve_take(c, B * T);
    v->rstd = carve_take(c, B * T);
    v->pooled = carve_take(c, B * C);
    v->pooled_y = carve_take(c, B * C);
}

static int vit_group(const struct clip_shape *s, bool apart)
{
    return (apart ? GROUP_ROWS_APART : GROUP_ROWS) / (1 + grid_of(s) * grid_of(s));
}

static void vit_end(void *work)
{
    struct work *v = work;
    if (!v)
        return;
    device_release(v->m->device, v->arena);
    device_release(v->m->device, v->first);
    free(v);
}

static void *vit_begin(const struct clip *m, int group)
{
    BUG_IF(!m->vision);
    struct work *v = mem_zero(1, sizeof *v);
    *v = (struct work){.m = m, .group = group, .T = 1 + grid_of(&m->shape) * grid_of(&m->shape)};
    int *first = mem_alloc((size_t)group, sizeof *first);
    for (int i = 0; i < group; i++)
        first[i] = i * v->T;
    v->first = device_put_ints(m->device, first, (size_t)group);
    free(first);
    struct carve c = {0};
    carve_work(v, &c);
    v->arena = device_floats(m->device, c.used);
    if (!v->arena) {
        vit_end(v);
        return NULL;
    }
    c = (struct carve){v->arena, 0};
    carve_work(v, &c);
    return v;
}

/* y (R, C) = attention of LN(x), heads joined, before the output layer. */
static void attend(struct work *v, const struct clip_block *b)
{
    struct device *d = v->m->device;
    const int C = v->m->shape.vision_width, R = v->group * v->T;
    d->ops->layernorm_fwd(d, v->y, v->mean, v->rstd, v->x, b->ln1_gamma, b->ln1_beta, R, C);
    d->ops->linear_fwd(d, v->wide, v->y, b->qkv, R);
    d->ops->attention_fwd(d, v->y, v->wide, v->group, v->T, C / DEVICE_HEAD);
}

/* x (R, C) += output layer of y, then += MLP of LN(x); y is overwritten. */
static void finish(struct work *v, const struct clip_block *b, float *x, float *y, int R)
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

/* All blocks: from x to pooled. */
static void blocks(struct work *v)
{
    const struct clip *m = v->m;
    struct device *d = m->device;
    const int B = v->group, C = m->shape.vision_width, last = m->shape.vision_layers - 1;
    for (int i = 0; i < last; i++) {
        attend(v, &m->vision[i]);
        finish(v, &m->vision[i], v->x, v->y, B * v->T);
    }
    attend(v, &m->vision[last]);
    d->ops->gather(d, v->pooled, v->x, v->first, B, C);
    d->ops->gather(d, v->pooled_y, v->y, v->first, B, C);
    finish(v, &m->vision[last], v->pooled, v->pooled_y, B);
}

/* The same, each block in one piece. */
static void whole_blocks(struct work *v)
{
    const struct clip *m = v->m;
    struct device *d = m->device;
    const int B = v->group, C = m->shape.vision_width, last = m->shape.vision_layers - 1;
    for (int i = 0; i <= last; i++) {
        const struct clip_block *b = &m->vision[i];
        const struct device_block block = {b->ln1_gamma, b->ln1_beta, b->ln2_gamma, b->ln2_beta,
                                           b->qkv,       b->out,      b->fc,        b->proj};
        if (i == last)
            d->ops->gather(d, v->pooled, v->x, v->first, B, C);
        d->ops->image_block(d, v->x, i == last ? v->pooled : NULL, &block, B, v->T,
                            C / DEVICE_HEAD);
    }
}

static void vit_forward(void *work, float *features, const float *images)
{
    struct work *v = work;
    const struct clip *m = v->m;
    const struct clip_shape *s = &m->shape;
    struct device *d = m->device;
    const int B = v->group, T = v->T, C = s->vision_width;
    d->ops->patches(d, v->patches, images, B, s->image_size, s->patch);
    d->ops->linear_fwd(d, v->wide, v->patches, m->conv1, B * (T - 1));
    d->ops->image_tokens(d, v->y, v->wide, m->class_embedding, m->vision_position, B, T, C);
    d->ops->layernorm_fwd(d, v->x, v->mean, v->rstd, v->y, m->pre_gamma, m->pre_beta, B * T, C);
    if (m->vision_whole)
        whole_blocks(v);
    else
        blocks(v);
    d->ops->layernorm_fwd(d, v->pooled_y, v->mean, v->rstd, v->pooled, m->post_gamma, m->post_beta,
                          B, C);
    d->ops->linear_fwd(d, features, v->pooled_y, m->vision_proj, B);
}

const struct tower tower_vit = {
    .shape = vit_shape,
    .draws = vit_draws,
    .load = vit_load,
    .unload = vit_unload,
    .group = vit_group,
    .begin = vit_begin,
    .end = vit_end,
    .forward = vit_forward,
};
