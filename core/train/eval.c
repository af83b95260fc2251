/* Evaluation: see eval.h; metrics as spec/training.md section 13. */
#include "core/train/eval.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { FEATURE_IMAGES = 256, PIXEL_IMAGES = 32 }; // images in work at once

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

/* The first largest of a row of logits; -1 when one is not finite. */
static int top_of(const float *row, int K)
{
    int top = 0;
    for (int k = 0; k < K; k++) {
        if (!isfinite(row[k]))
            return -1;
        if (row[k] > row[top])
            top = k;
    }
    return top;
}

int eval_run(struct learner *l, const struct eval_images *images, struct eval_result *out,
             struct err *e)
{
    struct device *d = l->device;
    size_t K = (size_t)l->K, S = (size_t)l->clip->shape.image_size, N = images->N;
    size_t width = l->method->pixels ? 3 * S * S : (size_t)l->clip->shape.embed;
    size_t most = l->method->pixels ? PIXEL_IMAGES : FEATURE_IMAGES;
    *out = (struct eval_result){0};
    if (N == 0)
        return err_set(e, ERR_RANGE, "no test images");
    float *host = mem_alloc(most * K, sizeof *host);
    float *x = device_floats(d, most * width), *logits = device_floats(d, most * K);
    out->predicted = mem_alloc(N, sizeof *out->predicted);
    int rc = device_sync(d, e);
    for (size_t at = 0; rc == 0 && at < N; at += most) {
        size_t n = N - at < most ? N - at : most;
        if ((rc = images->fetch(images->arg, at, n, x, e)) < 0)
            break;
        l->method->logits(l, x, (int)n, logits);
        d->ops->download(d, host, logits, n * K * sizeof *host);
        rc = device_sync(d, e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            out->predicted[at + i] = top_of(host + i * K, l->K);
            if (out->predicted[at + i] < 0)
                rc = err_set(e, ERR_NUMERIC, "the logits of test image %zu are not finite", at + i);
        }
    }
    if (rc == 0)
        eval_metrics(out, images->labels, N, K);
    else
        free(out->predicted);
    device_release(d, x);
    device_release(d, logits);
    free(host);
    if (rc < 0)
        out->predicted = NULL;
    return rc;
}
