/* Cases of test_ops.c: the ends of a training step, which are losses, optimizers and low rank. */
#ifndef PROMPTGRID_TESTS_DEVICE_OPS_TRAIN_H
#define PROMPTGRID_TESTS_DEVICE_OPS_TRAIN_H

#include "device/ops.h"

/* dlogits, then losses, then hits */
static inline struct result cross_entropy(struct device *d, int size)
{
    int B = (int[]){1, 2, 32, 7}[size], K = (int[]){1, 3, 10, 1000}[size];
    float *logits = random_floats((size_t)(B * K));
    int *labels = mem_alloc((size_t)B, sizeof *labels);
    struct result r = result_new((size_t)(B * K + 2 * B));
    double *loss = r.want + B * K, *hit = loss + B;
    for (int b = 0; b < B; b++) {
        double sum = 0;
        int top = 0;
        labels[b] = b * 7 % K;
        for (int k = 0; k < K; k++) {
            logits[b * K + k] *= 30;
            sum += exp(logits[b * K + k]);
            top = logits[b * K + k] > logits[b * K + top] ? k : top;
        }
        for (int k = 0; k < K; k++)
            r.want[b * K + k] = (exp(logits[b * K + k]) / sum - (k == labels[b])) / B;
        loss[b] = log(sum) - logits[b * K + labels[b]];
        hit[b] = top == labels[b];
    }
    float *out = up(d, r.out, r.n);
    d->ops->cross_entropy(d, out + B * K, out + B * K + B, out, up(d, logits, (size_t)(B * K)),
                          up_ints(d, labels, (size_t)B), B, K);
    down(d, r.out, out, r.n);
    free(logits);
    free(labels);
    return r;
}

/* Exact: the sums of exp(x / T). */
static inline double soft_total(const float *x, int K, double temperature)
{
    double sum = 0;
    for (int k = 0; k < K; k++)
        sum += exp(x[k] / temperature);
    return sum;
}

/* dx, which is added to, then the losses; a difference of 0 has no slope. */
static inline struct result l1(struct device *d, int size)
{
    int R = (int[]){1, 3, 5, 1}[size], C = (int[]){1, 32, 100, 5000}[size], n = R * C;
    float *x = random_floats((size_t)n), *y = random_floats((size_t)n);
    struct result r = result_new((size_t)(n + R));
    y[0] = x[0];
    for (int i = 0; i < n; i++) {
        double difference = (double)x[i] - y[i];
        r.out[i] = 0.25f;
        r.want[i] = 0.25 + 0.5 * ((difference > 0) - (difference < 0));
        r.want[n + i / C] += 3 * fabs(difference);
    }
    float *out = up(d, r.out, r.n);
    d->ops->l1(d, out + n, out, up(d, x, (size_t)n), up(d, y, (size_t)n), R, C, 3, 0.5f);
    down(d, r.out, out, r.n);
    free(x);
    free(y);
    return r;
}

static inline struct result distill(struct device *d, int size)
{
    int B = (int[]){1, 2, 32, 7}[size], K = (int[]){1, 3, 10, 1000}[size];
    double T = (double[]){1, 1, 2, 0.5}[size];
    float *logits = random_floats((size_t)(B * K)), *teacher = random_floats((size_t)(B * K));
    struct result r = result_new((size_t)(B * K + B));
    for (int i = 0; i < B * K; i++) {
        logits[i] *= 30;
        teacher[i] *= 20;
    }
    for (int b = 0; b < B; b++) {
        const float *x = logits + b * K, *t = teacher + b * K;
        double sum = soft_total(x, K, T), teacher_sum = soft_total(t, K, T);
        for (int k = 0; k < K; k++) {
            double p = exp(x[k] / T) / sum, q = exp(t[k] / T) / teacher_sum;
            r.want[b * K + k] = T * (p - q) / B;
            r.want[B * K + b] -= T * T * q * (x[k] / T - log(sum));
        }
    }
    memcpy(r.out, logits, (size_t)(B * K) * sizeof *logits); // in place
    float *out = up(d, r.out, r.n);
    d->ops->distill(d, out + B * K, out, out, up(d, teacher, (size_t)(B * K)), B, K, (float)T);
    down(d, r.out, out, r.n);
    free(logits);
    free(teacher);
    return r;
}

/* Gradients that agree stay, as one against nothing does; the others lose the part that works
 * against. */
static inline struct result deflect(struct device *d, int size)
{
    size_t n = (size_t[]){1, 64, 2048, 70000}[size];
    float *g = random_floats(n), *against = random_floats(n), *none = mem_zero(n, sizeof *none);
    struct result r = result_new(3 * n);
    for (size_t i = 0; i < n; i++)
        g[i] -= against[i]; // so that their product is negative
    double dot = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        dot += (double)g[i] * against[i];
        square += (double)against[i] * against[i];
    }
    assert_true(dot < 0);
    for (size_t i = 0; i < n; i++) {
        r.want[i] = g[i] - 0.8 * dot / square * against[i];
        r.out[i] = g[i];
        r.want[n + i] = r.out[n + i] = -g[i];
        r.want[2 * n + i] = r.out[2 * n + i] = g[i];
    }
    float *out = up(d, r.out, r.n), *against_ = up(d, against, n);
    d->ops->deflect(d, out, against_, n, 0.8f);
    d->ops->deflect(d, out + n, against_, n, 0.8f);
    d->ops->deflect(d, out + 2 * n, up(d, none, n), n, 0.8f);
    down(d, r.out, out, r.n);
    free(g);
    free(against);
    free(none);
    return r;
}

/* Three steps of torch's rule. */
static inline struct result sgd(struct device *d, int size)
{
    size_t n = (size_t[]){1, 64, 2048, 70000}[size];
    float *g = random_floats(n), *buf = poison(n), *start = random_floats(n);
    struct result r = result_new(n);
    memcpy(r.out, start, n * sizeof *start);
    const struct device_rates rates = {.lr = 0.1};
    float *p_ = up(d, r.out, n), *buf_ = up(d, buf, n), *g_ = up(d, g, n);
    const struct device_rates *rates_ = up_bytes(d, &rates, sizeof rates);
    for (int i = 0; i < 3; i++)
        d->ops->sgd(d, p_, buf_, g_, n, rates_, 0.9f, 0.01f, i == 0);
    down(d, r.out, p_, n);
    for (size_t j = 0; j < n; j++) {
        double p = start[j], momentum = 0;
        for (int i = 0; i < 3; i++) {
            double gradient = g[j] + 0.01f * p;
            momentum = i ? 0.9f * momentum + gradient : gradient;
            p -= 0.1f * momentum;
        }
        r.want[j] = p;
    }
    free(g);
    free(buf);
    free(start);
    return r;
}

/* The composed matrix, then dA, then dB */
static inline struct result lowrank(struct device *d, int size)
{
    int M = (int[]){1, 4, 4, 16}[size], R = (int[]){1, 1, 4, 3}[size],
        C = (int[]){5, 64, 128, 512}[size];
    size_t mc = (size_t)(M * C), mr = (size_t)(M * R), rc = (size_t)(R * C);
    float *start = random_floats(mc), *A = random_floats(mr), *B = random_floats(rc);
    float *mask = size == 1 ? NULL : random_floats(mc), *dp = random_floats(mc);
    struct result r = result_new(mc + mr + rc);
    float *out = up(d, r.out, r.n), *A_ = up(d, A, mr), *B_ = up(d, B, rc);
    const float *mask_ = mask ? up(d, mask, mc) : NULL;
    d->ops->lowrank_fwd(d, out, up(d, start, mc), A_, B_, mask_, M, R, C);
    d->ops->lowrank_bwd(d, out + mc, out + mc + mr, up(d, dp, mc), A_, B_, mask_, M, R, C);
    down(d, r.out, out, r.n);
    for (int m = 0; m < M; m++)
        for (int c = 0; c < C; c++) {
            double scale = mask ? mask[m * C + c] : 1;
            r.want[m * C + c] = start[m * C + c];
            for (int k = 0; k < R; k++) {
                r.want[m * C + c] += scale * A[m * R + k] * B[k * C + c];
                r.want[mc + (size_t)(m * R + k)] += scale * dp[m * C + c] * B[k * C + c];
                r.want[mc + mr + (size_t)(k * C + c)] += scale * dp[m * C + c] * A[m * R + k];
            }
        }
    free(start);
    free(A);
    free(B);
    free(mask);
    free(dp);
    return r;
}

#endif
