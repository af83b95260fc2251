/*
 * PromptSRC: IVLP's prompts, held near frozen CLIP, and averaged over the epochs (spec/training.md
 * section 11; Khattak et al., "Self-regulating Prompts: Foundational Model Adaptation without
 * Forgetting", ICCV 2023).
 *
 * Loss = cross entropy + w_t mean |t - t*| + w_v mean |v - v*| + KL(teacher || student) / (B K),
 * t and v the unit features, * those of frozen CLIP: text of 60 templates, the same augmented
 * images. The result is the mean of the parameters after each epoch under a Gaussian over epochs.
 * The reference averages its frozen fp16 weights along, and so rounds them; here they stay exact.
 */
#include "core/method/promptsrc.h"

#include "core/base/mem.h"
#include "core/data/templates.h"
#include "core/method/classifier.h"
#include "core/method/context.h"
#include "core/method/ivlp.h"
#include "core/proto/spec.h"

#include <math.h>
#include <stdlib.h>

#define TEMPLATES "promptsrc60"

struct promptsrc {
    struct ivlp ivlp;
    struct vision_prompt *frozen;  // the image tower without prompts
    float *teacher, *teacher_norm; // (K, E) of unit length, (K)
    float *mean;                   // (n): the parameters' mean so far

    int B;                           // images that the following hold
    float *images, *norm;            // (B, E) frozen features of unit length, (B)
    float *target, *slope, *scratch; // (B, K): teacher's logits; gradients
    float *term, *entropy;           // (B): parts of the loss
    float *total;                    // (1)
    float *memory;                   // behind images .. total
    int *zeros;                      // device, (B)
};

/* ---- start ---- */

static int init(struct learner *l, struct rng *r, struct err *e)
{
    struct promptsrc *s = l->own = mem_zero(1, sizeof *s);
    int rc = ivlp_open(&s->ivlp, l, r, e);
    if (rc < 0)
        return rc;
    rng_skip(r, 2 * clip_init_draws(&l->clip->shape)); // the teachers' CLIPs
    s->mean = device_floats(l->device, l->n);
    l->device->ops->zero(l->device, s->mean, l->n * sizeof *s->mean);
    learner_keep(l, "mean", s->mean, l->n, 0, KEEP_CHECKPOINT);
    return 0;
}

static void release_teacher(struct learner *l)
{
    struct promptsrc *s = l->own;
    vision_prompt_free(s->frozen);
    device_release(l->device, s->teacher);
    device_release(l->device, s->memory);
    device_release(l->device, s->zeros);
    s->frozen = NULL;
    s->teacher = s->memory = NULL;
    s->zeros = NULL;
    s->B = 0;
}

int promptsrc_teach(struct learner *l, const float *features, struct err *e)
{
    struct promptsrc *s = l->own;
    size_t K = (size_t)l->K, E = (size_t)l->clip->shape.embed;
    int rc = ivlp_plan(&s->ivlp, l, true, e), batch = (int)spec_get_int(l->params, "batch");
    release_teacher(l);
    if (rc < 0)
        return rc;
    s->teacher = device_floats(l->device, K * E + K);
    s->teacher_norm = s->teacher + K * E;
    l->device->ops->l2norm_fwd(l->device, s->teacher, s->teacher_norm, features, (int)K, (int)E);
    return vision_prompt_new(&s->frozen, l->clip, 0, 0, batch, VISION_FORWARD, e);
}

static int teach(struct learner *l, char *const *names, int K, struct err *e)
{
    size_t n = templates_count(TEMPLATES);
    const char **templates = mem_alloc(n, sizeof *templates);
    float *features = device_floats(l->device, (size_t)K * (size_t)l->clip->shape.embed);
    for (size_t i = 0; i < n; i++)
        templates[i] = templates_for(TEMPLATES, i);
    int rc = classifier_features(l, templates, n, names, K, CLASSIFIER_RAW, features, e);
    if (rc == 0)
        rc = promptsrc_teach(l, features, e);
    device_release(l->device, features);
    free(templates);
    return rc;
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct promptsrc *s = l->own;
    if (!training)
        return ivlp_classes(&s->ivlp, l, names, K, false, e);
    int rc = context_classes(l, names, K, true, e);
    return rc < 0 ? rc : teach(l, names, K, e);
}

/* ---- steps ---- */

static void reserve(struct learner *l, int n)
{
    struct promptsrc *s = l->own;
    size_t B = (size_t)n, E = (size_t)l->clip->shape.embed, K = (size_t)l->K;
    if (n <= s->B)
        return;
    learner_moves(l);
    device_release(l->device, s->memory);
    device_release(l->device, s->zeros);
    s->memory = device_floats(l->device, B * (E + 3 * K + 3) + 1);
    s->images = s->memory;
    s->target = s->images + B * E;
    s->slope = s->target + B * K;
    s->scratch = s->slope + B * K;
    s->norm = s->scratch + B * K;
    s->term = s->norm + B;
    s->entropy = s->term + B;
    s->total = s->entropy + B;
    s->zeros = learner_zeros(l, B);
    s->B = n;
}

/* What frozen CLIP makes of the batch: images (n, E) of unit length, target (n, K). */
static void ask_teacher(struct learner *l, const struct batch *b)
{
    struct promptsrc *s = l->own;
    const struct device_ops *ops = l->device->ops;
    int E = l->clip->shape.embed;
    reserve(l, b->n);
    vision_prompt_forward(s->frozen, b->images, b->n, NULL, s->images);
    ops->l2norm_fwd(l->device, s->images, s->norm, s->images, b->n, E);
    ops->matmul_nt(l->device, s->target, s->images, s->teacher, b->n, l->K, E,
                   l->clip->logit_scale);
}

/* Cross entropy and divergence: loss =, and the logits become their gradient. The divergence is the
 * teacher's cross entropy with the student less that with itself, over the classes. */
static void logits_loss(struct learner *l, const struct batch *b)
{
    struct promptsrc *s = l->own;
    const struct device_ops *ops = l->device->ops;
    float *logits = l->context->logits, share = 1 / (float)l->K;
    size_t n = (size_t)b->n, K = (size_t)l->K;
    ops->distill(l->device, s->term, s->slope, logits, s->target, b->n, l->K, 1);
    ops->distill(l->device, s->entropy, s->scratch, s->target, s->target, b->n, l->K, 1);
    ops->cross_entropy(l->device, b->loss, b->hit, logits, logits, b->labels, b->n, l->K);
    ops->blend(l->device, b->loss, 1, s->term, share, n);
    ops->blend(l->device, b->loss, 1, s->entropy, -share, n);
    ops->blend(l->device, logits, 1, s->slope, share, n * K);
}

/* The features' distances to the teacher's: loss +=, both dunit +=. */
static void features_loss(struct learner *l, const struct batch *b)
{
    struct promptsrc *s = l->own;
    const struct context *c = l->context;
    const struct device_ops *ops = l->device->ops;
    int E = l->clip->shape.embed, ke = l->K * E;
    float image = (float)spec_get_real(l->params, "image-weight") / (float)E;
    float text = (float)spec_get_real(l->params, "text-weight") / (float)ke;
    ops->l1(l->device, s->term, s->ivlp.image.dunit, c->batch, s->images, b->n, E, image,
            image / (float)b->n);
    ops->add(l->device, b->loss, s->term, (size_t)b->n);
    ops->l1(l->device, s->total, c->dunit, c->unit, s->teacher, 1, ke, text, text);
    ops->gather(l->device, s->term, s->total, s->zeros, b->n, 1); // once for every image
    ops->add(l->device, b->loss, s->term, (size_t)b->n);
}

static void step(struct learner *l, const struct batch *b)
{
    struct promptsrc *s = l->own;
    struct context *c = l->context;
    ivlp_forward(&s->ivlp, l, b);
    ask_teacher(l, b);
    logits_loss(l, b);
    context_dunit(l, c->logits, b->n);
    image_prompt_dunit(&s->ivlp.image, l, c->logits, c->unit, b->n);
    features_loss(l, b);
    ivlp_backward(&s->ivlp, l, b->n);
}

/* ---- the mean over the epochs ---- */

/* Share of 1-based epoch `e` of E. Exponents are taken against the largest, so that some share is
 * left however far the epochs lie from the mean. */
static double share_of(int e, int E, double mean, double std)
{
    double least = INFINITY, sum = 0;
    for (int i = 1; i <= E; i++)
        least = fmin(least, (i - mean) * (i - mean));
    for (int i = 1; i <= E; i++)
        sum += exp((least - (i - mean) * (i - mean)) / (2 * std * std));
    return exp((least - (e - mean) * (e - mean)) / (2 * std * std)) / sum;
}

static void after_epoch(struct learner *l, int epoch)
{
    struct promptsrc *s = l->own;
    int E = (int)spec_get_int(l->params, "epochs");
    double share = share_of(epoch + 1, E, spec_get_real(l->params, "mean"),
                            spec_get_real(l->params, "mean-std"));
    l->device->ops->blend(l->device, s->mean, 1, l->parameters, (float)share, l->n);
    if (epoch + 1 == E)
        device_copy(l->device, l->parameters, s->mean, l->n);
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    struct promptsrc *s = l->own;
    ivlp_logits(&s->ivlp, l, images, n, out);
}

static void release(struct learner *l)
{
    struct promptsrc *s = l->own;
    context_free(l);
    if (!s)
        return;
    release_teacher(l);
    device_release(l->device, s->mean);
    ivlp_release(&s->ivlp, l);
    free(s);
}

const struct method method_promptsrc = {
    .name = "promptsrc",
    .pixels = true,
    .init = init,
    .classes = classes,
    .step = step,
    .epoch = after_epoch,
    .logits = logits,
    .release = release,
};
