/*
 * VPT: prompts inside the image tower alone, the text frozen at a template (Jia et al., "Visual
 * Prompt Tuning", ECCV 2022; spec/training.md section 10 for its use as MaPLe's baseline).
 *
 * With a rank every level's rows are start + dropout(A B), start frozen at the random rows that
 * VPT begins with: RLP's ablation on the image side, whose details are not known and assumed here.
 */
#include "core/method/vpt.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/classifier.h"
#include "core/method/ivlp.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

/* ---- start ---- */

static void open_parameters(struct learner *l, float *start)
{
    struct vpt *s = l->own;
    const struct image_prompt *p = &s->image;
    size_t D = (size_t)p->depth, M = (size_t)p->M, V = (size_t)p->V, R = (size_t)s->R;
    if (!R) {
        learner_parameters(l, D * M * V, start);
        learner_keep(l, "visual", l->parameters, D * M, V, KEEP_RESULT);
        return;
    }
    lowrank_open(&s->factors, l, start, p->depth, p->M, s->R, p->V, LOWRANK_IMAGE);
    float *initial = lowrank_initial(&s->factors, l);
    learner_parameters(l, lowrank_size(&s->factors), initial);
    learner_keep(l, "A", l->parameters, D * M, R, KEEP_RESULT);
    learner_keep(l, "B", l->parameters + D * M * R, D * R, V, KEEP_RESULT);
    learner_keep(l, "visual", p->vectors, D * M, V, KEEP_RESULT); // as it is deployed
    free(initial);
}

static int init(struct learner *l, struct rng *r, struct err *e)
{
    int M = (int)spec_get_int(l->params, "length"), D = (int)spec_get_int(l->params, "depth");
    int rc = image_prompt_check(l, D, false, e);
    if (rc < 0)
        return rc;
    struct vpt *s = l->own = mem_zero(1, sizeof *s);
    s->R = (int)spec_get_int(l->params, "rank");
    image_prompt_open(&s->image, l, M, D);
    float *start = mem_alloc((size_t)D * (size_t)(M * s->image.V), sizeof *start);
    ivlp_draw(l, &s->image, 1, 0, r, start, NULL);
    open_parameters(l, start);
    free(start);
    return 0;
}

/* ---- classes ---- */

/* The rows as they are deployed, or as dropout leaves them for a step. */
static void compose(struct learner *l, bool training)
{
    struct vpt *s = l->own;
    if (s->R)
        lowrank_compose(&s->factors, l, l->parameters, s->image.vectors, training);
    else
        device_copy(l->device, s->image.vectors, l->parameters, l->n);
}

static void release_classes(struct learner *l)
{
    struct vpt *s = l->own;
    device_release(l->device, s->text);
    device_release(l->device, s->unit);
    s->text = s->unit = NULL;
    s->B = 0;
}

int vpt_plan(struct learner *l, const float *features, int K, bool training, struct err *e)
{
    struct vpt *s = l->own;
    size_t E = (size_t)l->clip->shape.embed, k = (size_t)K;
    release_classes(l);
    l->K = K;
    s->text = device_floats(l->device, k * E + k);
    s->text_norm = s->text + k * E;
    int rc = image_prompt_plan(&s->image, l, training, e); // says so when memory is short
    if (rc < 0)
        return rc;
    l->device->ops->l2norm_fwd(l->device, s->text, s->text_norm, features, K, (int)E);
    if (!training)
        compose(l, false);
    return 0;
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    char *template_ = str_format("%s {}.", spec_get_text(l->params, "context"));
    const char *const templates[] = {template_};
    float *features = device_floats(l->device, (size_t)K * (size_t)l->clip->shape.embed);
    int rc = classifier_features(l, templates, 1, names, K, CLASSIFIER_RAW, features, e);
    if (rc == 0)
        rc = vpt_plan(l, features, K, training, e);
    device_release(l->device, features);
    free(template_);
    return rc;
}

/* ---- steps ---- */

static void reserve(struct learner *l, int n)
{
    struct vpt *s = l->own;
    size_t E = (size_t)l->clip->shape.embed, K = (size_t)l->K, B = (size_t)n;
    if (n <= s->B)
        return;
    learner_moves(l);
    device_release(l->device, s->unit);
    s->unit = device_floats(l->device, B * (E + K + 1));
    s->logits = s->unit + B * E;
    s->norm = s->logits + B * K;
    s->B = n;
}

/* unit (n, E) and out (n, K) = of pixels (n, 3, S, S) */
static void classify(struct learner *l, const float *pixels, int n, float *out)
{
    struct vpt *s = l->own;
    int E = l->clip->shape.embed;
    image_prompt_forward(&s->image, l, pixels, n);
    l->device->ops->l2norm_fwd(l->device, s->unit, s->norm, s->image.features, n, E);
    l->device->ops->matmul_nt(l->device, out, s->unit, s->text, n, l->K, E, l->clip->logit_scale);
}

static void step(struct learner *l, const struct batch *b)
{
    struct vpt *s = l->own;
    const struct device_ops *ops = l->device->ops;
    reserve(l, b->n);
    compose(l, true);
    classify(l, b->images, b->n, s->logits);
    ops->cross_entropy(l->device, b->loss, b->hit, s->logits, s->logits, b->labels, b->n, l->K);
    image_prompt_dunit(&s->image, l, s->logits, s->text, b->n);
    image_prompt_backward(&s->image, l, s->unit, s->norm, b->n);
    if (s->R)
        lowrank_gradient(&s->factors, l, l->parameters, s->image.dvectors, l->gradient);
    else
        device_copy(l->device, l->gradient, s->image.dvectors, l->n);
}

/* What is saved is what is deployed. */
static void after_epoch(struct learner *l, int epoch)
{
    (void)epoch;
    compose(l, false);
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    reserve(l, n);
    classify(l, images, n, out);
}

static void release(struct learner *l)
{
    struct vpt *s = l->own;
    if (!s)
        return;
    release_classes(l);
    lowrank_release(&s->factors, l);
    image_prompt_release(&s->image, l);
    free(s);
}

const struct method method_vpt = {
    .name = "vpt",
    .pixels = true,
    .init = init,
    .classes = classes,
    .step = step,
    .epoch = after_epoch,
    .logits = logits,
    .release = release,
};
