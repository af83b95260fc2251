/* Evaluation: see eval.h; metrics as spec/training.md section 13. */
#include "core/train/eval.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { IMAGES = 256 }; // images whose logits are in memory at once

void eval_metrics(struct eval_result *r, const int *labels, size_t N, size_t K)
{
    size_t *hits = mem_zero(K, sizeof *hits), *of_label = mem_zero(K, sizeof *of_label);
    size_t *as_label = mem_zero(K, sizeof *as_label), correct = 0, present = 0;
    double f1 = 0;
    for (size_t i = 0; i < N; i++) {
        of_label[labels[i]]++;
        as_label[r->predicted[i]]++;
        hits[labels[i]] += r->predicted[i] == labels[i];
        correct += r->predicted[i] == labels[i];
    }
    for (size_t k = 0; k < K; k++) {
        present += of_label[k] > 0;
        if (of_label[k])
            f1 += 2.0 * (double)hits[k] / (double)(of_label[k] + as_label[k]);
    }
    r->accuracy = 100.0 * (double)correct / (double)N;
    r->macro_f1 = present ? 100.0 * f1 / (double)present : 0;
    free(hits);
    free(of_label);
    free(as_label);
}

/* predicted (N); an image without a finite largest logit is an error. */
static int predict(struct learner *l, const float *unit_text, size_t K, const float *images,
                   size_t N, int *predicted, struct err *e)
{
    struct device *d = l->device;
    size_t E = (size_t)l->clip->shape.embed;
    float *x = device_floats(d, IMAGES * E), *norm = device_floats(d, IMAGES);
    float *logits = device_floats(d, IMAGES * K), *host = mem_alloc(IMAGES * K, sizeof *host);
    int rc = device_sync(d, e);
    for (size_t at = 0; rc == 0 && at < N; at += IMAGES) {
        size_t n = N - at < IMAGES ? N - at : IMAGES;
        d->ops->upload(d, x, images + at * E, n * E * sizeof *x);
        d->ops->l2norm_fwd(d, x, norm, x, (int)n, (int)E);
        d->ops->matmul_nt(d, logits, x, unit_text, (int)n, (int)K, (int)E, l->clip->logit_scale);
        d->ops->download(d, host, logits, n * K * sizeof *host);
        rc = device_sync(d, e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            const float *row = host + i * K;
            int top = 0;
            for (size_t k = 1; k < K; k++)
                if (row[k] > row[top])
                    top = (int)k;
            if (!isfinite(row[top]))
                rc = err_set(e, ERR_NUMERIC, "logit of test image %zu is %f", at + i,
                             (double)row[top]);
            predicted[at + i] = top;
        }
    }
    device_release(d, x);
    device_release(d, norm);
    device_release(d, logits);
    free(host);
    return rc;
}

int eval_run(struct learner *l, const struct text_prompts *prompts, const float *images,
             const int *labels, size_t N, struct eval_result *out, struct err *e)
{
    struct device *d = l->device;
    size_t K = prompts->K, E = (size_t)l->clip->shape.embed;
    struct text *text = NULL;
    *out = (struct eval_result){0};
    if (N == 0)
        return err_set(e, ERR_RANGE, "no test images");
    int rc = text_new(&text, l->clip, prompts, l->M, TEXT_FORWARD, e);
    if (rc < 0)
        return rc;
    float *features = device_floats(d, K * E), *norm = device_floats(d, K);
    out->predicted = mem_alloc(N, sizeof *out->predicted);
    if ((rc = device_sync(d, e)) < 0)
        goto out;
    if (l->method->compose)
        l->method->compose(l, false, 0);
    text_forward(text, l->context, features);
    d->ops->l2norm_fwd(d, features, norm, features, (int)K, (int)E);
    rc = predict(l, features, K, images, N, out->predicted, e);
    if (rc == 0)
        eval_metrics(out, labels, N, K);
out:
    device_release(d, features);
    device_release(d, norm);
    text_free(text);
    if (rc < 0) {
        free(out->predicted);
        out->predicted = NULL;
    }
    return rc;
}
