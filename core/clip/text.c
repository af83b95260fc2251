/*
 * Forward and backward of the text tower over a prefix tree: see text.h.
 *
 * Kept for the backward pass, per block: its input x, q|k|v, the attention's probabilities and both
 * layer norms' statistics. The residual after attention and the MLP's inner activations are kept
 * while they are small and computed again otherwise (same operations on the same input, so the same
 * bits). The MLP goes over blocks of rows, which bounds its scratch.
 */
#include "core/clip/text.h"

#include "core/base/mem.h"
#include "core/clip/carve.h"
#include "core/clip/text_tree.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEEP_HIDDEN = 64 << 20, // floats of MLP activations that are kept rather than recomputed
    MLP_ROWS = 1024,        // rows of the MLP at a time
};

/* Activations of one block over Q query rows of R rows (Q = R but in the last block). */
struct layer {
    float *x;             // (R, C) input
    float *mean1, *rstd1; // (R)
    float *qkv;           // (R, 3C) q|k|v; last block: (R, 2C) k|v
    float *q;             // last block: (Q, C)
    float *p;             // (H, paths)
    float *middle; // (Q, C) after attention and its residual; shared by all blocks unless kept
    float *mean2, *rstd2; // (Q)
    float *hidden;        // (Q, 4C) before QuickGELU; NULL unless kept
};

struct text {
    const struct clip *clip;
    struct device *device;
    struct text_tree tree;
    struct forest *all, *last;                  // of tree.all, tree.last
    int *eot, *slot_row, *slot_context, *index; // device: the tree's; the block behind them
    int K, C, H, L, E, contexts;
    int depth;                       // levels of context vectors
    bool keep;                       // middle and hidden per block
    bool spent;                      // `middle` is no longer the last block's
    float *start;                    // (R, C) embeddings and positions, contexts left out
    struct layer *layer;             // (L)
    float *activations;              // the one allocation behind `layer`
    float *final_x;                  // (K, C) output of the last block
    float *final_mean, *final_rstd;  // (K)
    float *rows_a, *rows_b, *middle; // (R, C) scratch
    float *wide, *dwide;             // (MLP_ROWS, 4C) scratch; dwide NULL without backward
    float *dx, *dqkv, *dq;           // (R, C), (R, 3C), (K, C) gradients; NULL without backward
    float *scratch;                  // the one allocation behind the scratch
};

static void carve_activations(struct text *t, struct carve *c, bool backward)
{
    size_t R = (size_t)t->tree.R, K = (size_t)t->K, C = (size_t)t->C, H = (size_t)t->H;
    struct layer shared = {0}; // without backward every block uses the same memory
    for (int l = 0; l < t->L; l++) {
        struct layer *a = &t->layer[l];
        bool last = l == t->L - 1;
        size_t Q = last ? K : R;
        const struct device_tree *tree = last ? &t->tree.last : &t->tree.all;
        if (!backward && l > 0 && !last) {
            *a = shared;
            continue;
        }
        *a = (struct layer){
            .x = backward || l == 0 ? carve_take(c, R * C) : shared.x,
            .mean1 = carve_take(c, R),
            .rstd1 = carve_take(c, R),
            .qkv = carve_take(c, R * C * (last ? 2 : 3)),
            .q = last ? carve_take(c, Q * C) : NULL,
            .p = carve_take(c, H * (size_t)tree->start[tree->queries]),
            .middle = t->keep ? carve_take(c, Q * C) : t->middle,
            .mean2 = carve_take(c, Q),
            .rstd2 = carve_take(c, Q),
            .hidden = t->keep ? carve_take(c, Q * 4 * C) : NULL,
        };
        if (l == 0)
            shared = *a;
    }
    t->final_x = carve_take(c, K * C);
    t->final_mean = carve_take(c, K);
    t->final_rstd = carve_take(c, K);
}

static void carve_scratch(struct text *t, struct carve *c, bool backward)
{
    size_t R = (size_t)t->tree.R, C = (size_t)t->C;
    size_t most = R > (size_t)t->K ? R : (size_t)t->K; // classes may share an EOT row
    size_t rows = most < MLP_ROWS ? most : MLP_ROWS;
    t->rows_a = carve_take(c, most * C);
    t->rows_b = carve_take(c, most * C);
    t->middle = t->keep ? NULL : carve_take(c, most * C);
    t->wide = carve_take(c, rows * 4 * C);
    t->dwide = backward ? carve_take(c, rows * 4 * C) : NULL;
    t->dx = backward ? carve_take(c, R * C) : NULL;
    t->dqkv = backward ? carve_take(c, R * 3 * C) : NULL;
    t->dq = backward ? carve_take(c, (size_t)t->K * C) : NULL;
    t->start = carve_take(c, R * C);
}

/* Count, allocate, point. */
static void allocate(struct text *t, bool backward)
{
    struct carve scratch = {0}, activations = {0};
    carve_scratch(t, &scratch, backward);
    scratch = (struct carve){device_floats(t->device, scratch.used), 0};
    t->scratch = scratch.base;
    carve_scratch(t, &scratch, backward);
    carve_activations(t, &activations, backward);
    activations = (struct carve){device_floats(t->device, activations.used), 0};
    t->activations = activations.base;
    carve_activations(t, &activations, backward);
}

/* The tree's arrays, for the device. */
static void put_tree(struct text *t)
{
    const size_t K = (size_t)t->K, slots = (size_t)t->tree.slots;
    int *host = mem_alloc(K + 2 * slots, sizeof *host);
    memcpy(host, t->tree.eot, K * sizeof *host);
    memcpy(host + K, t->tree.slot_row, slots * sizeof *host);
    memcpy(host + K + slots, t->tree.slot_context, slots * sizeof *host);
    t->index = t->eot = device_put_ints(t->device, host, K + 2 * slots);
    t->slot_row = t->eot + K;
    t->slot_context = t->slot_row + slots;
    free(host);
    t->all = t->device->ops->forest_new(t->device, &t->tree.all);
    t->last = t->device->ops->forest_new(t->device, &t->tree.last);
}

/* What does not change between steps: token embeddings and positions. */
static void fill_start(struct text *t)
{
    size_t C = (size_t)t->C, R = (size_t)t->tree.R;
    float *host = mem_zero(R * C, sizeof *host);
    for (size_t r = 0; r < R; r++) {
        if (t->tree.item[r] >= 0)
            clip_embed_tokens(t->clip, &t->tree.item[r], 1, host + r * C);
        const float *position = t->clip->text_position + (size_t)t->tree.depth[r] * C;
        for (size_t c = 0; c < C; c++)
            host[r * C + c] += position[c];
    }
    t->device->ops->upload(t->device, t->start, host, R * C * sizeof *host);
    free(host);
    safetensors_rest(&t->clip->weights.file); // the embedding's pages are not needed again
}

int text_new(struct text **out, const struct clip *m, const struct text_prompts *p, int contexts,
             enum text_mode mode, struct err *e)
{
    struct text *t = mem_zero(1, sizeof *t);
    *t = (struct text){
        .clip = m, .device = m->device, .K = (int)p->K, .contexts = contexts, .depth = 1};
    t->C = m->shape.text_width;
    t->H = t->C / DEVICE_HEAD;
    t->L = m->shape.text_layers;
    t->E = m->shape.embed;
    int rc = text_tree_build(&t->tree, p, m->shape.context, e);
    if (rc < 0)
        goto fail;
    for (int i = 0; i < t->tree.slots; i++)
        BUG_IF(t->tree.slot_context[i] >= contexts);
    size_t hidden = (size_t)t->tree.R * 4 * (size_t)t->C * (size_t)t->L;
    t->keep = mode == TEXT_KEEP || (mode == TEXT_BACKWARD && hidden <= KEEP_HIDDEN);
    t->layer = mem_zero((size_t)t->L, sizeof *t->layer);
    allocate(t, mode != TEXT_FORWARD);
    put_tree(t);
    if ((rc = device_sync(t->device, e)) < 0)
        goto fail;
    fill_start(t);
    *out = t;
    return 0;
fail:
    text_free(t);
    return rc;
}

void text_free(struct text *t)
{
    if (!t)
        return;
    t->device->ops->forest_free(t->device, t->all);
    t->device->ops->forest_free(t->device, t->last);
    device_release(t->device, t->index);
    device_release(t->device, t->activations);
    device_release(t->device, t->scratch);
    text_tree_release(&t->tree);
    free(t->layer);
    free(t);
}

void text_deep(struct text *t, int depth)
{
    BUG_IF(depth < 1 || depth > t->L);
    t->depth = depth;
}

int text_rows(const struct text *t)
{
    return t->tree.R;
}

/* Rows first .. first + n - 1 of the MLP's inner activations, before QuickGELU. */
static float *mlp_hidden(struct text *t, struct layer *a, const struct clip_block *b, int first,
                         int n)
{
    struct device *d = t->device;
    size_t at = (size_t)first * (size_t)t->C;
    float *hidden = a->hidden ? a->hidden + 4 * at : t->wide;
    d->ops->layernorm_fwd(d, t->rows_a, a->mean2 + first, a->rstd2 + first, a->middle + at,
                          b->ln2_gamma, b->ln2_beta, n, t->C);
    d->ops->linear_fwd(d, hidden, t->rows_a, b->fc, n);
    return hidden;
}

/* x_out (Q, C) = middle + MLP(LN2(middle)) */
static void mlp_forward(struct text *t, struct layer *a, const struct clip_block *b, int Q,
                        float *x_out)
{
    struct device *d = t->device;
    size_t C = (size_t)t->C;
    for (int first = 0; first < Q; first += MLP_ROWS) {
        int n = Q - first < MLP_ROWS ? Q - first : MLP_ROWS;
        const float *hidden = mlp_hidden(t, a, b, first, n);
        d->ops->quickgelu_fwd(d, t->wide, hidden, (size_t)n * 4 * C);
        d->ops->linear_fwd(d, x_out + (size_t)first * C, t->wide, b->proj, n);
    }
    d->ops->add(d, x_out, a->middle, (size_t)Q * C);
}

/* middle (R, C) = x + attention, from the block's q|k|v. */
static void attention_forward(struct text *t, struct layer *a, const struct clip_block *b)
{
    struct device *d = t->device;
    int R = t->tree.R, C = t->C;
    d->ops->tree_fwd(d, t->rows_b, a->p, a->qkv, 3 * C, a->qkv + C, a->qkv + 2 * C, 3 * C, t->all,
                     t->H);
    d->ops->linear_fwd(d, a->middle, t->rows_b, b->out, R);
    d->ops->add(d, a->middle, a->x, (size_t)R * (size_t)C);
}

static void block_forward(struct text *t, int l, float *x_out)
{
    struct device *d = t->device;
    struct layer *a = &t->layer[l];
    const struct clip_block *b = &t->clip->text[l];
    int R = t->tree.R, C = t->C;
    d->ops->layernorm_fwd(d, t->rows_a, a->mean1, a->rstd1, a->x, b->ln1_gamma, b->ln1_beta, R, C);
    d->ops->linear_fwd(d, a->qkv, t->rows_a, b->qkv, R);
    attention_forward(t, a, b); // the last use of x, which x_out may overwrite
    mlp_forward(t, a, b, R, x_out);
}

/* middle (K, C) = x + attention of the EOT rows, from the last block's q and k|v. */
static void last_attention(struct text *t, struct layer *a, const struct clip_block *b)
{
    struct device *d = t->device;
    int C = t->C, K = t->K;
    d->ops->tree_fwd(d, t->rows_b, a->p, a->q, C, a->qkv, a->qkv + C, 2 * C, t->last, t->H);
    d->ops->linear_fwd(d, a->middle, t->rows_b, b->out, K);
    d->ops->gather(d, t->rows_a, a->x, t->eot, K, C);
    d->ops->add(d, a->middle, t->rows_a, (size_t)K * (size_t)C);
}

/* The last block: keys and values of all rows, everything else of the K EOT rows. */
static void last_forward(struct text *t, float *x_out)
{
    struct device *d = t->device;
    struct layer *a = &t->layer[t->L - 1];
    const struct clip_block *b = &t->clip->text[t->L - 1];
    int R = t->tree.R, C = t->C, K = t->K;
    d->ops->layernorm_fwd(d, t->rows_a, a->mean1, a->rstd1, a->x, b->ln1_gamma, b->ln1_beta, R, C);
    d->ops->linear_fwd(d, a->qkv, t->rows_a, b->kv, R);
    d->ops->gather(d, t->rows_b, t->rows_a, t->eot, K, C);
    d->ops->linear_fwd(d, a->q, t->rows_b, b->q, K);
    last_attention(t, a, b);
    mlp_forward(t, a, b, K, x_out);
}

/* Level l of the context vectors. */
static size_t level(const struct text *t, int l)
{
    return (size_t)l * (size_t)t->contexts * (size_t)t->C;
}

/* The input x (R, C) of block l: the contexts' rows become level l's vectors. */
static void replace_rows(struct text *t, int l, const float *context, float *x)
{
    struct device *d = t->device;
    d->ops->gather(d, t->rows_a, context + level(t, l), t->slot_context, t->tree.slots, t->C);
    d->ops->scatter(d, x, t->rows_a, t->slot_row, t->tree.slots, t->C);
}

/* The gradient of level l's vectors = from dx (R, C) of block l's input. What stood in these rows
 * before has no part in the result, so nothing flows further down. */
static void replace_rows_backward(struct text *t, int l, float *dcontext)
{
    struct device *d = t->device;
    int n = t->tree.slots, C = t->C;
    size_t rows = (size_t)n * (size_t)C * sizeof(float);
    d->ops->gather(d, t->rows_a, t->dx, t->slot_row, n, C);
    d->ops->zero(d, dcontext + level(t, l), level(t, 1) * sizeof(float));
    d->ops->scatter_add(d, dcontext + level(t, l), t->rows_a, t->slot_context, n, C);
    if (l == 0)
        return;
    d->ops->zero(d, t->rows_a, rows);
    d->ops->scatter(d, t->dx, t->rows_a, t->slot_row, n, C);
}

void text_forward(struct text *t, const float *context, float *features)
{
    struct device *d = t->device;
    int C = t->C;
    float *x = t->layer[0].x;
    device_copy(d, x, t->start, (size_t)t->tree.R * (size_t)C);
    if (t->tree.slots) {
        d->ops->gather(d, t->rows_a, context, t->slot_context, t->tree.slots, C);
        d->ops->scatter_add(d, x, t->rows_a, t->slot_row, t->tree.slots, C);
    }
    for (int l = 0; l < t->L; l++) {
        if (l > 0 && l < t->depth)
            replace_rows(t, l, context, t->layer[l].x);
        if (l < t->L - 1)
            block_forward(t, l, t->layer[l + 1].x);
        else
            last_forward(t, t->final_x);
    }
    t->spent = false;
    d->ops->layernorm_fwd(d, t->rows_a, t->final_mean, t->final_rstd, t->final_x,
                          t->clip->final_gamma, t->clip->final_beta, t->K, C);
    d->ops->linear_fwd(d, features, t->rows_a, t->clip->text_proj, t->K);
}

/* dx (Q, C): gradient of the MLP's output in, of `middle` out. */
static void mlp_backward(struct text *t, struct layer *a, const struct clip_block *b, int Q,
                         float *dx)
{
    struct device *d = t->device;
    int C = t->C;
    for (int first = 0; first < Q; first += MLP_ROWS) {
        int n = Q - first < MLP_ROWS ? Q - first : MLP_ROWS;
        size_t at = (size_t)first * (size_t)C, wide = (size_t)n * 4 * (size_t)C;
        const float *hidden = a->hidden ? a->hidden + 4 * at : mlp_hidden(t, a, b, first, n);
        d->ops->linear_bwd(d, t->dwide, dx + at, b->proj, n);
        d->ops->quickgelu_bwd(d, t->dwide, t->dwide, hidden, wide);
        d->ops->linear_bwd(d, t->rows_a, t->dwide, b->fc, n);
        d->ops->layernorm_bwd(d, dx + at, t->rows_a, a->middle + at, a->mean2 + first,
                              a->rstd2 + first, b->ln2_gamma, n, C);
    }
}

/* t->dx (R, C): gradient of block l's output in, of its input out. `need` rows are enough. */
static void block_backward(struct text *t, int l, int need)
{
    struct device *d = t->device;
    struct layer *a = &t->layer[l];
    const struct clip_block *b = &t->clip->text[l];
    int R = t->tree.R, C = t->C;
    if (!t->keep)
        attention_forward(t, a, b);
    mlp_backward(t, a, b, R, t->dx);
    d->ops->linear_bwd(d, t->rows_a, t->dx, b->out, R);
    d->ops->tree_bwd(d, t->dqkv, t->dqkv + C, t->dqkv + 2 * C, t->rows_a, a->p, a->qkv, 3 * C,
                     a->qkv + C, a->qkv + 2 * C, 3 * C, t->all, t->H);
    d->ops->linear_bwd(d, t->rows_a, t->dqkv, b->qkv, need);
    d->ops->layernorm_bwd(d, t->dx, t->rows_a, a->x, a->mean1, a->rstd1, b->ln1_gamma, need, C);
}

/* From the gradient dout (K, C) of the last block's output to t->dx (R, C) of its input. */
static void last_backward(struct text *t, float *dout)
{
    struct device *d = t->device;
    struct layer *a = &t->layer[t->L - 1];
    const struct clip_block *b = &t->clip->text[t->L - 1];
    int R = t->tree.R, C = t->C, K = t->K;
    mlp_backward(t, a, b, K, dout);
    d->ops->zero(d, t->dx, (size_t)R * (size_t)C * sizeof(float));
    d->ops->scatter_add(d, t->dx, dout, t->eot, K, C);
    d->ops->linear_bwd(d, t->rows_a, dout, b->out, K);
    float *dkv = t->dqkv;
    d->ops->tree_bwd(d, t->dq, dkv, dkv + C, t->rows_a, a->p, a->q, C, a->qkv, a->qkv + C, 2 * C,
                     t->last, t->H);
    d->ops->linear_bwd(d, t->rows_a, dkv, b->kv, R);
    d->ops->linear_bwd(d, t->rows_b, t->dq, b->q, K);
    d->ops->scatter_add(d, t->rows_a, t->rows_b, t->eot, K, C);
    d->ops->layernorm_bwd(d, t->dx, t->rows_a, a->x, a->mean1, a->rstd1, b->ln1_gamma, R, C);
}

void text_backward(struct text *t, const float *dfeatures, float *dcontext)
{
    struct device *d = t->device;
    int C = t->C, K = t->K, lead = t->tree.lead;
    BUG_IF(!t->dx || !t->tree.slots);
    if (!t->keep && t->spent)
        last_attention(t, &t->layer[t->L - 1], &t->clip->text[t->L - 1]);
    t->spent = true;
    d->ops->linear_bwd(d, t->rows_a, dfeatures, t->clip->text_proj, K);
    d->ops->zero(d, t->rows_b, (size_t)K * (size_t)C * sizeof(float));
    d->ops->layernorm_bwd(d, t->rows_b, t->rows_a, t->final_x, t->final_mean, t->final_rstd,
                          t->clip->final_gamma, K, C);
    for (int l = t->L - 1; l >= 0; l--) {
        if (l == t->L - 1)
            last_backward(t, t->rows_b);
        else
            block_backward(t, l, l == 0 ? lead : t->tree.R);
        if (l < t->depth)
            replace_rows_backward(t, l, dcontext);
    }
}
