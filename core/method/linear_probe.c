/*
 * Linear probe: logistic regression on image features as they are, from the test transform
 * (Radford et al., ICML 2021, as CoOp runs it; spec/training.md section 7). C is searched on
 * few-shot validation images: seven powers of ten, then eight halvings of the interval around the
 * best, after which the better end is the result. Two classes have one weight vector in
 * scikit-learn, which is the same as two of half the C.
 */
#include "core/base/mem.h"
#include "core/method/logistic.h"
#include "core/method/method.h"
#include "core/proto/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct probe {
    struct linear *layer; // (K, E) with bias; made of the parameters when classes are set
    float *C;             // device, (1): chosen
};

/* A fitted problem and how it does on validation images. */
struct fitted {
    double C, *w; // (E + 1, K)
    size_t hits;
};

struct search {
    struct logistic_problem train, val;
    struct thread_pool *pool;
    size_t n; // weights
};

static int init(struct learner *l, struct rng *r, struct err *e)
{
    struct probe *p = l->own = mem_zero(1, sizeof *p);
    size_t K = (size_t)l->train_K, E = (size_t)l->clip->shape.embed;
    float *zero = mem_zero(K * (E + 1), sizeof *zero);
    (void)r;
    (void)e;
    learner_parameters(l, K * (E + 1), zero);
    p->C = device_put(l->device, zero, 1);
    learner_keep(l, "weight", l->parameters, K, E, KEEP_RESULT);
    learner_keep(l, "bias", l->parameters + K * E, K, 0, KEEP_RESULT);
    learner_keep(l, "C", p->C, 1, 0, KEEP_RESULT);
    free(zero);
    return 0;
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct probe *p = l->own;
    size_t E = (size_t)l->clip->shape.embed;
    (void)names;
    if (K != l->train_K)
        return err_set(e, ERR_RANGE, "the probe was fitted to %d classes, not to these %d",
                       l->train_K, K);
    l->K = K;
    if (training)
        return 0;
    float *host = mem_alloc(l->n, sizeof *host);
    l->device->ops->download(l->device, host, l->parameters, l->n * sizeof *host);
    l->device->ops->linear_free(l->device, p->layer);
    p->layer = l->device->ops->linear_new(l->device, host, host + (size_t)K * E, K, (int)E,
                                          LINEAR_FORWARD);
    free(host);
    return 0;
}

static void logits(struct learner *l, const float *images, int n, float *out)
{
    const struct probe *p = l->own;
    l->device->ops->linear_fwd(l->device, out, images, p->layer, n);
}

/* Fit at f->C. */
static int fit_one(const struct search *s, struct fitted *f, struct err *e)
{
    struct logistic_problem train = s->train;
    train.C = train.K == 2 ? f->C / 2 : f->C;
    if (!f->w)
        f->w = mem_alloc(s->n, sizeof *f->w);
    int rc = logistic_fit(f->w, &train, s->pool, e);
    if (rc < 0)
        return err_wrap(e, "C = %g", f->C);
    f->hits = s->val.N ? logistic_hits(f->w, &s->val, s->pool) : 0;
    return 0;
}

/* The first best of seven powers of ten. */
static int find_decade(const struct search *s, double *best, struct err *e)
{
    struct fitted f = {0};
    size_t most = 0;
    int rc = 0;
    *best = 0;
    for (int power = 6; power >= -6 && rc == 0; power -= 2) {
        f.C = pow(10, power);
        rc = fit_one(s, &f, e);
        if (rc == 0 && (*best == 0 || f.hits > most)) {
            *best = f.C;
            most = f.hits;
        }
    }
    free(f.w);
    return rc;
}

/* The interval around C, its worse end moved to the geometric middle each time; at a tie the upper
 * end moves. `out` takes the better end of the last step. */
static int halve(const struct search *s, double C, int steps, struct fitted *out, struct err *e)
{
    struct fitted end[2] = {{.C = 0.1 * C}, {.C = 10 * C}}; // an end that stays is not fitted again
    int better = 0, rc = fit_one(s, &end[0], e);
    if (rc == 0)
        rc = fit_one(s, &end[1], e);
    for (int i = 0; rc == 0; i++) {
        better = end[0].hits < end[1].hits;
        if (i == steps - 1)
            break;
        end[!better].C = sqrt(end[0].C * end[1].C);
        rc = fit_one(s, &end[!better], e);
    }
    *out = end[better];
    free(end[!better].w);
    return rc;
}

/* The learner's (K, E) weights and (K) intercepts. */
static void take(struct learner *l, const struct fitted *f)
{
    struct probe *p = l->own;
    size_t K = (size_t)l->K, E = (size_t)l->clip->shape.embed;
    float *host = mem_alloc(l->n, sizeof *host), C = (float)f->C;
    for (size_t k = 0; k < K; k++) {
        for (size_t c = 0; c < E; c++)
            host[k * E + c] = (float)f->w[c * K + k];
        host[K * E + k] = (float)f->w[E * K + k];
    }
    l->device->ops->upload(l->device, l->parameters, host, l->n * sizeof *host);
    l->device->ops->upload(l->device, p->C, &C, sizeof C);
    free(host);
}

static int fit(struct learner *l, const struct fit_data *data, struct err *e)
{
    int E = l->clip->shape.embed, rc = 0;
    struct search s = {
        .train = {data->train.images, data->train.labels, data->train.N, E, l->K, 0},
        .val = {data->val.images, data->val.labels, data->val.N, E, l->K, 0},
        .n = l->n,
    };
    struct fitted f = {.C = spec_get_real(l->params, "C")};
    bool search = f.C == 0;
    if (search && data->val.N == 0)
        return err_set(e, ERR_MISSING,
                       "the dataset has no validation images to search C on; give 'C'");
    s.pool = thread_pool_new(data->threads);
    if (search)
        rc = find_decade(&s, &f.C, e);
    if (rc == 0 && search)
        rc = halve(&s, f.C, (int)spec_get_int(l->params, "steps"), &f, e);
    else if (rc == 0)
        rc = fit_one(&s, &f, e);
    if (rc == 0)
        take(l, &f);
    free(f.w);
    thread_pool_free(s.pool);
    return rc < 0 ? rc : device_sync(l->device, e);
}

static void release(struct learner *l)
{
    struct probe *p = l->own;
    if (!p)
        return;
    l->device->ops->linear_free(l->device, p->layer);
    device_release(l->device, p->C);
    free(p);
}

const struct method method_linear_probe = {
    .name = "linear-probe",
    .init = init,
    .classes = classes,
    .fit = fit,
    .logits = logits,
    .release = release,
};
