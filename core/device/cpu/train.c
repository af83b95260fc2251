/*
 * The ends of a training step: loss, optimizer, low-rank composition. Small work, one thread,
 * except for the optimizer of large class-specific contexts.
 */
#include "core/device/cpu/cpu.h"
#include "core/device/cpu/vec.h"

#include "core/base/half.h"

void cpu_cross_entropy(struct device *d, float *loss, float *hit, float *dlogits,
                       const float *logits, const int *labels, int B, int K)
{
    if (cpu_of(d)->error.code)
        return;
    for (int b = 0; b < B; b++, logits += K, dlogits += K) {
        int top = 0;
        for (int k = 1; k < K; k++)
            if (logits[k] > logits[top])
                top = k;
        float max = logits[top], own = logits[labels[b]];
        double sum = 0;
        for (int k = 0; k < K; k++) {
            dlogits[k] = expf(logits[k] - max);
            sum += dlogits[k];
        }
        // NaN logits must stay visible: the comparison above skips them, the sum does not.
        loss[b] = (float)(log(sum) + (double)max - (double)own);
        hit[b] = top == labels[b];
        for (int k = 0; k < K; k++)
            dlogits[k] = (float)(dlogits[k] / sum / B);
        dlogits[labels[b]] -= 1.0f / (float)B;
    }
}

/* Of exp((x - max) / T): the sum over K, and *max. */
static double softened_sum(const float *x, int K, float temperature, float *max)
{
    double sum = 0;
    *max = x[0];
    for (int k = 1; k < K; k++)
        *max = x[k] > *max ? x[k] : *max;
    for (int k = 0; k < K; k++)
        sum += exp((double)(x[k] - *max) / (double)temperature);
    return sum;
}

void cpu_distill(struct device *d, float *loss, float *dlogits, const float *logits,
                 const float *teacher, int B, int K, float temperature)
{
    if (cpu_of(d)->error.code)
        return;
    double T = temperature;
    for (int b = 0; b < B; b++, logits += K, teacher += K, dlogits += K) {
        float max, teacher_max;
        double sum = softened_sum(logits, K, temperature, &max), rest = log(sum), total = 0;
        double teacher_sum = softened_sum(teacher, K, temperature, &teacher_max);
        for (int k = 0; k < K; k++) {
            double x = (double)(logits[k] - max) / T;
            double q = exp((double)(teacher[k] - teacher_max) / T) / teacher_sum;
            total -= q * (x - rest);
            dlogits[k] = (float)(T * (exp(x) / sum - q) / B);
        }
        loss[b] = (float)(T * T * total);
    }
}

void cpu_l1(struct device *d, float *loss, float *dx, const float *x, const float *y, int R, int C,
            float weight, float slope)
{
    if (cpu_of(d)->error.code)
        return;
    for (int r = 0; r < R; r++, x += C, y += C, dx += C) {
        double sum = 0;
        for (int c = 0; c < C; c++) {
            float difference = x[c] - y[c];
            sum += fabs((double)difference);
            dx[c] += difference > 0 ? slope : difference < 0 ? -slope : 0.0f;
        }
        loss[r] = (float)((double)weight * sum);
    }
}

void cpu_deflect(struct device *d, float *g, const float *against, size_t n, float strength)
{
    double dot = 0, square = 0;
    if (cpu_of(d)->error.code)
        return;
    for (size_t i = 0; i < n; i++) {
        dot += (double)g[i] * against[i];
        square += (double)against[i] * against[i];
    }
    if (!(dot < 0))
        return;
    float factor = (float)((double)strength * dot / square);
    for (size_t i = 0; i < n; i++)
        g[i] -= factor * against[i];
}

enum { ELEMENTS = 65536 };

struct sgd {
    float *p, *buf;
    const float *g;
    size_t n;
    float lr, momentum, weight_decay;
    bool first;
};

static void sgd_chunk(void *arg, size_t chunk)
{
    struct sgd *s = arg;
    size_t first = chunk * ELEMENTS, last = first + ELEMENTS < s->n ? first + ELEMENTS : s->n;
    for (size_t i = first; i < last; i++) {
        float g = s->g[i] + s->weight_decay * s->p[i];
        s->buf[i] = s->first ? g : s->momentum * s->buf[i] + g;
        s->p[i] -= s->lr * s->buf[i];
    }
}

/* The same with every result stored in fp16; products and sums are those of float. */
static void sgd_half_chunk(void *arg, size_t chunk)
{
    struct sgd *s = arg;
    size_t first = chunk * ELEMENTS, last = first + ELEMENTS < s->n ? first + ELEMENTS : s->n;
    for (size_t i = first; i < last; i++) {
        float g = half_round(s->g[i] + s->weight_decay * s->p[i]);
        s->buf[i] = s->first ? g : half_round(half_round(s->momentum * s->buf[i]) + g);
        s->p[i] = half_round(s->p[i] - s->lr * s->buf[i]);
    }
}

void cpu_sgd(struct device *d, float *p, float *buf, const float *g, size_t n,
             const struct device_rates *rates, float momentum, float weight_decay, bool first)
{
    struct sgd s = {p, buf, g, n, (float)rates->lr, momentum, weight_decay, first};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks(n, ELEMENTS), d->half ? sgd_half_chunk : sgd_chunk,
                   &s);
}

struct adam {
    float *p, *m, *v;
    const float *g;
    size_t n;
    double step_size, root, epsilon, decay, shrink; // root: sqrt(1 - beta2^t)
};

static void adam_chunk(void *arg, size_t chunk)
{
    struct adam *a = arg;
    size_t first = chunk * ELEMENTS, last = first + ELEMENTS < a->n ? first + ELEMENTS : a->n;
    for (size_t i = first; i < last; i++) {
        double p = a->p[i] * a->shrink, g = a->g[i] + a->decay * p;
        a->m[i] = (float)(0.9 * a->m[i] + (1 - 0.9) * g);
        a->v[i] = (float)(0.999 * a->v[i] + (1 - 0.999) * g * g);
        a->p[i] = (float)(p - a->step_size * a->m[i] / (sqrt(a->v[i]) / a->root + a->epsilon));
    }
}

void cpu_adam(struct device *d, float *p, float *m, float *v, const float *g, size_t n,
              const struct device_rates *rates, double epsilon, double weight_decay, bool decoupled)
{
    struct adam a = {p, m, v, g, n, .epsilon = epsilon};
    a.step_size = rates->lr / rates->first;
    a.root = sqrt(rates->second);
    a.decay = decoupled ? 0 : weight_decay;
    a.shrink = decoupled ? 1 - rates->lr * weight_decay : 1;
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks(n, ELEMENTS), adam_chunk, &a);
}

void cpu_lowrank_fwd(struct device *d, float *p, const float *start, const float *A, const float *B,
                     const float *mask, int M, int R, int C)
{
    if (cpu_of(d)->error.code)
        return;
    for (int m = 0; m < M; m++)
        for (int c = 0; c < C; c++) {
            float sum = 0;
            for (int r = 0; r < R; r++)
                sum += A[m * R + r] * B[r * C + c];
            int at = m * C + c;
            p[at] = start[at] + (mask ? mask[at] * sum : sum);
        }
}

void cpu_lowrank_bwd(struct device *d, float *dA, float *dB, const float *dp, const float *A,
                     const float *B, const float *mask, int M, int R, int C)
{
    if (cpu_of(d)->error.code)
        return;
    for (int r = 0; r < R; r++)
        for (int m = 0; m < M; m++) {
            double sum = 0;
            for (int c = 0; c < C; c++)
                sum +=
                    (double)(mask ? mask[m * C + c] * dp[m * C + c] : dp[m * C + c]) * B[r * C + c];
            dA[m * R + r] = (float)sum;
        }
    for (int r = 0; r < R; r++)
        for (int c = 0; c < C; c++) {
            double sum = 0;
            for (int m = 0; m < M; m++)
                sum +=
                    (double)A[m * R + r] * (mask ? mask[m * C + c] * dp[m * C + c] : dp[m * C + c]);
            dB[r * C + c] = (float)sum;
        }
}
