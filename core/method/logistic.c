/*
 * Logistic regression: see logistic.h. Weights lie (D + 1, K), so that the inner loops run along
 * the classes: they vectorise without reordering a sum, and the bits do not depend on the threads.
 */
#include "core/method/logistic.h"

#include "core/base/mem.h"

#include <lbfgs.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

enum { ROWS = 16, FEATURES = 16 }; // of a chunk; fixed, whatever the number of threads
enum { ITERATIONS = 1000 };

/* What scikit-learn (0.24 to 1.3) hands to scipy's L-BFGS-B. */
static const double gradient_limit = 1e-4, decrease_limit = 2.220446049250313e-09;

struct work {
    const struct logistic_problem *p;
    const double *w; // (D + 1, K)
    double *g;       // (D + 1, K)
    double *P;       // (N, K): logits, then softmax - onehot
    double *loss;    // (N)
    double last;     // value of the step before
    int steps;
};

/* out (K) = bias + x W */
CLONES static void row_logits(double *restrict out, const float *x, const double *w, int D, int K)
{
    int d = 0;
    memcpy(out, w + (size_t)D * (size_t)K, (size_t)K * sizeof *out);
    for (; d + 4 <= D; d += 4) {
        const double *w0 = w + (size_t)d * (size_t)K, *w1 = w0 + K, *w2 = w1 + K, *w3 = w2 + K;
        double x0 = x[d], x1 = x[d + 1], x2 = x[d + 2], x3 = x[d + 3];
        for (int k = 0; k < K; k++)
            out[k] += x0 * w0[k] + x1 * w1[k] + x2 * w2[k] + x3 * w3[k];
    }
    for (; d < D; d++)
        for (int k = 0; k < K; k++)
            out[k] += (double)x[d] * w[(size_t)d * (size_t)K + (size_t)k];
}

/* g (K) += sum over four rows of x[i] P[i] */
CLONES static void add_four(double *restrict g, const double x[4], const double *P, int K)
{
    const double *p1 = P + K, *p2 = p1 + K, *p3 = p2 + K;
    for (int k = 0; k < K; k++)
        g[k] += x[0] * P[k] + x[1] * p1[k] + x[2] * p2[k] + x[3] * p3[k];
}

static void logits_chunk(void *arg, size_t chunk)
{
    struct work *s = arg;
    const struct logistic_problem *p = s->p;
    size_t K = (size_t)p->K, end = (chunk + 1) * ROWS < p->N ? (chunk + 1) * ROWS : p->N;
    for (size_t i = chunk * ROWS; i < end; i++)
        row_logits(s->P + i * K, p->x + i * (size_t)p->D, s->w, p->D, p->K);
}

/* Logits -> loss and its gradient by the logits. */
static void loss_chunk(void *arg, size_t chunk)
{
    struct work *s = arg;
    const struct logistic_problem *p = s->p;
    size_t K = (size_t)p->K, end = (chunk + 1) * ROWS < p->N ? (chunk + 1) * ROWS : p->N;
    logits_chunk(arg, chunk);
    for (size_t i = chunk * ROWS; i < end; i++) {
        double *row = s->P + i * K, max = row[0], sum = 0, right = row[p->labels[i]];
        for (size_t k = 1; k < K; k++)
            max = row[k] > max ? row[k] : max;
        for (size_t k = 0; k < K; k++)
            sum += row[k] = exp(row[k] - max);
        for (size_t k = 0; k < K; k++)
            row[k] /= sum;
        row[p->labels[i]] -= 1;
        s->loss[i] = log(sum) + max - right;
    }
}

/* g's rows of FEATURES features: x^T P + W / C */
static void gradient_chunk(void *arg, size_t chunk)
{
    struct work *s = arg;
    const struct logistic_problem *p = s->p;
    size_t K = (size_t)p->K, D = (size_t)p->D, i = 0;
    size_t first = chunk * FEATURES, end = first + FEATURES < D ? first + FEATURES : D;
    for (size_t at = first * K; at < end * K; at++)
        s->g[at] = s->w[at] / p->C;
    for (; i + 4 <= p->N; i += 4)
        for (size_t d = first; d < end; d++) {
            const float *x = p->x + i * D + d;
            const double four[4] = {x[0], x[D], x[2 * D], x[3 * D]};
            add_four(s->g + d * K, four, s->P + i * K, p->K);
        }
    for (; i < p->N; i++)
        for (size_t d = first; d < end; d++)
            for (size_t k = 0; k < K; k++)
                s->g[d * K + k] += (double)p->x[i * D + d] * s->P[i * K + k];
}

struct run {
    struct work work;
    struct thread_pool *pool;
};

static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *w, lbfgsfloatval_t *g, int n,
                                lbfgsfloatval_t step)
{
    struct run *r = instance;
    struct work *s = &r->work;
    const struct logistic_problem *p = s->p;
    size_t K = (size_t)p->K, D = (size_t)p->D;
    double loss = 0, squares = 0;
    (void)n; // rounded up by the library; what lies behind stays zero
    (void)step;
    s->w = w;
    s->g = g;
    thread_run(r->pool, (p->N + ROWS - 1) / ROWS, loss_chunk, s);
    thread_run(r->pool, (D + FEATURES - 1) / FEATURES, gradient_chunk, s);
    memset(g + D * K, 0, K * sizeof *g);
    for (size_t i = 0; i < p->N; i++) {
        loss += s->loss[i];
        for (size_t k = 0; k < K; k++)
            g[D * K + k] += s->P[i * K + k];
    }
    for (size_t i = 0; i < D * K; i++)
        squares += w[i] * w[i];
    return loss + squares / (2 * p->C);
}

static int progress(void *instance, const lbfgsfloatval_t *w, const lbfgsfloatval_t *g,
                    lbfgsfloatval_t value, lbfgsfloatval_t w_norm, lbfgsfloatval_t g_norm,
                    lbfgsfloatval_t step, int n, int k, int evaluations)
{
    struct run *r = instance;
    double largest = 0, scale = fmax(fmax(fabs(r->work.last), fabs(value)), 1);
    bool small = r->work.last - value <= decrease_limit * scale;
    (void)w, (void)w_norm, (void)g_norm, (void)step, (void)k, (void)evaluations;
    for (int i = 0; i < n; i++)
        largest = fmax(largest, fabs(g[i]));
    r->work.last = value;
    return largest <= gradient_limit || small || ++r->work.steps >= ITERATIONS;
}

int logistic_fit(double *w, const struct logistic_problem *p, struct thread_pool *pool,
                 struct err *e)
{
    size_t n = (size_t)(p->D + 1) * (size_t)p->K;
    struct run r = {.pool = pool, .work = {.p = p}};
    lbfgs_parameter_t parameters;
    lbfgsfloatval_t *x = lbfgs_malloc((int)n);
    if (!x)
        return err_set(e, ERR_MEMORY, "no memory for %zu weights", n);
    memset(x, 0, n * sizeof *x);
    r.work.P = mem_alloc(p->N * (size_t)p->K, sizeof *r.work.P);
    r.work.loss = mem_alloc(p->N, sizeof *r.work.loss);
    r.work.last = (double)p->N * log(p->K); // of zero weights
    lbfgs_parameter_init(&parameters);
    parameters.m = 10; // as L-BFGS-B; `progress` decides when to stop
    parameters.epsilon = 0;
    parameters.ftol = 1e-3;

    // A line search that finds no better point starts again without memory, as L-BFGS-B does.
    int code, steps;
    do {
        steps = r.work.steps;
        code = lbfgs((int)n, x, NULL, evaluate, progress, &r, &parameters);
    } while (code >= LBFGSERR_OUTOFINTERVAL && code < 0 && r.work.steps > steps);
    if (code < LBFGSERR_OUTOFINTERVAL)
        err_set(e, ERR_NUMERIC, "liblbfgs gave up with code %d", code);
    memcpy(w, x, n * sizeof *w);
    lbfgs_free(x);
    free(r.work.P);
    free(r.work.loss);
    return code < LBFGSERR_OUTOFINTERVAL ? e->code : 0;
}

size_t logistic_hits(const double *w, const struct logistic_problem *p, struct thread_pool *pool)
{
    size_t K = (size_t)p->K, hits = 0;
    struct work s = {.p = p, .w = w, .P = mem_alloc(p->N * K, sizeof *s.P)};
    thread_run(pool, (p->N + ROWS - 1) / ROWS, logits_chunk, &s);
    for (size_t i = 0; i < p->N; i++) {
        const double *row = s.P + i * K;
        size_t top = 0;
        for (size_t k = 1; k < K; k++)
            if (row[k] > row[top])
                top = k;
        hits += (int)top == p->labels[i];
    }
    free(s.P);
    return hits;
}
