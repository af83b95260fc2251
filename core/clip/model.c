/*
 * Loading CLIP: sizes from shapes, tensors to the device. See model.h.
 */
#include "core/clip/model.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reading stops at the first failure; later calls do nothing. */
struct loader {
    const struct safetensors *file;
    struct device *device;
    struct err *e;
    int rc;
};

static float *load(struct loader *l, const char *name, int dims, const size_t *shape)
{
    float *data = NULL;
    if (l->rc == 0)
        l->rc = safetensors_floats(l->file, name, dims, shape, &data, l->e);
    return data;
}

#define LOAD(l, name, ...)                                                                         \
    load((l), (name), (int)(sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)),                     \
         (const size_t[]){__VA_ARGS__})

/* A vector on the device. */
static float *put_vector(struct loader *l, const char *name, size_t n)
{
    float *host = LOAD(l, name, n);
    float *device = host ? device_put(l->device, host, n) : NULL;
    free(host);
    return device;
}

/* Rows first .. first + N - 1 of the layer NAME.weight (rows, K) and its bias. */
static struct linear *put_rows(struct loader *l, const float *weight, const float *bias,
                               size_t first, size_t N, size_t K, int directions)
{
    if (l->rc < 0)
        return NULL;
    return l->device->ops->linear_new(l->device, weight + first * K, bias + first, (int)N, (int)K,
                                      directions);
}

static struct linear *put_layer(struct loader *l, const char *weight_name, const char *bias_name,
                                size_t N, size_t K, int directions)
{
    float *weight = LOAD(l, weight_name, N, K), *bias = LOAD(l, bias_name, N);
    struct linear *w = put_rows(l, weight, bias, 0, N, K, directions);
    free(weight);
    free(bias);
    return w;
}

/* A projection stored as (in, out), without bias. */
static struct linear *put_projection(struct loader *l, const char *name, size_t in, size_t out,
                                     int directions)
{
    float *stored = LOAD(l, name, in, out);
    if (!stored)
        return NULL;
    float *weight = mem_alloc(in * out, sizeof *weight);
    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; o < out; o++)
            weight[o * in + i] = stored[i * out + o];
    struct linear *w =
        l->device->ops->linear_new(l->device, weight, NULL, (int)out, (int)in, directions);
    free(weight);
    free(stored);
    return w;
}

/* `split`: the last block of the text tower, whose queries are fewer than its rows. */
static void load_block(struct loader *l, struct clip_block *b, const char *tower, int index,
                       size_t C, int directions, bool split)
{
    char name[12][128];
    static const char *const parts[12] = {
        "ln_1.weight",          "ln_1.bias",          "attn.in_proj_weight", "attn.in_proj_bias",
        "attn.out_proj.weight", "attn.out_proj.bias", "ln_2.weight",         "ln_2.bias",
        "mlp.c_fc.weight",      "mlp.c_fc.bias",      "mlp.c_proj.weight",   "mlp.c_proj.bias",
    };
    for (int i = 0; i < 12; i++)
        snprintf(name[i], sizeof name[i], "%stransformer.resblocks.%d.%s", tower, index, parts[i]);
    b->ln1_gamma = put_vector(l, name[0], C);
    b->ln1_beta = put_vector(l, name[1], C);
    float *weight = LOAD(l, name[2], 3 * C, C), *bias = LOAD(l, name[3], 3 * C);
    if (split) {
        b->q = put_rows(l, weight, bias, 0, C, C, directions);
        b->kv = put_rows(l, weight, bias, C, 2 * C, C, directions);
    } else {
        b->qkv = put_rows(l, weight, bias, 0, 3 * C, C, directions);
    }
    free(weight);
    free(bias);
    b->out = put_layer(l, name[4], name[5], C, C, directions);
    b->ln2_gamma = put_vector(l, name[6], C);
    b->ln2_beta = put_vector(l, name[7], C);
    b->fc = put_layer(l, name[8], name[9], 4 * C, C, directions);
    b->proj = put_layer(l, name[10], name[11], C, 4 * C, directions);
}

static void free_blocks(struct device *d, struct clip_block *blocks, int n)
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

/* The tensor's size along `axis`; an error when the tensor or the axis is not there. */
static int size_of(const struct safetensors *file, const char *name, int dims, int axis, int *out,
                   struct err *e)
{
    const struct tensor *t = safetensors_find(file, name);
    if (!t)
        return err_set(
            e, ERR_MISSING,
            "'%s' holds no tensor '%s'; expected CLIP with a ViT image tower under OpenAI's names",
            file->path, name);
    if (t->dims != dims || t->shape[axis] < 1 || t->shape[axis] > 1 << 24)
        return err_set(e, ERR_CORRUPT,
                       "'%s': tensor '%s' has %d dimensions, expected %d of at least 1", file->path,
                       name, t->dims, dims);
    *out = (int)t->shape[axis];
    return 0;
}

/* Blocks "<tower>transformer.resblocks.0..n-1". */
static int count_blocks(const struct safetensors *file, const char *tower)
{
    for (int n = 0;; n++) {
        char name[128];
        snprintf(name, sizeof name, "%stransformer.resblocks.%d.attn.in_proj_weight", tower, n);
        if (!safetensors_find(file, name))
            return n;
    }
}

int clip_shape_read(struct clip_shape *s, const struct safetensors *file, struct err *e)
{
    int tokens = 0, rc;
    if ((rc = size_of(file, "visual.conv1.weight", 4, 0, &s->vision_width, e)) < 0 ||
        (rc = size_of(file, "visual.conv1.weight", 4, 3, &s->patch, e)) < 0 ||
        (rc = size_of(file, "visual.positional_embedding", 2, 0, &tokens, e)) < 0 ||
        (rc = size_of(file, "ln_final.weight", 1, 0, &s->text_width, e)) < 0 ||
        (rc = size_of(file, "positional_embedding", 2, 0, &s->context, e)) < 0 ||
        (rc = size_of(file, "token_embedding.weight", 2, 0, &s->vocab, e)) < 0 ||
        (rc = size_of(file, "text_projection", 2, 1, &s->embed, e)) < 0)
        return rc;
    int grid = (int)lround(sqrt(tokens - 1));
    if (grid < 1 || grid * grid + 1 != tokens)
        return err_set(e, ERR_CORRUPT,
                       "'%s': visual.positional_embedding has %d rows, expected 1 + a square",
                       file->path, tokens);
    s->image_size = grid * s->patch;
    s->vision_layers = count_blocks(file, "visual.");
    s->text_layers = count_blocks(file, "");
    if (s->vision_width % DEVICE_HEAD || s->text_width % DEVICE_HEAD || !s->vision_layers ||
        !s->text_layers)
        return err_set(e, ERR_CORRUPT,
                       "'%s': widths %d and %d with %d and %d blocks, expected multiples of 64 and "
                       "at least one block each",
                       file->path, s->vision_width, s->text_width, s->vision_layers,
                       s->text_layers);
    return 0;
}

static void load_text(struct clip *m, struct loader *l)
{
    const struct clip_shape *s = &m->shape;
    size_t C = (size_t)s->text_width;
    int both = LINEAR_FORWARD | LINEAR_BACKWARD;
    const struct tensor *embedding = safetensors_find(&m->file, "token_embedding.weight");
    if (embedding->shape[1] != C)
        l->rc = err_set(l->e, ERR_CORRUPT, "'%s': token_embedding.weight is %zu wide, expected %zu",
                        m->file.path, embedding->shape[1], C);
    m->text_position = LOAD(l, "positional_embedding", (size_t)s->context, C);
    m->text = mem_zero((size_t)s->text_layers, sizeof *m->text);
    for (int i = 0; i < s->text_layers; i++)
        load_block(l, &m->text[i], "", i, C, both, i == s->text_layers - 1);
    m->final_gamma = put_vector(l, "ln_final.weight", C);
    m->final_beta = put_vector(l, "ln_final.bias", C);
    m->text_proj = put_projection(l, "text_projection", C, (size_t)s->embed, both);
}

static void load_vision(struct clip *m, struct loader *l, int directions)
{
    const struct clip_shape *s = &m->shape;
    size_t C = (size_t)s->vision_width, p = (size_t)s->patch;
    size_t grid = (size_t)(s->image_size / s->patch), T = 1 + grid * grid;
    float *conv = LOAD(l, "visual.conv1.weight", C, 3, p, p);
    if (conv)
        m->conv1 = l->device->ops->linear_new(l->device, conv, NULL, (int)C, (int)(3 * p * p),
                                              LINEAR_FORWARD);
    free(conv);
    m->class_embedding = put_vector(l, "visual.class_embedding", C);
    float *position = LOAD(l, "visual.positional_embedding", T, C);
    if (position)
        m->vision_position = device_put(l->device, position, T * C);
    free(position);
    m->pre_gamma = put_vector(l, "visual.ln_pre.weight", C);
    m->pre_beta = put_vector(l, "visual.ln_pre.bias", C);
    m->vision = mem_zero((size_t)s->vision_layers, sizeof *m->vision);
    for (int i = 0; i < s->vision_layers; i++)
        load_block(l, &m->vision[i], "visual.", i, C, directions, false);
    m->post_gamma = put_vector(l, "visual.ln_post.weight", C);
    m->post_beta = put_vector(l, "visual.ln_post.bias", C);
    m->vision_proj = put_projection(l, "visual.proj", C, (size_t)s->embed, directions);
}

int clip_open(struct clip *m, const char *weights, struct device *d, int towers, struct err *e)
{
    *m = (struct clip){.device = d};
    int rc = safetensors_open(&m->file, weights, e);
    if (rc < 0)
        return rc;
    if ((rc = clip_shape_read(&m->shape, &m->file, e)) < 0)
        goto out;
    struct loader l = {.file = &m->file, .device = d, .e = e};
    float *scale = load(&l, "logit_scale", 0, NULL);
    if (scale)
        m->logit_scale = expf(*scale);
    free(scale);
    if (towers & CLIP_TEXT)
        load_text(m, &l);
    int backward = towers & CLIP_VISION_BACKWARD ? LINEAR_BACKWARD : 0;
    if (towers & CLIP_VISION)
        load_vision(m, &l, LINEAR_FORWARD | backward);
    if ((rc = l.rc) == 0)
        rc = device_sync(d, e);
out:
    if (rc < 0)
        clip_close(m);
    else
        safetensors_rest(&m->file);
    return rc;
}

void clip_close(struct clip *m)
{
    struct device *d = m->device;
    if (!d)
        return;
    float *vectors[] = {m->final_gamma, m->final_beta, m->class_embedding, m->vision_position,
                        m->pre_gamma,   m->pre_beta,   m->post_gamma,      m->post_beta};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        device_release(d, vectors[i]);
    struct linear *layers[] = {m->text_proj, m->conv1, m->vision_proj};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        d->ops->linear_free(d, layers[i]);
    free_blocks(d, m->text, m->shape.text_layers);
    free_blocks(d, m->vision, m->shape.vision_layers);
    free(m->text_position);
    safetensors_close(&m->file);
    *m = (struct clip){0};
}

void clip_embed_tokens(const struct clip *m, const int *ids, size_t n, float *out)
{
    const struct tensor *t = safetensors_find(&m->file, "token_embedding.weight");
    size_t C = (size_t)m->shape.text_width;
    for (size_t i = 0; i < n; i++) {
        BUG_IF(ids[i] < 0 || ids[i] >= m->shape.vocab);
        safetensors_slice(t, (size_t)ids[i] * C, C, out + i * C);
    }
}

/* torch's normal_ fills blocks of 16 and redraws the last 16 when n is no multiple. */
static uint64_t normal_draws(uint64_t n)
{
    return n + (n % 16 ? 16 : 0);
}

/* Uniform starts of one block's layers: attention 4 w^2 + w, MLP 8 w^2 + 5 w. */
static uint64_t block_draws(uint64_t w)
{
    return 12 * w * w + 6 * w;
}

uint64_t clip_init_draws(const struct clip_shape *s)
{
    uint64_t w = (uint64_t)s->vision_width, t = (uint64_t)s->text_width, p = (uint64_t)s->patch;
    uint64_t E = (uint64_t)s->embed, grid = (uint64_t)(s->image_size / s->patch);
    uint64_t embedding = (uint64_t)s->vocab * t;
    uint64_t vision = w * 3 * p * p + normal_draws(w) + normal_draws((1 + grid * grid) * w) +
                      (uint64_t)s->vision_layers * block_draws(w) + normal_draws(w * E);
    // The text tower is drawn with the layers' own starts, then again with CLIP's.
    uint64_t text = (uint64_t)s->text_layers * (block_draws(t) + 12 * t * t) +
                    2 * normal_draws(embedding) + normal_draws((uint64_t)s->context * t) +
                    normal_draws(t * E);
    return vision + text;
}
