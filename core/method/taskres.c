/*
 * TaskRes: a residual on the frozen text features (Yu et al., CVPR 2023; spec/training.md section
 * 12). t = base + alpha x, x zero at start; base: features of the dataset's template (ImageNet: the
 * seven and its own), averaged as they are. Class names keep their underscores, as in the
 * reference. The residual belongs to the trained classes, so no others can be served.
 *
 * The reference rounds weights and base features to fp16 before training in fp32; here nothing is
 * rounded.
 */
#include "core/base/mem.h"
#include "core/method/classifier.h"
#include "core/proto/spec.h"

#include <stdlib.h>

struct taskres {
    int E;
    float alpha;
    float *memory;             // behind the next ones; K training classes
    float *base;               // (K, E) not of unit length
    float *sum, *unit, *norm;  // (K, E), (K, E), (K): base + alpha x
    float *dunit;              // (K, E)
    float *batch, *batch_norm; // (B, E), (B): images of unit length; memory of their own
    float *logits;             // (B, K)
    int B;
    bool composed; // `unit` is of the parameters as they stand
};

static int init(struct learner *l, struct rng *r, struct err *e)
{
    struct taskres *t = l->own = mem_zero(1, sizeof *t);
    size_t K = (size_t)l->train_K, E = (size_t)l->clip->shape.embed;
    float *zero = mem_zero(K * E, sizeof *zero);
    (void)r;
    (void)e;
    l->optimizer = OPTIMIZER_ADAM;
    learner_parameters(l, K * E, zero);
    learner_keep(l, "residual", l->parameters, K, E, KEEP_RESULT);
    *t = (struct taskres){.E = (int)E, .alpha = (float)spec_get_real(l->params, "alpha")};
    t->memory = device_floats(l->device, K * (4 * E + 1));
    t->base = t->memory;
    t->sum = t->base + K * E;
    t->unit = t->sum + K * E;
    t->dunit = t->unit + K * E;
    t->norm = t->dunit + K * E;
    free(zero);
    return 0;
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct taskres *t = l->own;
    (void)training;
    if (K != l->train_K)
        return err_set(e, ERR_RANGE, "taskres was trained on %d classes, not on these %d",
                       l->train_K, K);
    l->K = K;
    t->composed = false;
    return classifier_ensemble(l, names, K, CLASSIFIER_RAW, t->base, e);
}

/* -> unit (K, E) of base + alpha x */
static void compose(struct learner *l)
{
    struct taskres *t = l->own;
    struct device *d = l->device;
    size_t n = (size_t)l->K * (size_t)t->E;
    device_copy(d, t->sum, t->base, n);
    d->ops->blend(d, t->sum, 1, l->parameters, t->alpha, n);
    d->ops->l2norm_fwd(d, t->unit, t->norm, t->sum, l->K, t->E);
    t->composed = true;
}

static void reserve(struct learner *l, int n)
{
    struct taskres *t = l->own;
    size_t B = (size_t)n, E = (size_t)t->E;
    if (n <= t->B)
        return;
    learner_moves(l);
    device_release(l->device, t->batch);
    t->batch = device_floats(l->device, B * (E + (size_t)l->K + 1));
    t->logits = t->batch + B * E;
    t->batch_norm = t->logits + B * (size_t)l->K;
    t->B = n;
}

/* batch (n, E) = unit images; logits (n, K) */
static void forward(struct learner *l, const float *images, int n, float *logits)
{
    struct taskres *t = l->own;
    struct device *d = l->device;
    reserve(l, n);
    d->ops->l2norm_fwd(d, t->batch, t->batch_norm, images, n, t->E);
    d->ops->matmul_nt(d, logits, t->batch, t->unit, n, l->K, t->E, l->clip->logit_scale);
}

static void step(struct learner *l, const struct batch *b)
{
    struct taskres *t = l->own;
    struct device *d = l->device;
    compose(l);
    reserve(l, b->n);
    forward(l, b->images, b->n, t->logits);
    d->ops->cross_entropy(d, b->loss, b->hit, t->logits, t->logits, b->labels, b->n, l->K);
    d->ops->matmul_tn(d, t->dunit, t->logits, t->batch, l->K, t->E, b->n,
                      l->clip->logit_scale * t->alpha);
    d->ops->l2norm_bwd(d, l->gradient, t->dunit, t->unit, t->norm, l->K, t->E);
    t->composed = false; // the optimizer moves the residual now
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    struct taskres *t = l->own;
    if (!t->composed)
        compose(l);
    forward(l, images, n, out);
}

static void release(struct learner *l)
{
    struct taskres *t = l->own;
    if (!t)
        return;
    device_release(l->device, t->memory);
    device_release(l->device, t->batch);
    free(t);
}

const struct method method_taskres = {
    .name = "taskres",
    .raw_names = true,
    .init = init,
    .classes = classes,
    .step = step,
    .logits = logits,
    .release = release,
};
