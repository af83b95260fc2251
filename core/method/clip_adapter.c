/*
 * CLIP-Adapter: two small layers on the image feature, blended with it (Gao et al., arXiv
 * 2110.04544; spec/training.md section 12). f' = ratio relu(W2 relu(W1 f)) + (1 - ratio) f, f not
 * of unit length; the text side is the frozen template. New classes can be served.
 *
 * Known only for 1,024-wide features, hidden width 256; other widths take a quarter (assumed).
 */
#include "core/base/mem.h"
#include "core/method/classifier.h"
#include "core/proto/spec.h"

#include <stdlib.h>

enum { REDUCTION = 4 };

struct adapter {
    int E, H;              // feature width, hidden width
    float ratio;           // share of the adapted feature
    float *W1, *W2;        // (H, E), (E, H): the learner's parameters
    float *text;           // (K, E), of unit length
    float *memory;         // behind the next ones, for batches of up to B images
    float *hidden;         // (B, H) after its ReLU
    float *adapted;        // (B, E) after its ReLU
    float *unit, *norm;    // (B, E), (B): the blend, of unit length
    float *dunit, *dblend; // (B, E)
    float *logits;         // (B, K)
    int B;
};

static int init(struct learner *l, struct rng *r, struct err *e)
{
    struct adapter *a = l->own = mem_zero(1, sizeof *a);
    size_t E = (size_t)l->clip->shape.embed, H = E / REDUCTION;
    if (H == 0)
        return err_set(e, ERR_RANGE, "features of %zu numbers are too few for clip-adapter", E);
    float *initial = mem_alloc(2 * H * E, sizeof *initial);
    learner_draw_linear(r, H, E, initial, NULL);
    learner_draw_linear(r, E, H, initial + H * E, NULL);
    learner_parameters(l, 2 * H * E, initial);
    *a = (struct adapter){.E = (int)E,
                          .H = (int)H,
                          .ratio = (float)spec_get_real(l->params, "ratio"),
                          .W1 = l->parameters,
                          .W2 = l->parameters + H * E};
    learner_keep(l, "W1", a->W1, H, E, KEEP_RESULT);
    learner_keep(l, "W2", a->W2, E, H, KEEP_RESULT);
    free(initial);
    return 0;
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct adapter *a = l->own;
    const char *template_ = spec_get_text(l->params, "template");
    (void)training;
    device_release(l->device, a->text);
    device_release(l->device, a->memory);
    a->memory = NULL;
    a->B = 0;
    a->text = device_floats(l->device, (size_t)K * (size_t)a->E);
    l->K = K;
    return classifier_features(l, &template_, 1, names, K, CLASSIFIER_UNIT, a->text, e);
}

static void reserve(struct learner *l, int n)
{
    struct adapter *a = l->own;
    size_t B = (size_t)n, E = (size_t)a->E, H = (size_t)a->H;
    if (n <= a->B)
        return;
    learner_moves(l);
    device_release(l->device, a->memory);
    a->memory = device_floats(l->device, B * (4 * E + H + (size_t)l->K + 1));
    a->hidden = a->memory;
    a->adapted = a->hidden + B * H;
    a->unit = a->adapted + B * E;
    a->dunit = a->unit + B * E;
    a->dblend = a->dunit + B * E;
    a->logits = a->dblend + B * E;
    a->norm = a->logits + B * (size_t)l->K;
    a->B = n;
}

/* logits (n, K) = of images (n, E); keeps what the backward pass needs. */
static void forward(struct learner *l, const float *images, int n, float *logits)
{
    struct adapter *a = l->own;
    struct device *d = l->device;
    const struct device_ops *o = d->ops;
    size_t hidden = (size_t)n * (size_t)a->H, features = (size_t)n * (size_t)a->E;
    o->matmul_nt(d, a->hidden, images, a->W1, n, a->H, a->E, 1);
    o->relu_fwd(d, a->hidden, a->hidden, hidden);
    o->matmul_nt(d, a->adapted, a->hidden, a->W2, n, a->E, a->H, 1);
    o->relu_fwd(d, a->adapted, a->adapted, features);
    device_copy(d, a->dblend, a->adapted, features);
    o->blend(d, a->dblend, a->ratio, images, 1 - a->ratio, features);
    o->l2norm_fwd(d, a->unit, a->norm, a->dblend, n, a->E);
    o->matmul_nt(d, logits, a->unit, a->text, n, l->K, a->E, l->clip->logit_scale);
}

static void step(struct learner *l, const struct batch *b)
{
    struct adapter *a = l->own;
    struct device *d = l->device;
    const struct device_ops *o = d->ops;
    int n = b->n;
    size_t hidden = (size_t)n * (size_t)a->H, features = (size_t)n * (size_t)a->E;
    float *dW1 = l->gradient, *dW2 = l->gradient + (a->W2 - a->W1);
    reserve(l, n);
    forward(l, b->images, n, a->logits);
    o->cross_entropy(d, b->loss, b->hit, a->logits, a->logits, b->labels, n, l->K);
    o->matmul_nn(d, a->dunit, a->logits, a->text, n, a->E, l->K, l->clip->logit_scale * a->ratio);
    o->l2norm_bwd(d, a->dblend, a->dunit, a->unit, a->norm, n, a->E);
    o->relu_bwd(d, a->dblend, a->dblend, a->adapted, features);
    o->matmul_tn(d, dW2, a->dblend, a->hidden, a->E, a->H, n, 1);
    float *dhidden = a->dunit; // (n, H) fits: H < E
    o->matmul_nn(d, dhidden, a->dblend, a->W2, n, a->H, a->E, 1);
    o->relu_bwd(d, dhidden, dhidden, a->hidden, hidden);
    o->matmul_tn(d, dW1, dhidden, b->images, a->H, a->E, n, 1);
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    reserve(l, n);
    forward(l, images, n, out);
}

static void release(struct learner *l)
{
    struct adapter *a = l->own;
    if (!a)
        return;
    device_release(l->device, a->text);
    device_release(l->device, a->memory);
    free(a);
}

const struct method method_clip_adapter = {
    .name = "clip-adapter",
    .init = init,
    .classes = classes,
    .step = step,
    .logits = logits,
    .release = release,
};
