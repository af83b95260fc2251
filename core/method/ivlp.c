/*
 * IVLP, independent vision-language prompting: the baseline of MaPLe's and PromptSRC's papers, with
 * deep prompts in both towers that know nothing of each other (spec/training.md sections 10, 11).
 */
#include "core/method/ivlp.h"

#include "core/base/mem.h"
#include "core/clip/load.h"
#include "core/method/context.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

/* ---- start ---- */

/* A tower's blocks are constructed; after block i, the level that will replace its rows. */
static void draw_blocks(struct rng *r, int blocks, uint64_t width, int depth, size_t n, float *rows)
{
    for (int i = 0; i < blocks; i++) {
        rng_skip(r, draws_block(width));
        if (i > 0 && i < depth)
            rng_torch_normal(r, 0.02f, n, rows + (size_t)i * n);
    }
}

/* They lie at certain places of torch's stream (spec/training.md section 3): level 0 of the image
 * after the patch convolution, the others after the block that they enter. */
void ivlp_draw(const struct learner *l, const struct image_prompt *p, int text_depth,
               size_t text_level, struct rng *r, float *visual, float *deep)
{
    const struct clip_shape *s = &l->clip->shape;
    uint64_t w = (uint64_t)s->vision_width, t = (uint64_t)s->text_width;
    uint64_t g = (uint64_t)(s->image_size / s->patch);
    uint64_t conv = w * 3 * (uint64_t)s->patch * (uint64_t)s->patch;
    uint64_t embeddings = draws_normal(w) + draws_normal((1 + g * g) * w);
    uint64_t projection = draws_normal(w * (uint64_t)s->embed);
    uint64_t blocks =
        (uint64_t)s->vision_layers * draws_block(w) + (uint64_t)s->text_layers * draws_block(t);
    size_t level = (size_t)p->M * (size_t)p->V;
    rng_seed_torch(r, l->seed);
    rng_skip(r, conv);
    rng_torch_normal(r, 0.02f, level, visual);
    rng_skip(r, embeddings);
    draw_blocks(r, s->vision_layers, w, p->depth, level, visual);
    rng_skip(r, projection);
    draw_blocks(r, s->text_layers, t, text_depth, text_level, deep);
    rng_skip(r, clip_init_draws(s) - conv - embeddings - projection - blocks);
}

int ivlp_open(struct ivlp *s, struct learner *l, struct rng *r, struct err *e)
{
    const char *words = spec_get_text(l->params, "context");
    int M = (int)spec_get_int(l->params, "length"), D = (int)spec_get_int(l->params, "depth");
    int image_M = (int)spec_get_int(l->params, "image-length"), rc;
    size_t text_level = (size_t)M * (size_t)l->clip->shape.text_width;
    float *start = NULL, *initial = NULL;
    if ((rc = image_prompt_check(l, D, true, e)) < 0)
        return rc;
    image_prompt_open(&s->image, l, image_M, D);
    size_t level = (size_t)image_M * (size_t)s->image.V, visual_n = (size_t)D * level;
    float *visual = mem_alloc(visual_n, sizeof *visual);
    float *deep = mem_alloc((size_t)D * text_level, sizeof *deep);
    ivlp_draw(l, &s->image, D, text_level, r, visual, deep);
    if ((rc = context_start_first(l, r, words, M, &start, e)) < 0)
        goto out;
    context_open(l, start, 1, M, &initial);
    context_deepen(l, D, deep + text_level, &initial);
    s->at = l->context->n;
    initial = mem_grow(initial, s->at + visual_n, sizeof *initial);
    memcpy(initial + s->at, visual, visual_n * sizeof *visual);
    learner_parameters(l, s->at + visual_n, initial);
    context_keep(l);
    learner_keep(l, "visual", l->parameters + s->at, (size_t)(D * image_M), (size_t)s->image.V,
                 KEEP_RESULT);
    rc = context_rest(l, words, M, e);
out:
    free(initial);
    free(visual);
    free(deep);
    return rc;
}

void ivlp_release(struct ivlp *s, struct learner *l)
{
    image_prompt_release(&s->image, l);
}

/* ---- steps ---- */

static size_t visual_size(const struct ivlp *s)
{
    return (size_t)s->image.depth * (size_t)s->image.M * (size_t)s->image.V;
}

static void place(struct ivlp *s, struct learner *l)
{
    device_copy(l->device, s->image.vectors, l->parameters + s->at, visual_size(s));
}

int ivlp_plan(struct ivlp *s, struct learner *l, bool training, struct err *e)
{
    int rc = image_prompt_plan(&s->image, l, training, e);
    if (rc == 0 && !training)
        place(s, l);
    return rc;
}

int ivlp_classes(struct ivlp *s, struct learner *l, char *const *names, int K, bool training,
                 struct err *e)
{
    int rc = context_classes(l, names, K, training, e);
    return rc < 0 ? rc : ivlp_plan(s, l, training, e);
}

void ivlp_forward(struct ivlp *s, struct learner *l, const struct batch *b)
{
    context_forward(l, true);
    place(s, l);
    image_prompt_forward(&s->image, l, b->images, b->n);
    context_batch(l, &(struct batch){.n = b->n, .images = s->image.features});
}

void ivlp_backward(struct ivlp *s, struct learner *l, int n)
{
    const struct context *c = l->context;
    image_prompt_backward(&s->image, l, c->batch, c->batch_norm, n);
    context_backward(l, l->gradient);
    device_copy(l->device, l->gradient + s->at, s->image.dvectors, visual_size(s));
}

void ivlp_logits(struct ivlp *s, struct learner *l, const float *images, int n, float *out)
{
    image_prompt_forward(&s->image, l, images, n);
    context_logits(l, s->image.features, n, out);
}

/* ---- the method ---- */

static int init(struct learner *l, struct rng *r, struct err *e)
{
    l->own = mem_zero(1, sizeof(struct ivlp));
    return ivlp_open(l->own, l, r, e);
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    return ivlp_classes(l->own, l, names, K, training, e);
}

static void step(struct learner *l, const struct batch *b)
{
    struct ivlp *s = l->own;
    struct context *c = l->context;
    ivlp_forward(s, l, b);
    l->device->ops->cross_entropy(l->device, b->loss, b->hit, c->logits, c->logits, b->labels, b->n,
                                  l->K);
    context_dunit(l, c->logits, b->n);
    image_prompt_dunit(&s->image, l, c->logits, c->unit, b->n);
    ivlp_backward(s, l, b->n);
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    ivlp_logits(l->own, l, images, n, out);
}

static void release(struct learner *l)
{
    context_free(l);
    if (l->own)
        ivlp_release(l->own, l);
    free(l->own);
}

const struct method method_ivlp = {
    .name = "ivlp",
    .pixels = true,
    .init = init,
    .classes = classes,
    .step = step,
    .logits = logits,
    .release = release,
};
