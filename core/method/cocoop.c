/*
 * CoCoOp: every image shifts the context by the output of a small network of its features
 * (spec/training.md section 5; Zhou et al., "Conditional Prompt Learning for Vision-Language
 * Models", CVPR 2022). Context of image i = ctx + W2 relu(W1 x_i + b1) + b2, x_i of unit length,
 * the same shift for all M vectors; so every image has text features of its own.
 *
 * The text tower runs over one tree for G images: K prompts each, whose trunk holds that image's
 * context. G depends on the classes alone; a batch is done G images at a time, the last ones padded
 * with others, so that an image's logits do not depend on its neighbours.
 */
#include "core/base/mem.h"
#include "core/method/context.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

enum {
    PROMPTS = 256,  // of one tree, but at least one image's
    REDUCTION = 16, // from the features to the hidden layer
};

struct cocoop {
    int H;                              // width of the hidden layer
    size_t w1, b1, w2, b2;              // where (H, E), (H), (C, H), (C) are in the parameters
    struct text *text;                  // G K prompts, G M contexts
    int G;                              // images of one tree
    float *features, *unit, *norm;      // (G K, E), (G K, E), (G K)
    float *dunit, *dfeatures, *dlogits; // (G K, E), (G K, E), (G, K)
    float *vectors, *shifts, *dvectors; // (G M, C)
    float *tree_memory;                 // behind features .. dvectors
    int *context_of, *zeros;            // device: (G M) vector of the context; (B) zeros
    int *image_of;                      // device, (B M): image of each vector, in order
    int B;                              // images that those below hold, a multiple of G
    float *x, *hidden, *shift;          // (B, E), (B, H), (B, C)
    float *dhidden, *dshift, *rows;     // (B, H), (B, C); (B) norms
    float *batch_memory;                // behind x .. rows
};

/* ---- parameters ---- */

static void open_parameters(struct learner *l, struct cocoop *s, float *initial, struct rng *r)
{
    size_t E = (size_t)l->clip->shape.embed, C = (size_t)l->clip->shape.text_width;
    size_t H = (size_t)s->H, n = l->context->n;
    s->w1 = n;
    s->b1 = s->w1 + H * E;
    s->w2 = s->b1 + H;
    s->b2 = s->w2 + C * H;
    initial = mem_grow(initial, s->b2 + C, sizeof *initial);
    learner_draw_linear(r, H, E, initial + s->w1, initial + s->b1);
    learner_draw_linear(r, C, H, initial + s->w2, initial + s->b2);
    learner_parameters(l, s->b2 + C, initial);
    context_keep(l);
    const struct {
        const char *name;
        size_t at, rows, columns;
    } tensors[] = {{"meta_net.linear1.weight", s->w1, H, E},
                   {"meta_net.linear1.bias", s->b1, H, 0},
                   {"meta_net.linear2.weight", s->w2, C, H},
                   {"meta_net.linear2.bias", s->b2, C, 0}};
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
        learner_keep(l, tensors[i].name, l->parameters + tensors[i].at, tensors[i].rows,
                     tensors[i].columns, KEEP_RESULT);
    free(initial);
}

static int init(struct learner *l, struct rng *r, struct err *e)
{
    const char *words = spec_get_text(l->params, "context");
    int M = (int)spec_get_int(l->params, "length"), rc = 0;
    float *start = NULL, *initial = NULL;
    if (l->clip->shape.embed < REDUCTION)
        return err_set(e, ERR_RANGE, "features of %d numbers are too few for cocoop",
                       l->clip->shape.embed);
    if (*words)
        rc = context_start_words(l, words, &start, &M, e);
    else
        context_start_random(l, r, 1, M, &start);
    if (rc < 0)
        return rc;
    struct cocoop *s = l->own = mem_zero(1, sizeof *s);
    s->H = l->clip->shape.embed / REDUCTION;
    context_open(l, start, 1, M, &initial);
    open_parameters(l, s, initial, r);
    return *words ? context_rest(l, words, M, e) : 0;
}

/* ---- classes: one tree for G images ---- */

static void release_tree(struct learner *l, struct cocoop *s)
{
    text_free(s->text);
    device_release(l->device, s->tree_memory);
    device_release(l->device, s->context_of);
    s->text = NULL;
    s->tree_memory = NULL;
    s->context_of = NULL;
}

/* Every prompt once for each image, with the image's own context vectors. */
static void repeat_prompts(const struct text_prompts *one, int G, int M, struct text_prompts *out)
{
    int *items = mem_alloc(one->n, sizeof *items);
    for (int g = 0; g < G; g++)
        for (size_t k = 0, first = 0; k < one->K; first = one->ends[k++]) {
            size_t n = one->ends[k] - first;
            for (size_t i = 0; i < n; i++) {
                int item = one->items[first + i];
                items[i] = item < 0 ? item - g * M : item;
            }
            text_prompts_add(out, items, n);
        }
    free(items);
}

static void open_tree_memory(struct learner *l, struct cocoop *s)
{
    size_t G = (size_t)s->G, K = (size_t)l->K, E = (size_t)l->clip->shape.embed;
    size_t M = (size_t)l->context->M, C = (size_t)l->context->C;
    size_t gke = G * K * E, gmc = G * M * C;
    s->tree_memory = device_floats(l->device, 4 * gke + 2 * G * K + 3 * gmc);
    s->features = s->tree_memory;
    s->unit = s->features + gke;
    s->dunit = s->unit + gke;
    s->dfeatures = s->dunit + gke;
    s->vectors = s->dfeatures + gke;
    s->shifts = s->vectors + gmc;
    s->dvectors = s->shifts + gmc;
    s->norm = s->dvectors + gmc;
    s->dlogits = s->norm + G * K;
    int *context_of = mem_alloc(G * M, sizeof *context_of);
    for (size_t i = 0; i < G * M; i++)
        context_of[i] = (int)(i % M);
    s->context_of = device_put_ints(l->device, context_of, G * M);
    free(context_of);
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct cocoop *s = l->own;
    struct text_prompts one = {0}, all = {0};
    int most = PROMPTS / K > 1 ? PROMPTS / K : 1;
    int batch = training ? (int)spec_get_int(l->params, "batch") : most;
    release_tree(l, s);
    l->K = K;
    s->G = batch < most ? batch : most;
    int M = l->context->M, rc = context_prompts(l, names, K, &one, e);
    if (rc == 0) {
        repeat_prompts(&one, s->G, M, &all);
        rc =
            text_new(&s->text, l->clip, &all, s->G * M, training ? TEXT_BACKWARD : TEXT_FORWARD, e);
    }
    if (rc == 0) {
        open_tree_memory(l, s);
        rc = device_sync(l->device, e);
    }
    text_prompts_release(&one);
    text_prompts_release(&all);
    return rc;
}

/* ---- forward ---- */

static void release_batch(struct learner *l, struct cocoop *s)
{
    device_release(l->device, s->batch_memory);
    device_release(l->device, s->zeros);
    device_release(l->device, s->image_of);
}

static void reserve(struct learner *l, struct cocoop *s, int n)
{
    size_t E = (size_t)l->clip->shape.embed, C = (size_t)l->context->C;
    const int whole = (n + s->G - 1) / s->G * s->G; // the last tree is padded
    size_t B = (size_t)whole, H = (size_t)s->H, M = (size_t)l->context->M;
    if (whole <= s->B)
        return;
    learner_moves(l);
    release_batch(l, s);
    s->batch_memory = device_floats(l->device, B * (E + 2 * H + 2 * C + 1));
    s->x = s->batch_memory;
    s->hidden = s->x + B * E;
    s->dhidden = s->hidden + B * H;
    s->shift = s->dhidden + B * H;
    s->dshift = s->shift + B * C;
    s->rows = s->dshift + B * C;
    l->device->ops->zero(l->device, s->shift, B * C * sizeof(float)); // padding reads it
    s->zeros = learner_zeros(l, B);
    int *image_of = mem_alloc(B * M, sizeof *image_of);
    for (size_t i = 0; i < B * M; i++)
        image_of[i] = (int)(i / M);
    s->image_of = device_put_ints(l->device, image_of, B * M);
    free(image_of);
    s->B = whole;
}

/* y (n, out) = x (n, in) weight^T + bias; scratch: `sum` (n, out) and n zeros */
static void linear(struct learner *l, float *y, float *sum, const float *x, const float *weight,
                   const float *bias, const int *zeros, int n, int out, int in)
{
    const struct device_ops *ops = l->device->ops;
    ops->gather(l->device, y, bias, zeros, n, out);
    ops->matmul_nt(l->device, sum, x, weight, n, out, in, 1);
    ops->add(l->device, y, sum, (size_t)n * (size_t)out);
}

/* x, hidden, shift of the images */
static void meta_forward(struct learner *l, struct cocoop *s, const float *images, int n)
{
    const struct device_ops *ops = l->device->ops;
    const float *p = l->parameters;
    int E = l->clip->shape.embed, C = l->context->C, H = s->H;
    reserve(l, s, n);
    ops->l2norm_fwd(l->device, s->x, s->rows, images, n, E);
    linear(l, s->hidden, s->dhidden, s->x, p + s->w1, p + s->b1, s->zeros, n, H, E);
    ops->relu_fwd(l->device, s->hidden, s->hidden, (size_t)n * (size_t)H);
    linear(l, s->shift, s->dshift, s->hidden, p + s->w2, p + s->b2, s->zeros, n, C, H);
}

/* unit (G K, E) of the images from `first` on; past the batch's last one, of no meaning */
static void tree_forward(struct learner *l, struct cocoop *s, int first)
{
    const struct device_ops *ops = l->device->ops;
    const struct context *c = l->context;
    int rows = s->G * c->M;
    ops->gather(l->device, s->vectors, c->vectors, s->context_of, rows, c->C);
    ops->gather(l->device, s->shifts, s->shift, s->image_of + first * c->M, rows, c->C);
    ops->add(l->device, s->vectors, s->shifts, (size_t)rows * (size_t)c->C);
    text_forward(s->text, s->vectors, s->features);
    ops->l2norm_fwd(l->device, s->unit, s->norm, s->features, s->G * l->K, l->clip->shape.embed);
}

/* logits (m, K) of the images in the tree */
static void tree_logits(struct learner *l, const struct cocoop *s, int first, int m, float *logits)
{
    size_t K = (size_t)l->K, E = (size_t)l->clip->shape.embed;
    for (size_t i = 0; i < (size_t)m; i++)
        l->device->ops->matmul_nt(l->device, logits + i * K, s->x + ((size_t)first + i) * E,
                                  s->unit + i * K * E, 1, l->K, (int)E, l->clip->logit_scale);
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    struct cocoop *s = l->own;
    context_compose(l, false);
    meta_forward(l, s, images, n);
    for (int first = 0; first < n; first += s->G) {
        int m = n - first < s->G ? n - first : s->G;
        tree_forward(l, s, first);
        tree_logits(l, s, first, m, out + (size_t)first * (size_t)l->K);
    }
}

/* ---- backward ---- */

/* c->dvectors and dshift += of the images in the tree, from dlogits (m, K) of their own mean loss;
 * `share` is their part of the batch. */
static void tree_backward(struct learner *l, struct cocoop *s, int first, int m, float share)
{
    const struct device_ops *ops = l->device->ops;
    const struct context *c = l->context;
    size_t K = (size_t)l->K, E = (size_t)l->clip->shape.embed;
    ops->zero(l->device, s->dunit, (size_t)s->G * K * E * sizeof(float));
    for (size_t i = 0; i < (size_t)m; i++)
        ops->matmul_tn(l->device, s->dunit + i * K * E, s->dlogits + i * K,
                       s->x + ((size_t)first + i) * E, l->K, (int)E, 1,
                       share * l->clip->logit_scale);
    ops->l2norm_bwd(l->device, s->dfeatures, s->dunit, s->unit, s->norm, s->G * l->K, (int)E);
    text_backward(s->text, s->dfeatures, s->dvectors);
    ops->scatter_add(l->device, c->dvectors, s->dvectors, s->context_of, m * c->M, c->C);
    ops->scatter_add(l->device, s->dshift, s->dvectors, s->image_of + first * c->M, m * c->M, c->C);
}

/* The network's part of the gradient, from dshift (n, C). */
static void meta_backward(struct learner *l, struct cocoop *s, int n)
{
    struct device *d = l->device;
    int E = l->clip->shape.embed, C = l->context->C, H = s->H;
    float *g = l->gradient;
    d->ops->zero(d, g + s->w1, (l->n - s->w1) * sizeof *g);
    d->ops->matmul_tn(d, g + s->w2, s->dshift, s->hidden, C, H, n, 1);
    d->ops->scatter_add(d, g + s->b2, s->dshift, s->zeros, n, C);
    d->ops->matmul_nn(d, s->dhidden, s->dshift, l->parameters + s->w2, n, H, C, 1);
    d->ops->relu_bwd(d, s->dhidden, s->dhidden, s->hidden, (size_t)n * (size_t)H);
    d->ops->matmul_tn(d, g + s->w1, s->dhidden, s->x, H, E, n, 1);
    d->ops->scatter_add(d, g + s->b1, s->dhidden, s->zeros, n, H);
}

static void step(struct learner *l, const struct batch *b)
{
    struct cocoop *s = l->own;
    const struct context *c = l->context;
    const struct device_ops *ops = l->device->ops;
    context_compose(l, true);
    meta_forward(l, s, b->images, b->n);
    ops->zero(l->device, c->dvectors, (size_t)c->contexts * (size_t)c->C * sizeof(float));
    ops->zero(l->device, s->dshift, (size_t)b->n * (size_t)c->C * sizeof(float));
    for (int first = 0; first < b->n; first += s->G) {
        int m = b->n - first < s->G ? b->n - first : s->G;
        tree_forward(l, s, first);
        tree_logits(l, s, first, m, s->dlogits);
        ops->cross_entropy(l->device, b->loss + first, b->hit + first, s->dlogits, s->dlogits,
                           b->labels + first, m, l->K);
        tree_backward(l, s, first, m, (float)m / (float)b->n);
    }
    context_gradient(l, l->gradient);
    meta_backward(l, s, b->n);
}

static void release(struct learner *l)
{
    struct cocoop *s = l->own;
    context_free(l);
    if (!s)
        return;
    release_tree(l, s);
    release_batch(l, s);
    free(s);
}

const struct method method_cocoop = {
    .name = "cocoop",
    .init = init,
    .classes = classes,
    .step = step,
    .logits = logits,
    .release = release,
};
