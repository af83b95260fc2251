/*
 * Forward and backward of the prompted image tower: see vision_prompt.h.
 *
 * The prompts are the same for every image, so ln_pre sees level 0 once, and a level's gradient is
 * the sum over the batch. In the last block only token 0 has a query, a projection and an MLP: its
 * attention is that of a forest in which an image's one query descends from all its rows.
 */
#include "core/clip/vision_prompt.h"

#include "core/base/mem.h"
#include "core/clip/carve.h"

#include <stdlib.h>

enum {
    KEEP_FLOATS = 128 << 20, // of activations that are kept rather than recomputed
    GROUP_ROWS = 2048,       // tokens in flight without a backward pass, about
};

/* Activations of one block: Q query rows (one an image in the last block) of R rows. */
struct layer {
    float *x;             // (R, C) input, its prompt rows already replaced
    float *mean1, *rstd1; // (R)
    float *qkv;           // (R, 3C)
    float *p;             // last block: (H, R) probabilities of token 0's queries
    float *middle;        // (Q, C) after attention and its residual
    float *mean2, *rstd2; // (Q)
    float *hidden;        // (Q, 4C) before QuickGELU
};

struct vision_prompt {
    const struct clip *clip;
    struct device *device;
    int M, depth, batch;
    int T, tokens, C, H, L; // rows an image, those of them that are tokens, width, heads, blocks
    int n;                  // images of the last forward
    bool backward, keep;
    int *first;                       // (batch) row of each image's token 0; device, as are these
    int *token_row;                   // (batch, tokens) rows of the tokens
    int *prompt_row, *prompt_of;      // (batch, M) rows of the prompts, and which one it is
    int *index;                       // the one block behind them
    struct forest *forests[2];        // the last block's, of `batch` images and of fewer
    int few;                          // images of the second one; 0 = none yet
    struct layer *layer;              // (L)
    float *last_x;                    // (batch, C) output of the last block
    float *last_mean, *last_rstd;     // (batch)
    float *prompt;                    // (M, C) level 0 as it was given
    float *prompt_mean, *prompt_rstd; // (M)
    float *rows_a, *rows_b;           // (R, C) scratch
    float *wide;                      // (R, 4C) scratch, and the patches
    float *dwide, *dx, *dtop;         // (R, 4C), (R, C), (batch, C) gradients
    float *memory;                    // the one allocation behind them
};

/* ---- memory ---- */

static void carve(struct vision_prompt *v, struct carve *c)
{
    size_t B = (size_t)v->batch, T = (size_t)v->T, C = (size_t)v->C, R = B * T;
    size_t S = (size_t)v->clip->shape.image_size, pixels = B * 3 * S * S;
    struct layer shared = {0};
    for (int l = 0; l < v->L; l++) {
        struct layer *a = &v->layer[l];
        bool last = l == v->L - 1, own = l == 0 || v->keep;
        float *x = l == 0 || v->backward ? carve_take(c, R * C) : shared.x;
        if (own)
            *a = (struct layer){
                .mean1 = carve_take(c, R),
                .rstd1 = carve_take(c, R),
                .qkv = carve_take(c, R * 3 * C),
                .middle = carve_take(c, (last ? B : R) * C),
                .mean2 = carve_take(c, R),
                .rstd2 = carve_take(c, R),
                .hidden = carve_take(c, (last ? B : R) * 4 * C),
            };
        else
            *a = shared;
        a->x = x;
        a->p = last ? carve_take(c, (size_t)v->H * R) : NULL;
        if (l == 0)
            shared = *a;
    }
    v->last_x = carve_take(c, B * C);
    v->last_mean = carve_take(c, B);
    v->last_rstd = carve_take(c, B);
    v->prompt = carve_take(c, (size_t)v->M * C);
    v->prompt_mean = carve_take(c, (size_t)v->M);
    v->prompt_rstd = carve_take(c, (size_t)v->M);
    v->rows_a = carve_take(c, R * C);
    v->rows_b = carve_take(c, R * C);
    v->wide = carve_take(c, R * 4 * C > pixels ? R * 4 * C : pixels);
    v->dwide = v->backward ? carve_take(c, R * 4 * C) : NULL;
    v->dx = v->backward ? carve_take(c, R * C) : NULL;
    v->dtop = v->backward ? carve_take(c, B * C) : NULL;
}

/* Which rows hold what; images lie one after the other, so a smaller batch uses the beginning. */
static void index_rows(struct vision_prompt *v)
{
    size_t B = (size_t)v->batch, T = (size_t)v->T;
    const size_t tokens = (size_t)v->tokens, M = (size_t)v->M, n = B * (1 + tokens + 2 * M);
    int *first = mem_alloc(n, sizeof *first), *token_row = first + B;
    int *prompt_row = token_row + B * tokens, *prompt_of = prompt_row + B * M;
    for (size_t b = 0; b < B; b++) {
        first[b] = (int)(b * T);
        for (size_t t = 0; t < tokens; t++)
            token_row[b * tokens + t] = (int)(b * T + t);
        for (size_t m = 0; m < M; m++) {
            prompt_row[b * M + m] = (int)(b * T + tokens + m);
            prompt_of[b * M + m] = (int)m;
        }
    }
    v->index = v->first = device_put_ints(v->device, first, n);
    v->token_row = v->first + B;
    v->prompt_row = v->token_row + B * tokens;
    v->prompt_of = v->prompt_row + B * M;
    free(first);
}

/* n images, whose token 0 alone has a query, over all tokens of its image. */
static struct forest *plant(const struct vision_prompt *v, int n)
{
    const int T = v->T;
    int *query = mem_alloc((size_t)(2 * n + 1 + n * T), sizeof *query);
    int *start = query + n, *path = start + n + 1;
    for (int i = 0; i < n; i++)
        query[i] = i * T;
    for (int i = 0; i <= n; i++)
        start[i] = i * T;
    for (int i = 0; i < n * T; i++)
        path[i] = i;
    const struct device_tree tree = {n * T, n, query, start, path};
    struct forest *f = v->device->ops->forest_new(v->device, &tree);
    free(query);
    return f;
}

/* The last block's forest over the images in work. */
static struct forest *forest(struct vision_prompt *v)
{
    if (v->n == v->batch)
        return v->forests[0];
    if (v->n != v->few) {
        v->device->ops->forest_free(v->device, v->forests[1]);
        v->forests[1] = plant(v, v->n);
        v->few = v->n;
    }
    return v->forests[1];
}

static size_t floats_needed(struct vision_prompt *v)
{
    struct carve count = {0};
    carve(v, &count);
    return count.used;
}

int vision_prompt_new(struct vision_prompt **out, const struct clip *m, int M, int depth, int batch,
                      enum vision_mode mode, struct err *e)
{
    const struct clip_shape *s = &m->shape;
    int grid = s->image_size / s->patch;
    BUG_IF(batch < 1 || (M ? depth < 1 || depth > s->vision_layers : depth != 0));
    struct vision_prompt *v = mem_zero(1, sizeof *v);
    *v = (struct vision_prompt){.clip = m, .device = m->device, .M = M, .depth = depth};
    v->tokens = 1 + grid * grid;
    v->T = v->tokens + M;
    v->C = s->vision_width;
    v->H = v->C / DEVICE_HEAD;
    v->L = s->vision_layers;
    v->backward = mode != VISION_FORWARD;
    v->batch = batch;
    if (!v->backward && v->batch > GROUP_ROWS / v->T)
        v->batch = GROUP_ROWS / v->T > 1 ? GROUP_ROWS / v->T : 1;
    v->layer = mem_zero((size_t)v->L, sizeof *v->layer);
    v->keep = v->backward && mode != VISION_RECOMPUTE;
    if (mode == VISION_BACKWARD)
        v->keep = floats_needed(v) <= KEEP_FLOATS;
    index_rows(v);
    v->forests[0] = plant(v, v->batch);
    struct carve memory = {device_floats(v->device, floats_needed(v)), 0};
    v->memory = memory.base;
    carve(v, &memory);
    int rc = device_sync(v->device, e);
    if (rc < 0)
        vision_prompt_free(v);
    else
        *out = v;
    return rc;
}

void vision_prompt_free(struct vision_prompt *v)
{
    if (!v)
        return;
    device_release(v->device, v->memory);
    device_release(v->device, v->index);
    for (int i = 0; i < 2; i++)
        v->device->ops->forest_free(v->device, v->forests[i]);
    free(v->layer);
    free(v);
}

/* ---- forward ---- */

/* x (R, C) = ln_pre of the tokens, with level 0 of the prompts behind each image's. */
static void enter(struct vision_prompt *v, const float *images, const float *prompts)
{
    const struct clip *m = v->clip;
    struct device *d = v->device;
    struct layer *a = &v->layer[0];
    int n = v->n, C = v->C, tokens = v->tokens, M = v->M;
    d->ops->patches(d, v->wide, images, n, m->shape.image_size, m->shape.patch);
    d->ops->linear_fwd(d, v->rows_a, v->wide, m->conv1, n * (tokens - 1));
    d->ops->image_tokens(d, v->rows_b, v->rows_a, m->class_embedding, m->vision_position, n, tokens,
                         C);
    d->ops->layernorm_fwd(d, v->rows_a, a->mean1, a->rstd1, v->rows_b, m->pre_gamma, m->pre_beta,
                          n * tokens, C);
    d->ops->scatter(d, a->x, v->rows_a, v->token_row, n * tokens, C);
    if (!M)
        return;
    device_copy(d, v->prompt, prompts, (size_t)M * (size_t)C);
    d->ops->layernorm_fwd(d, v->rows_a, v->prompt_mean, v->prompt_rstd, v->prompt, m->pre_gamma,
                          m->pre_beta, M, C);
    d->ops->gather(d, v->rows_b, v->rows_a, v->prompt_of, n * M, C);
    d->ops->scatter(d, a->x, v->rows_b, v->prompt_row, n * M, C);
}

/* middle = x + attention, of every row or, in the last block, of token 0. */
static void attend(struct vision_prompt *v, int l)
{
    struct device *d = v->device;
    struct layer *a = &v->layer[l];
    const struct clip_block *b = &v->clip->vision[l];
    int R = v->n * v->T, C = v->C;
    d->ops->layernorm_fwd(d, v->rows_a, a->mean1, a->rstd1, a->x, b->ln1_gamma, b->ln1_beta, R, C);
    d->ops->linear_fwd(d, a->qkv, v->rows_a, b->qkv, R);
    if (l < v->L - 1) {
        d->ops->attention_fwd(d, v->rows_a, a->qkv, v->n, v->T, v->H);
        d->ops->linear_fwd(d, a->middle, v->rows_a, b->out, R);
        d->ops->add(d, a->middle, a->x, (size_t)R * (size_t)C);
        return;
    }
    d->ops->tree_fwd(d, v->rows_a, a->p, a->qkv, v->T * 3 * C, a->qkv + C, a->qkv + 2 * C, 3 * C,
                     forest(v), v->H);
    d->ops->linear_fwd(d, a->middle, v->rows_a, b->out, v->n);
    d->ops->gather(d, v->rows_b, a->x, v->first, v->n, C);
    d->ops->add(d, a->middle, v->rows_b, (size_t)v->n * (size_t)C);
}

/* Everything of block l that the backward pass reads. */
static void activate(struct vision_prompt *v, int l)
{
    struct device *d = v->device;
    struct layer *a = &v->layer[l];
    const struct clip_block *b = &v->clip->vision[l];
    int Q = l < v->L - 1 ? v->n * v->T : v->n;
    attend(v, l);
    d->ops->layernorm_fwd(d, v->rows_a, a->mean2, a->rstd2, a->middle, b->ln2_gamma, b->ln2_beta, Q,
                          v->C);
    d->ops->linear_fwd(d, a->hidden, v->rows_a, b->fc, Q);
}

static void block_forward(struct vision_prompt *v, int l, float *x_out)
{
    struct device *d = v->device;
    struct layer *a = &v->layer[l];
    size_t Q = (size_t)(l < v->L - 1 ? v->n * v->T : v->n), C = (size_t)v->C;
    activate(v, l); // the last use of x, which x_out may overwrite
    d->ops->quickgelu_fwd(d, v->wide, a->hidden, Q * 4 * C);
    d->ops->linear_fwd(d, x_out, v->wide, v->clip->vision[l].proj, (int)Q);
    d->ops->add(d, x_out, a->middle, Q * C);
}

/* The prompts' rows of x (R, C) become level l. */
static void replace_rows(struct vision_prompt *v, int l, const float *prompts, float *x)
{
    struct device *d = v->device;
    const float *level = prompts + (size_t)l * (size_t)v->M * (size_t)v->C;
    d->ops->gather(d, v->rows_b, level, v->prompt_of, v->n * v->M, v->C);
    d->ops->scatter(d, x, v->rows_b, v->prompt_row, v->n * v->M, v->C);
}

static void forward_group(struct vision_prompt *v, const float *images, const float *prompts,
                          float *features)
{
    struct device *d = v->device;
    enter(v, images, prompts);
    for (int l = 0; l < v->L; l++) {
        if (l > 0 && l < v->depth)
            replace_rows(v, l, prompts, v->layer[l].x);
        block_forward(v, l, l < v->L - 1 ? v->layer[l + 1].x : v->last_x);
    }
    d->ops->layernorm_fwd(d, v->rows_a, v->last_mean, v->last_rstd, v->last_x, v->clip->post_gamma,
                          v->clip->post_beta, v->n, v->C);
    d->ops->linear_fwd(d, features, v->rows_a, v->clip->vision_proj, v->n);
}

void vision_prompt_forward(struct vision_prompt *v, const float *images, int n,
                           const float *prompts, float *features)
{
    size_t S = (size_t)v->clip->shape.image_size, E = (size_t)v->clip->shape.embed;
    BUG_IF(v->backward && n > v->batch);
    for (int at = 0; at < n; at += v->batch) {
        v->n = n - at < v->batch ? n - at : v->batch;
        forward_group(v, images + (size_t)at * 3 * S * S, prompts, features + (size_t)at * E);
    }
}

/* ---- backward ---- */

/* dy (Q, C): gradient of block l's output in, of `middle` out. */
static void mlp_backward(struct vision_prompt *v, int l, float *dy, int Q)
{
    struct device *d = v->device;
    const struct layer *a = &v->layer[l];
    const struct clip_block *b = &v->clip->vision[l];
    d->ops->linear_bwd(d, v->dwide, dy, b->proj, Q);
    d->ops->quickgelu_bwd(d, v->dwide, v->dwide, a->hidden, (size_t)Q * 4 * (size_t)v->C);
    d->ops->linear_bwd(d, v->rows_a, v->dwide, b->fc, Q);
    d->ops->layernorm_bwd(d, dy, v->rows_a, a->middle, a->mean2, a->rstd2, b->ln2_gamma, Q, v->C);
}

/* dx (R, C): gradient of block l's output in (of the last: dtop, token 0 only), of its input out.
 */
static void block_backward(struct vision_prompt *v, int l)
{
    struct device *d = v->device;
    const struct layer *a = &v->layer[l];
    const struct clip_block *b = &v->clip->vision[l];
    int R = v->n * v->T, C = v->C;
    float *dqkv = v->dwide; // free after the MLP
    if (!v->keep)
        activate(v, l);
    if (l < v->L - 1) {
        mlp_backward(v, l, v->dx, R);
        d->ops->linear_bwd(d, v->rows_a, v->dx, b->out, R);
        d->ops->attention_bwd(d, dqkv, v->rows_a, a->qkv, v->n, v->T, v->H);
    } else {
        mlp_backward(v, l, v->dtop, v->n);
        d->ops->linear_bwd(d, v->rows_a, v->dtop, b->out, v->n);
        d->ops->zero(d, dqkv, (size_t)R * 3 * (size_t)C * sizeof(float));
        d->ops->tree_bwd(d, dqkv, dqkv + C, dqkv + 2 * C, v->rows_a, a->p, a->qkv, v->T * 3 * C,
                         a->qkv + C, a->qkv + 2 * C, 3 * C, forest(v), v->H);
        d->ops->zero(d, v->dx, (size_t)R * (size_t)C * sizeof(float));
        d->ops->scatter(d, v->dx, v->dtop, v->first, v->n, C);
    }
    d->ops->linear_bwd(d, v->rows_a, dqkv, b->qkv, R);
    d->ops->layernorm_bwd(d, v->dx, v->rows_a, a->x, a->mean1, a->rstd1, b->ln1_gamma, R, C);
}

/* dlevel (M, C) = sum over the images of dx's prompt rows. What stood in these rows before was
 * replaced, so nothing flows further down. */
static void replace_rows_backward(struct vision_prompt *v, float *dlevel)
{
    struct device *d = v->device;
    int rows = v->n * v->M, C = v->C;
    d->ops->gather(d, v->rows_a, v->dx, v->prompt_row, rows, C);
    d->ops->zero(d, dlevel, (size_t)v->M * (size_t)C * sizeof(float));
    d->ops->scatter_add(d, dlevel, v->rows_a, v->prompt_of, rows, C);
    d->ops->zero(d, v->rows_a, (size_t)rows * (size_t)C * sizeof(float));
    d->ops->scatter(d, v->dx, v->rows_a, v->prompt_row, rows, C);
}

void vision_prompt_backward(struct vision_prompt *v, const float *dfeatures, float *dprompts)
{
    struct device *d = v->device;
    size_t level = (size_t)v->M * (size_t)v->C;
    BUG_IF(!v->backward || !v->M);
    d->ops->linear_bwd(d, v->rows_a, dfeatures, v->clip->vision_proj, v->n);
    d->ops->zero(d, v->dtop, (size_t)v->n * (size_t)v->C * sizeof(float));
    d->ops->layernorm_bwd(d, v->dtop, v->rows_a, v->last_x, v->last_mean, v->last_rstd,
                          v->clip->post_gamma, v->n, v->C);
    for (int l = v->L - 1; l > 0; l--) {
        block_backward(v, l);
        if (l < v->depth)
            replace_rows_backward(v, dprompts + (size_t)l * level);
    }
    block_backward(v, 0);
    replace_rows_backward(v, v->rows_b);
    d->ops->zero(d, dprompts, level * sizeof(float));
    d->ops->layernorm_bwd(d, dprompts, v->rows_b, v->prompt, v->prompt_mean, v->prompt_rstd,
                          v->clip->pre_gamma, v->M, v->C);
}
