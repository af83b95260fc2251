/* Text features from templates: see classifier.h. */
#include "core/method/classifier.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/text.h"
#include "core/data/templates.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

static int add_prompts(const struct learner *l, const char *template_, char *const *names, int K,
                       struct text_prompts *out, struct err *e)
{
    const char *hole = strstr(template_, "{}");
    if (!hole)
        return err_set(e, ERR_RANGE, "template '%s' has no {} for the class name", template_);
    for (int k = 0; k < K; k++) {
        char *text = str_format("%.*s%s%s", (int)(hole - template_), template_, names[k], hole + 2);
        int *ids = NULL;
        size_t n = 0;
        int rc = bpe_tokenize(l->bpe, text, l->clip->shape.context, &ids, &n, e);
        if (rc == 0)
            text_prompts_add(out, ids, n);
        free(ids);
        free(text);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* out (K, E) = features of one template, as the text tower gives them. */
static int template_features(const struct learner *l, const char *template_, char *const *names,
                             int K, float *out, struct err *e)
{
    struct text_prompts prompts = {0};
    struct text *text = NULL;
    int rc = add_prompts(l, template_, names, K, &prompts, e);
    if (rc == 0)
        rc = text_new(&text, l->clip, &prompts, 0, TEXT_FORWARD, e);
    if (rc == 0)
        text_forward(text, NULL, out);
    if (rc == 0)
        device_half(l->device, out, (size_t)K * (size_t)l->clip->shape.embed);
    text_free(text);
    text_prompts_release(&prompts);
    return rc;
}

int classifier_features(const struct learner *l, const char *const *templates, size_t n,
                        char *const *names, int K, enum classifier_mean mean, float *out,
                        struct err *e)
{
    struct device *d = l->device;
    int E = l->clip->shape.embed, rc = 0;
    size_t ke = (size_t)K * (size_t)E;
    float *one = device_floats(d, ke), *norm = device_floats(d, (size_t)K);
    float *host = mem_alloc(ke, sizeof *host);
    double *sum = mem_zero(ke, sizeof *sum);
    for (size_t t = 0; t < n && rc == 0; t++) {
        rc = template_features(l, templates[t], names, K, one, e);
        if (rc == 0 && mean == CLASSIFIER_UNIT)
            d->ops->l2norm_fwd(d, one, norm, one, K, E);
        if (rc == 0)
            rc = device_sync(d, e);
        if (rc == 0)
            d->ops->download(d, host, one, ke * sizeof *host);
        for (size_t i = 0; i < ke && rc == 0; i++)
            sum[i] += host[i];
    }
    for (size_t i = 0; i < ke; i++)
        host[i] = (float)(sum[i] / (double)n);
    d->ops->upload(d, out, host, ke * sizeof *host);
    device_half(d, out, ke);
    if (mean == CLASSIFIER_UNIT && n > 1)
        d->ops->l2norm_fwd(d, out, norm, out, K, E);
    free(sum);
    free(host);
    device_release(d, norm);
    device_release(d, one);
    return rc;
}

int classifier_ensemble(const struct learner *l, char *const *names, int K,
                        enum classifier_mean mean, float *out, struct err *e)
{
    const char *set = spec_get_text(l->params, "ensemble");
    const char *template_ = spec_get_text(l->params, "template");
    size_t n = templates_count(set), all = n + (*template_ != 0);
    if (all == 0)
        return err_set(e, ERR_RANGE, "neither 'template' nor 'ensemble' names a prompt");
    const char **templates = mem_alloc(all, sizeof *templates);
    for (size_t i = 0; i < n; i++)
        templates[i] = templates_for(set, i);
    if (*template_)
        templates[n] = template_;
    int rc = classifier_features(l, templates, all, names, K, mean, out, e);
    free(templates);
    return rc;
}

float classifier_scale(const struct learner *l)
{
    return l->device->half ? 1 : l->clip->logit_scale;
}

void classifier_logits_of(const struct learner *l, const float *text, int K, const float *images,
                          int n, float *unit, float *norm, float *logits)
{
    struct device *d = l->device;
    int E = l->clip->shape.embed;
    size_t ne = (size_t)n * (size_t)E;
    if (d->half) {
        device_copy(d, unit, images, ne);
        d->ops->round_half(d, unit, ne);
        d->ops->l2norm_fwd(d, unit, norm, unit, n, E);
        d->ops->blend(d, unit, l->clip->logit_scale, unit, 0, ne);
        d->ops->round_half(d, unit, ne);
    } else {
        d->ops->l2norm_fwd(d, unit, norm, images, n, E);
    }
    d->ops->matmul_nt(d, logits, unit, text, n, K, E, classifier_scale(l));
    device_half(d, logits, (size_t)n * (size_t)K);
}

void classifier_logits(const struct learner *l, const float *text, int K, const float *images,
                       int n, float *logits)
{
    struct device *d = l->device;
    int E = l->clip->shape.embed;
    float *unit = device_floats(d, (size_t)n * (size_t)E), *norm = device_floats(d, (size_t)n);
    classifier_logits_of(l, text, K, images, n, unit, norm, logits);
    device_release(d, unit);
    device_release(d, norm);
}
