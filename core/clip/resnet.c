/*
 * The ResNet image tower on a device: spec/clip-model.md section 5.
 *
 * Images are (S, S, C), channels last. BatchNorm uses its running statistics, so it is folded into
 * the convolution before it. Of the attention pool only the mean token's query is computed. In bf16
 * the products are; the first convolution and the projection, little work at the two ends, stay
 * fp32.
 */
#include "core/clip/resnet.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/carve.h"
#include "core/clip/tower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STAGES = 4,
    SHRINK = 32, // pixels of the image per cell of the last stage
    WIDEN = 32,  // width of the last stage over the first's
    GROUP = 16,  // images at once: each is a chunk of a convolution
    GROUP_APART = 64,
};

static int grid_of(const struct clip_shape *s)
{
    return s->image_size / SHRINK;
}

static int resnet_shape(struct clip_shape *s, const struct weights *w, struct err *e)
{
    int tokens = 0, rc;
    s->kind = CLIP_RESNET;
    s->patch = SHRINK;
    if ((rc = weights_size(w, "visual.layer1.0.conv1.weight", 4, 0, &s->vision_width, e)) < 0 ||
        (rc = weights_size(w, "visual.attnpool.positional_embedding", 2, 0, &tokens, e)) < 0)
        return rc;
    const int grid = (int)lround(sqrt(tokens - 1));
    if (grid < 1 || grid * grid + 1 != tokens)
        return err_set(e, ERR_CORRUPT,
                       "'%s': the image tower has positions for %d tokens, expected 1 + a square",
                       w->file.path, tokens);
    s->image_size = grid * SHRINK;
    for (int i = 0; i < STAGES; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "visual.layer%d.", i + 1);
        s->stages[i] = weights_count(w, prefix);
        s->vision_layers += s->stages[i];
        if (!s->stages[i])
            return err_set(e, ERR_MISSING, "'%s' has no tensors '%s*'", w->file.path, prefix);
    }
    if (s->vision_width * WIDEN % DEVICE_HEAD)
        return err_set(e, ERR_CORRUPT, "'%s': the image tower is %d wide, expected an even number",
                       w->file.path, s->vision_width);
    return 0;
}

/* One block as the tower is walked through. */
struct step {
    int stage, index;
    int in, planes, S, pool; // inputs, planes, side of the input
};

/* Block `i` of the tower, from stem to pool. */
static struct step step_of(const struct clip_shape *s, int i)
{
    struct step t = {.index = i};
    while (t.index >= s->stages[t.stage])
        t.index -= s->stages[t.stage++];
    const bool first = t.index == 0;
    t.planes = s->vision_width << t.stage;
    t.in = !first ? 4 * t.planes : t.stage == 0 ? t.planes : 2 * t.planes;
    t.pool = first && t.stage > 0 ? 2 : 1;
    t.S = s->image_size / 4 >> (first && t.stage > 0 ? t.stage - 1 : t.stage);
    return t;
}

/* The first block of every stage has a convolution beside it. */
static bool step_widens(const struct step *t)
{
    return t->index == 0;
}

static uint64_t resnet_draws(const struct clip_shape *s)
{
    const uint64_t w = (uint64_t)s->vision_width, F = w * WIDEN, E = (uint64_t)s->embed;
    const uint64_t T = 1 + (uint64_t)grid_of(s) * (uint64_t)grid_of(s);
    uint64_t n = w / 2 * 3 * 9 + w / 2 * (w / 2) * 9 + w * (w / 2) * 9;
    for (int i = 0; i < s->vision_layers; i++) {
        const struct step t = step_of(s, i);
        const uint64_t in = (uint64_t)t.in, p = (uint64_t)t.planes;
        n += in * p + 9 * p * p + 4 * p * p + (step_widens(&t) ? 4 * in * p : 0);
    }
    // The attention pool: positions and layers with their own starts, then CLIP's for the weights.
    return n + draws_normal(T * F) + 3 * (F * F + F) + F * E + E + 3 * draws_normal(F * F) +
           draws_normal(F * E);
}

/* ---- weights ---- */

/* Convolution `name` with BatchNorm `norm` behind it: scale = gamma / sqrt(var + eps), bias = beta
 * - mean scale. */
static struct conv *load_conv(struct loader *l, const char *name, const char *norm,
                              const struct conv_shape *s, int flags)
{
    enum { GAMMA, BETA, MEAN, VAR, PARTS };
    static const char *const parts[PARTS] = {"weight", "bias", "running_mean", "running_var"};
    const size_t N = (size_t)s->N, n = (size_t)s->C * (size_t)s->k * (size_t)s->k;
    float *stat[PARTS];
    struct conv *out = NULL;
    float *weight = LOAD(l, name, N, (size_t)s->C, (size_t)s->k, (size_t)s->k);
    for (int i = 0; i < PARTS; i++) {
        char *full = str_format("%s.%s", norm, parts[i]);
        stat[i] = LOAD(l, full, N);
        free(full);
    }
    if (l->rc == 0) {
        for (size_t o = 0; o < N; o++) {
            const double scale = (double)stat[GAMMA][o] / sqrt((double)stat[VAR][o] + 1e-5);
            for (size_t i = 0; i < n; i++)
                weight[o * n + i] = (float)(scale * (double)weight[o * n + i]);
            stat[BETA][o] = (float)((double)stat[BETA][o] - scale * (double)stat[MEAN][o]);
        }
        if (l->directions & LINEAR_BF16)
            flags |= CONV_BF16;
        out = l->device->ops->conv_new(l->device, weight, stat[BETA], s, flags);
    }
    free(weight);
    for (int i = 0; i < PARTS; i++)
        free(stat[i]);
    return out;
}

static void load_stem(struct loader *l, struct resnet *r, const struct clip_shape *s)
{
    const int w = s->vision_width, S = s->image_size, directions = l->directions;
    const struct conv_shape shapes[3] = {
        {w / 2, 3, 3, 2, S}, {w / 2, w / 2, 3, 1, S / 2}, {w, w / 2, 3, 1, S / 2}};
    for (int i = 0; i < 3; i++) {
        char conv[32], norm[32];
        snprintf(conv, sizeof conv, "visual.conv%d.weight", i + 1);
        snprintf(norm, sizeof norm, "visual.bn%d", i + 1);
        l->directions = i == 0 ? LINEAR_FORWARD : directions;
        r->stem[i] = load_conv(l, conv, norm, &shapes[i], CONV_RELU);
    }
}

static void load_bottleneck(struct loader *l, struct bottleneck *b, const struct step *t)
{
    const int p = t->planes, after = t->S / t->pool;
    const struct {
        struct conv **out;
        const char *conv, *norm;
        struct conv_shape shape;
        int flags;
    } parts[] = {
        {&b->conv1, "conv1", "bn1", {p, t->in, 1, 1, t->S}, CONV_RELU},
        {&b->conv2, "conv2", "bn2", {p, p, 3, 1, t->S}, CONV_RELU},
        {&b->conv3, "conv3", "bn3", {4 * p, p, 1, 1, after}, CONV_ADD | CONV_RELU},
        {&b->down, "downsample.0", "downsample.1", {4 * p, t->in, 1, 1, after}, 0},
    };
    b->S = t->S;
    b->planes = p;
    b->pool = t->pool;
    for (int i = 0; i < (step_widens(t) ? 4 : 3); i++) {
        char *at = str_format("visual.layer%d.%d", t->stage + 1, t->index);
        char *conv = str_format("%s.%s.weight", at, parts[i].conv);
        char *norm = str_format("%s.%s", at, parts[i].norm);
        *parts[i].out = load_conv(l, conv, norm, &parts[i].shape, parts[i].flags);
        free(at);
        free(conv);
        free(norm);
    }
}

/* Keys and values of the attention pool as one layer (2F, F). */
static struct linear *load_keys_values(struct loader *l, size_t F)
{
    float *k = LOAD(l, "visual.attnpool.k_proj.weight", F, F);
    float *v = LOAD(l, "visual.attnpool.v_proj.weight", F, F);
    float *k_bias = LOAD(l, "visual.attnpool.k_proj.bias", F);
    float *v_bias = LOAD(l, "visual.attnpool.v_proj.bias", F);
    struct linear *out = NULL;
    if (l->rc == 0) {
        const size_t n = F * F;
        k = mem_grow(k, 2 * n, sizeof *k);
        k_bias = mem_grow(k_bias, 2 * F, sizeof *k_bias);
        memcpy(k + n, v, n * sizeof *k);
        memcpy(k_bias + F, v_bias, F * sizeof *k_bias);
        out = l->device->ops->linear_new(l->device, k, k_bias, (int)(2 * F), (int)F, l->directions);
    }
    free(k);
    free(v);
    free(k_bias);
    free(v_bias);
    return out;
}

static void resnet_load(struct clip *m, struct loader *l)
{
    const struct clip_shape *s = &m->shape;
    const size_t F = (size_t)s->vision_width * WIDEN, g = (size_t)grid_of(s), T = 1 + g * g;
    const int directions = l->directions;
    struct resnet *r = m->resnet = mem_zero(1, sizeof *r);
    load_stem(l, r, s);
    l->directions = directions;
    r->blocks = mem_zero((size_t)s->vision_layers, sizeof *r->blocks);
    for (int i = 0; i < s->vision_layers && l->rc == 0; i++) {
        const struct step t = step_of(s, i);
        load_bottleneck(l, &r->blocks[i], &t);
    }
    r->position = load_put(l, LOAD(l, "visual.attnpool.positional_embedding", T, F), T * F);
    if (l->rc == 0)
        r->zero = load_put(l, mem_zero(F, sizeof(float)), F);
    r->q = load_layer(l, "visual.attnpool.q_proj.weight", "visual.attnpool.q_proj.bias", F, F);
    r->kv = load_keys_values(l, F);
    l->directions = LINEAR_FORWARD;
    r->proj = load_layer(l, "visual.attnpool.c_proj.weight", "visual.attnpool.c_proj.bias",
                         (size_t)s->embed, F);
    l->directions = directions;
}

static void resnet_unload(struct clip *m)
{
    struct resnet *r = m->resnet;
    const struct device_ops *ops = m->device->ops;
    if (!r)
        return;
    for (int i = 0; i < 3; i++)
        ops->conv_free(m->device, r->stem[i]);
    for (int i = 0; i < m->shape.vision_layers; i++) {
        struct conv *convs[] = {r->blocks[i].conv1, r->blocks[i].conv2, r->blocks[i].conv3,
                                r->blocks[i].down};
        for (int j = 0; j < 4; j++)
            ops->conv_free(m->device, convs[j]);
    }
    struct linear *layers[] = {r->q, r->kv, r->proj};
    for (int i = 0; i < 3; i++)
        ops->linear_free(m->device, layers[i]);
    device_release(m->device, r->position);
    device_release(m->device, r->zero);
    free(r->blocks);
    free(r);
    m->resnet = NULL;
}

/* ---- forward ---- */

struct work {
    const struct clip *m;
    int group, T, F;       // images at once; tokens and width of the attention pool
    struct forest *forest; // each image's mean token attends to all of its tokens
    int *first;            // device, (group) rows of the mean tokens
    float *arena;          // device; the parts below

    float *a, *b, *x, *y;    // each holds any activation of the convolutions
    float *tokens;           // (group, T, F)
    float *kv;               // (group, T, 2F)
    float *mean, *q, *heads; // (group, F)
    float *p;                // (H, group T)
};

static void carve_work(struct work *v, struct carve *c)
{
    const struct clip_shape *s = &v->m->shape;
    const size_t B = (size_t)v->group, T = (size_t)v->T, F = (size_t)v->F;
    const size_t S = (size_t)s->image_size, w = (size_t)s->vision_width;
    // The widest: the images, or the end of the stem and of layer1, which are as large.
    const size_t channels = (w + 3) / 4, largest = B * S * S * (channels > 3 ? channels : 3);
    float **const wide[] = {&v->a, &v->b, &v->x, &v->y};
    for (int i = 0; i < 4; i++)
        *wide[i] = carve_take(c, largest);
    v->tokens = carve_take(c, B * T * F);
    v->kv = carve_take(c, B * T * 2 * F);
    v->mean = carve_take(c, B * F);
    v->q = carve_take(c, B * F);
    v->heads = carve_take(c, B * F);
    v->p = carve_take(c, F / DEVICE_HEAD * B * T);
}

static void plant_tree(struct work *v)
{
    const int B = v->group, T = v->T;
    struct device *d = v->m->device;
    int *query = mem_alloc((size_t)(2 * B + 1 + B * T), sizeof *query);
    int *start = query + B, *path = start + B + 1;
    for (int i = 0; i < B; i++)
        query[i] = i * T;
    for (int i = 0; i <= B; i++)
        start[i] = i * T;
    for (int i = 0; i < B * T; i++)
        path[i] = i;
    v->forest = d->ops->forest_new(d, &(struct device_tree){B * T, B, query, start, path});
    v->first = device_put_ints(d, query, (size_t)B);
    free(query);
}

static int resnet_group(const struct clip_shape *s, bool apart)
{
    (void)s;
    return apart ? GROUP_APART : GROUP;
}

static void resnet_end(void *work)
{
    struct work *v = work;
    if (!v)
        return;
    device_release(v->m->device, v->arena);
    device_release(v->m->device, v->first);
    v->m->device->ops->forest_free(v->m->device, v->forest);
    free(v);
}

static void *resnet_begin(const struct clip *m, int group)
{
    BUG_IF(!m->resnet);
    const int g = grid_of(&m->shape);
    struct work *v = mem_zero(1, sizeof *v);
    *v = (struct work){.m = m, .group = group, .T = 1 + g * g, .F = m->shape.vision_width * WIDEN};
    plant_tree(v);
    struct carve c = {0};
    carve_work(v, &c);
    v->arena = device_floats(m->device, c.used);
    if (!v->arena) {
        resnet_end(v);
        return NULL;
    }
    c = (struct carve){v->arena, 0};
    carve_work(v, &c);
    return v;
}

/* x = the stem of the images. */
static void run_stem(struct work *v, const float *images)
{
    struct device *d = v->m->device;
    const struct resnet *r = v->m->resnet;
    const int B = v->group, S = v->m->shape.image_size;
    d->ops->patches(d, v->y, images, B, S, 1); // patches of one pixel: channels last
    d->ops->conv_fwd(d, v->a, v->y, r->stem[0], B);
    d->ops->conv_fwd(d, v->b, v->a, r->stem[1], B);
    d->ops->conv_fwd(d, v->a, v->b, r->stem[2], B);
    d->ops->avgpool(d, v->x, v->a, B, S / 2, v->m->shape.vision_width, 2);
}

static void swap(float **a, float **b)
{
    float *old = *a;
    *a = *b;
    *b = old;
}

/* x = block of x */
static void run_block(struct work *v, const struct bottleneck *b, int in)
{
    struct device *d = v->m->device;
    const int B = v->group;
    d->ops->conv_fwd(d, v->a, v->x, b->conv1, B);
    d->ops->conv_fwd(d, v->b, v->a, b->conv2, B);
    if (b->pool > 1) {
        d->ops->avgpool(d, v->a, v->b, B, b->S, b->planes, b->pool);
        swap(&v->a, &v->b);
    }
    if (b->down && b->pool > 1) {
        d->ops->avgpool(d, v->a, v->x, B, b->S, in, b->pool);
        d->ops->conv_fwd(d, v->y, v->a, b->down, B);
        swap(&v->x, &v->y);
    } else if (b->down) {
        d->ops->conv_fwd(d, v->y, v->x, b->down, B);
        swap(&v->x, &v->y);
    }
    d->ops->conv_fwd(d, v->x, v->b, b->conv3, B);
}

/* features = attention pool of x */
static void run_pool(struct work *v, float *features)
{
    struct device *d = v->m->device;
    const struct resnet *r = v->m->resnet;
    const int B = v->group, T = v->T, F = v->F, grid = grid_of(&v->m->shape);
    d->ops->avgpool(d, v->mean, v->x, B, grid, F, grid);
    d->ops->image_tokens(d, v->tokens, v->x, r->zero, r->position, B, T, F);
    d->ops->scatter_add(d, v->tokens, v->mean, v->first, B, F);
    d->ops->gather(d, v->mean, v->tokens, v->first, B, F);
    d->ops->linear_fwd(d, v->q, v->mean, r->q, B);
    d->ops->linear_fwd(d, v->kv, v->tokens, r->kv, B * T);
    d->ops->tree_fwd(d, v->heads, v->p, v->q, F, v->kv, v->kv + F, 2 * F, v->forest,
                     F / DEVICE_HEAD);
    d->ops->linear_fwd(d, features, v->heads, r->proj, B);
}

static void resnet_forward(void *work, float *features, const float *images)
{
    struct work *v = work;
    const struct resnet *r = v->m->resnet;
    int in = v->m->shape.vision_width;
    run_stem(v, images);
    for (int i = 0; i < v->m->shape.vision_layers; i++) {
        run_block(v, &r->blocks[i], in);
        in = 4 * r->blocks[i].planes;
    }
    run_pool(v, features);
}

const struct tower tower_resnet = {
    .shape = resnet_shape,
    .draws = resnet_draws,
    .load = resnet_load,
    .unload = resnet_unload,
    .group = resnet_group,
    .begin = resnet_begin,
    .end = resnet_end,
    .forward = resnet_forward,
};
