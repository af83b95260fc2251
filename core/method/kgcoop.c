/*
 * KgCoOp: CoOp whose text features are held near those of a hand-written template
 * (spec/training.md section 8; Yao et al., "Visual-Language Prompt Tuning with Knowledge-guided
 * Context Optimization", CVPR 2023). Loss: cross entropy + W (1 - mean over classes of the cosine
 * to the teacher's features).
 */
#include "core/base/mem.h"
#include "core/method/classifier.h"
#include "core/method/context.h"
#include "core/proto/spec.h"

#include <stdlib.h>

struct kgcoop {
    float *teacher; // device, (K, E): unit features
    float *weight;  // device, (1): W
    float *penalty; // device, (1 + B): W (1 - mean cosine), and once for every image of a batch
    int *zeros;     // device, (B)
    int B;
};

/* The reference builds parts that it never trains; the data order follows their draws. */
static void skip_unused(const struct learner *l, struct rng *r)
{
    uint64_t C = (uint64_t)l->clip->shape.text_width, E = (uint64_t)l->clip->shape.embed;
    rng_skip(r, C + (C % 16 ? 16 : 0));            // bias vectors, normal
    rng_skip(r, clip_init_draws(&l->clip->shape)); // the teacher's CLIP
    rng_skip(r, E * C + C);                        // meta net
    rng_skip(r, 2 * (E * (E / 4)));                // adapter
}

static int init(struct learner *l, struct rng *r, struct err *e)
{
    const char *words = spec_get_text(l->params, "context");
    float *start = NULL, *initial = NULL;
    int M, rc = context_start_words(l, words, &start, &M, e);
    if (rc < 0)
        return rc;
    skip_unused(l, r);
    context_open(l, start, 1, M, &initial);
    learner_parameters(l, l->context->n, initial);
    context_keep(l);
    free(initial);
    float weight = (float)spec_get_real(l->params, "weight");
    struct kgcoop *s = l->own = mem_zero(1, sizeof *s);
    s->weight = device_put(l->device, &weight, 1);
    return context_rest(l, words, M, e);
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct kgcoop *s = l->own;
    const char *template_ = spec_get_text(l->params, "teacher-template");
    int rc = context_classes(l, names, K, training, e);
    if (rc < 0 || !training)
        return rc;
    device_release(l->device, s->teacher);
    s->teacher = device_floats(l->device, (size_t)K * (size_t)l->clip->shape.embed);
    return classifier_features(l, &template_, 1, names, K, CLASSIFIER_UNIT, s->teacher, e);
}

static void reserve(struct learner *l, int n)
{
    struct kgcoop *s = l->own;
    if (n <= s->B)
        return;
    learner_moves(l);
    device_release(l->device, s->penalty);
    device_release(l->device, s->zeros);
    s->penalty = device_floats(l->device, 1 + (size_t)n);
    s->zeros = learner_zeros(l, (size_t)n);
    s->B = n;
}

/* loss (n) += W (1 - mean cosine); its part of dunit (K, E) +=. The cosine's own normalisation is
 * that of `unit`: its backward pass keeps what is across the features. */
static void add_penalty(struct learner *l, float *loss, int n)
{
    struct kgcoop *s = l->own;
    const struct context *c = l->context;
    const struct device_ops *ops = l->device->ops;
    int ke = l->K * l->clip->shape.embed;
    float share = (float)spec_get_real(l->params, "weight") / (float)l->K;
    reserve(l, n);
    ops->matmul_nt(l->device, s->penalty, c->unit, s->teacher, 1, 1, ke, -share);
    ops->add(l->device, s->penalty, s->weight, 1);
    ops->gather(l->device, s->penalty + 1, s->penalty, s->zeros, n, 1);
    ops->add(l->device, loss, s->penalty + 1, (size_t)n);
    ops->blend(l->device, c->dunit, 1, s->teacher, -share, (size_t)ke);
}

static void step(struct learner *l, const struct batch *b)
{
    struct context *c = l->context;
    context_forward(l, true);
    context_batch(l, b);
    l->device->ops->cross_entropy(l->device, b->loss, b->hit, c->logits, c->logits, b->labels, b->n,
                                  l->K);
    context_dunit(l, c->logits, b->n);
    add_penalty(l, b->loss, b->n);
    context_backward(l, l->gradient);
}

static void release(struct learner *l)
{
    struct kgcoop *s = l->own;
    context_free(l);
    if (!s)
        return;
    device_release(l->device, s->teacher);
    device_release(l->device, s->weight);
    device_release(l->device, s->penalty);
    device_release(l->device, s->zeros);
    free(s);
}

const struct method method_kgcoop = {
    .name = "kgcoop",
    .init = init,
    .classes = classes,
    .step = step,
    .logits = context_logits,
    .release = release,
};
