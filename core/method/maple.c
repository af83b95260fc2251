/*
 * MaPLe: deep prompts in both towers, the image tower's made from the text tower's by one linear
 * layer a level (spec/training.md section 10; Khattak et al., "MaPLe: Multi-modal Prompt Learning",
 * CVPR 2023). Level 0 of the text is the context, which may be of low rank.
 *
 * All in fp32; the reference keeps context and first layer in fp16.
 */
#include "core/base/mem.h"
#include "core/method/context.h"
#include "core/method/image_prompt.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

struct maple {
    struct image_prompt image; // first: its test plans it through `own`
    size_t weight, bias;       // where (D, V, C) and (D, V) are in the parameters
    float *ones;               // device, (M)
    float *back;               // device, (M, C): a level's gradient through its layer
};

/* ---- start ---- */

/* Layers and deep prompts in the reference's order of draws: level 0's layer, the deep prompts, one
 * layer that all further levels start from. */
static void draw_levels(const struct maple *s, struct rng *r, size_t C, float *deep, float *weight,
                        float *bias)
{
    size_t V = (size_t)s->image.V, M = (size_t)s->image.M;
    int D = s->image.depth;
    learner_draw_linear(r, V, C, weight, bias);
    for (int i = 1; i < D; i++)
        rng_torch_normal(r, 0.02f, M * C, deep + (size_t)(i - 1) * M * C);
    for (int i = 1; i < D; i++) {
        float *w = weight + (size_t)i * V * C, *b = bias + (size_t)i * V;
        if (i == 1)
            learner_draw_linear(r, V, C, w, b);
        else {
            memcpy(w, weight + V * C, V * C * sizeof *w);
            memcpy(b, bias + V, V * sizeof *b);
        }
    }
}

static void open_parameters(struct learner *l, struct rng *r, float *start)
{
    struct maple *s = l->own;
    size_t C = (size_t)l->clip->shape.text_width, V = (size_t)s->image.V, M = (size_t)s->image.M;
    size_t D = (size_t)s->image.depth;
    float *initial = NULL, *deep = mem_alloc(D * M * C, sizeof *deep);
    float *weight = mem_alloc(D * V * (C + 1), sizeof *weight);
    draw_levels(s, r, C, deep, weight, weight + D * V * C);
    context_open(l, start, 1, (int)M, &initial);
    context_deepen(l, (int)D, deep, &initial);
    s->weight = l->context->n;
    s->bias = s->weight + D * V * C;
    initial = mem_grow(initial, s->bias + D * V, sizeof *initial);
    memcpy(initial + s->weight, weight, D * V * (C + 1) * sizeof *weight);
    learner_parameters(l, s->bias + D * V, initial);
    context_keep(l);
    learner_keep(l, "projection.weight", l->parameters + s->weight, D * V, C, KEEP_RESULT);
    learner_keep(l, "projection.bias", l->parameters + s->bias, D, V, KEEP_RESULT);
    s->back = device_floats(l->device, M * C);
    float *ones = mem_alloc(M, sizeof *ones);
    for (size_t m = 0; m < M; m++)
        ones[m] = 1;
    s->ones = device_put(l->device, ones, M);
    free(ones);
    free(initial);
    free(deep);
    free(weight);
}

static int init(struct learner *l, struct rng *r, struct err *e)
{
    int M = (int)spec_get_int(l->params, "length"), D = (int)spec_get_int(l->params, "depth");
    float *start = NULL;
    int rc;
    if ((rc = image_prompt_check(l, D, true, e)) < 0 ||
        (rc = context_start_first(l, r, spec_get_text(l->params, "context"), M, &start, e)) < 0)
        return rc;
    struct maple *s = l->own = mem_zero(1, sizeof *s);
    image_prompt_open(&s->image, l, M, D);
    open_parameters(l, r, start);
    return context_rest(l, spec_get_text(l->params, "context"), M, e);
}

/* ---- steps ---- */

/* Every level of the image's rows = the text's rows W^T + b. */
static void couple(struct learner *l)
{
    struct maple *s = l->own;
    const struct device_ops *ops = l->device->ops;
    const struct context *c = l->context;
    int M = c->M, C = c->C, V = s->image.V;
    for (int i = 0; i < c->depth; i++) {
        size_t level = (size_t)i;
        const float *rows = c->vectors + level * (size_t)(M * C);
        float *out = s->image.vectors + level * (size_t)(M * V);
        ops->matmul_nt(l->device, out, rows, l->parameters + s->weight + level * (size_t)(V * C), M,
                       V, C, 1);
        for (int m = 0; m < M; m++)
            ops->add(l->device, out + m * V, l->parameters + s->bias + level * (size_t)V,
                     (size_t)V);
    }
}

/* The layers' gradients = from the image rows' ones; the text rows' gradient += what came through.
 */
static void couple_backward(struct learner *l)
{
    struct maple *s = l->own;
    const struct device_ops *ops = l->device->ops;
    const struct context *c = l->context;
    int M = c->M, C = c->C, V = s->image.V;
    for (int i = 0; i < c->depth; i++) {
        size_t level = (size_t)i, weight = s->weight + level * (size_t)(V * C);
        const float *rows = c->vectors + level * (size_t)(M * C);
        const float *dout = s->image.dvectors + level * (size_t)(M * V);
        ops->matmul_tn(l->device, l->gradient + weight, dout, rows, V, C, M, 1);
        ops->matmul_tn(l->device, l->gradient + s->bias + level * (size_t)V, s->ones, dout, 1, V, M,
                       1);
        ops->matmul_nn(l->device, s->back, dout, l->parameters + weight, M, C, V, 1);
        ops->add(l->device, c->dvectors + level * (size_t)(M * C), s->back, (size_t)(M * C));
    }
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct maple *s = l->own;
    int rc = context_classes(l, names, K, training, e);
    if (rc == 0)
        rc = image_prompt_plan(&s->image, l, training, e);
    if (rc == 0 && !training)
        couple(l);
    return rc;
}

static void step(struct learner *l, const struct batch *b)
{
    struct maple *s = l->own;
    struct context *c = l->context;
    context_forward(l, true);
    couple(l);
    image_prompt_forward(&s->image, l, b->images, b->n);
    context_batch(l, &(struct batch){.n = b->n, .images = s->image.features});
    l->device->ops->cross_entropy(l->device, b->loss, b->hit, c->logits, c->logits, b->labels, b->n,
                                  l->K);
    context_dunit(l, c->logits, b->n);
    image_prompt_dunit(&s->image, l, c->logits, c->unit, b->n);
    image_prompt_backward(&s->image, l, c->batch, c->batch_norm, b->n);
    context_backward(l, l->gradient);
    couple_backward(l);
    context_gradient(l, l->gradient); // again: the context's vectors now have both parts
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    struct maple *s = l->own;
    image_prompt_forward(&s->image, l, images, n);
    context_logits(l, s->image.features, n, out);
}

static void release(struct learner *l)
{
    struct maple *s = l->own;
    context_free(l);
    if (!s)
        return;
    image_prompt_release(&s->image, l);
    device_release(l->device, s->ones);
    device_release(l->device, s->back);
    free(s);
}

const struct method method_maple = {
    .name = "maple",
    .pixels = true,
    .init = init,
    .classes = classes,
    .step = step,
    .logits = logits,
    .release = release,
};
