/*
 * ProGrad: CoOp whose steps never work against a zero-shot teacher (spec/training.md section 9; Zhu
 * et al., "Prompt-aligned Gradient for Prompt Tuning", ICCV 2023). For every trained tensor: where
 * the gradient of the cross entropy opposes that of the teacher's loss, lambda times the opposing
 * part is taken out.
 *
 * The context starts from the words of the teacher's template: they fill the last rows and the rows
 * before them are zero. A word of several tokens leaves its last tokens in the frozen prompt.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/classifier.h"
#include "core/method/context.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

struct prograd {
    float *teacher; // device, (K, E): unit features
    float *against; // device, (n): gradient of the teacher's loss
    float *logits;  // device, (B, K): the teacher's; behind it dlogits (B, K) and distilled (B)
    float *dlogits, *distilled;
    int B;
};

/* What stands before the class name, without the space; yours to free(). */
static char *template_words(const char *template_)
{
    const char *hole = strstr(template_, "{}");
    size_t n = hole ? (size_t)(hole - template_) : strlen(template_);
    while (n > 0 && template_[n - 1] == ' ')
        n--;
    return mem_strndup(template_, n);
}

/* start (M, C): zeros, then the words; *used of them. */
static int start_from(const struct learner *l, const char *words, int M, float **start, int *used,
                      struct err *e)
{
    size_t C = (size_t)l->clip->shape.text_width;
    float *own = NULL;
    int rc = context_start_words(l, words, &own, used, e);
    if (rc == 0 && *used > M)
        rc = err_set(e, ERR_RANGE, "context '%s' has %d words, more than the 'length' of %d", words,
                     *used, M);
    if (rc == 0) {
        *start = mem_zero((size_t)M * C, sizeof **start);
        memcpy(*start + (size_t)(M - *used) * C, own, (size_t)*used * C * sizeof *own);
    }
    free(own);
    return rc;
}

static int init(struct learner *l, struct rng *r, struct err *e)
{
    bool random = str_eq(spec_get_text(l->params, "start"), "random");
    int M = (int)spec_get_int(l->params, "length"), used = 0, rc = 0;
    char *words = template_words(spec_get_text(l->params, "teacher-template"));
    float *start = NULL, *initial = NULL;
    rng_skip(r, clip_init_draws(&l->clip->shape)); // the teacher's CLIP is built first
    if (random)
        context_start_random(l, r, 1, M, &start);
    else
        rc = start_from(l, words, M, &start, &used, e);
    if (rc == 0) {
        context_open(l, start, 1, M, &initial);
        learner_parameters(l, l->context->n, initial);
        context_keep(l);
        struct prograd *s = l->own = mem_zero(1, sizeof *s);
        s->against = device_floats(l->device, l->n);
    }
    if (rc == 0 && !random)
        rc = context_rest(l, words, used, e);
    free(initial);
    free(words);
    return rc;
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct prograd *s = l->own;
    const char *template_ = spec_get_text(l->params, "teacher-template");
    int rc = context_classes(l, names, K, training, e);
    if (rc < 0 || !training)
        return rc;
    device_release(l->device, s->teacher);
    device_release(l->device, s->logits);
    s->logits = NULL;
    s->B = 0;
    s->teacher = device_floats(l->device, (size_t)K * (size_t)l->clip->shape.embed);
    return classifier_features(l, &template_, 1, names, K, CLASSIFIER_UNIT, s->teacher, e);
}

static void reserve(struct learner *l, int n)
{
    struct prograd *s = l->own;
    size_t nk = (size_t)n * (size_t)l->K;
    if (n <= s->B)
        return;
    learner_moves(l);
    device_release(l->device, s->logits);
    s->logits = device_floats(l->device, 2 * nk + (size_t)n);
    s->dlogits = s->logits + nk;
    s->distilled = s->dlogits + nk;
    s->B = n;
}

/* The rule, tensor by tensor. */
static void deflect(struct learner *l)
{
    const struct context *c = l->context;
    const struct prograd *s = l->own;
    float strength = (float)spec_get_real(l->params, "lambda");
    size_t first = (size_t)c->M * (size_t)c->R; // A; 0 when there is one tensor
    if (first)
        l->device->ops->deflect(l->device, l->gradient, s->against, first, strength);
    l->device->ops->deflect(l->device, l->gradient + first, s->against + first, l->n - first,
                            strength);
}

static void step(struct learner *l, const struct batch *b)
{
    struct context *c = l->context;
    struct prograd *s = l->own;
    struct device *d = l->device;
    reserve(l, b->n);
    context_forward(l, true);
    context_batch(l, b);
    d->ops->matmul_nt(d, s->logits, c->batch, s->teacher, b->n, l->K, l->clip->shape.embed,
                      l->clip->logit_scale);
    d->ops->cross_entropy(d, b->loss, b->hit, s->dlogits, c->logits, b->labels, b->n, l->K);
    d->ops->distill(d, s->distilled, c->logits, c->logits, s->logits, b->n, l->K,
                    (float)spec_get_real(l->params, "temperature"));
    context_dunit(l, c->logits, b->n);
    context_backward(l, s->against);
    context_dunit(l, s->dlogits, b->n);
    context_backward(l, l->gradient);
    deflect(l);
}

static void release(struct learner *l)
{
    struct prograd *s = l->own;
    context_free(l);
    if (!s)
        return;
    device_release(l->device, s->teacher);
    device_release(l->device, s->against);
    device_release(l->device, s->logits);
    free(s);
}

const struct method method_prograd = {
    .name = "prograd",
    .init = init,
    .classes = classes,
    .step = step,
    .logits = context_logits,
    .release = release,
};
