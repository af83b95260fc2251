/*
 * Tip-Adapter and Tip-Adapter-F: a cache of the training images beside the text classifier (Zhang
 * et al., ECCV 2022; spec/training.md section 12).
 *
 *   logits = scale f text^T + alpha exp(-beta (1 - f keys^T)) values,  f of unit length
 *
 * keys: each training image's features, averaged over augmented passes as they are, then of unit
 * length; values: one-hot labels. alpha and beta are searched on a grid over validation images.
 * Tip-Adapter-F trains the keys (no longer of unit length then), by default keeps the epoch that is
 * best on the TEST images and reports the better of that and the searched setting on them, because
 * its reference does; `select: val` or `last` does not look at them.
 *
 * The reference writes 100 for the scale: what every published CLIP has.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/classifier.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 }; // images in work at once

struct tip {
    const struct fit_data *data; // borrowed, from prepare to fit
    int E, N;                    // feature width, images in the cache
    float alpha, beta;
    float *text;            // (K, E), of unit length
    float *keys;            // (N, E); Tip-Adapter-F: the learner's parameters
    float *values;          // (N, K)
    float *strength;        // (2): alpha and beta, for the file
    float *best, *accuracy; // Tip-Adapter-F: (N, E), (1): of the best epoch

    float *memory;       // behind the next ones, for batches of up to B images
    float *unit, *norm;  // (B, E), (B)
    float *similar;      // (B, N): f keys^T
    float *near, *dnear; // (B, N), (B, N): exp(-beta (1 - similar))
    float *cached;       // (B, K): near values
    float *logits;       // (B, K)
    int B;
};

/* ---- parts of a step ---- */

static void reserve(struct learner *l, int n)
{
    struct tip *t = l->own;
    size_t B = (size_t)n, E = (size_t)t->E, N = (size_t)t->N, K = (size_t)l->K;
    if (n <= t->B)
        return;
    learner_moves(l);
    device_release(l->device, t->memory);
    t->memory = device_floats(l->device, B * (E + 1 + 3 * N + 2 * K));
    t->unit = t->memory;
    t->similar = t->unit + B * E;
    t->near = t->similar + B * N;
    t->dnear = t->near + B * N;
    t->cached = t->dnear + B * N;
    t->logits = t->cached + B * K;
    t->norm = t->logits + B * K;
    t->B = n;
}

/* -> unit, similar; logits (n, K) = of the text alone */
static void compare(struct learner *l, const float *images, int n, float *logits)
{
    struct tip *t = l->own;
    struct device *d = l->device;
    reserve(l, n);
    d->ops->l2norm_fwd(d, t->unit, t->norm, images, n, t->E);
    d->ops->matmul_nt(d, t->similar, t->unit, t->keys, n, t->N, t->E, 1);
    d->ops->matmul_nt(d, logits, t->unit, t->text, n, l->K, t->E, l->clip->logit_scale);
}

/* -> near, cached */
static void look_up(struct learner *l, int n, float beta)
{
    struct tip *t = l->own;
    struct device *d = l->device;
    d->ops->affinity_fwd(d, t->near, t->similar, beta, (size_t)n * (size_t)t->N);
    d->ops->matmul_nn(d, t->cached, t->near, t->values, n, l->K, t->N, 1);
}

static void forward(struct learner *l, const float *images, int n, float *logits)
{
    struct tip *t = l->own;
    compare(l, images, n, logits);
    look_up(l, n, t->beta);
    l->device->ops->blend(l->device, logits, 1, t->cached, t->alpha, (size_t)n * (size_t)l->K);
}

static void step(struct learner *l, const struct batch *b)
{
    struct tip *t = l->own;
    struct device *d = l->device;
    reserve(l, b->n);
    forward(l, b->images, b->n, t->logits);
    d->ops->cross_entropy(d, b->loss, b->hit, t->logits, t->logits, b->labels, b->n, l->K);
    d->ops->matmul_nt(d, t->dnear, t->logits, t->values, b->n, t->N, l->K, t->alpha);
    d->ops->affinity_bwd(d, t->dnear, t->dnear, t->near, t->beta, (size_t)b->n * (size_t)t->N);
    d->ops->matmul_tn(d, l->gradient, t->dnear, t->unit, t->N, t->E, b->n, 1);
}

/* ---- start ---- */

static int init(struct learner *l, struct rng *r, struct err *e)
{
    struct tip *t = l->own = mem_zero(1, sizeof *t);
    (void)r;
    (void)e;
    t->E = l->clip->shape.embed;
    t->alpha = (float)spec_get_real(l->params, "alpha");
    t->beta = (float)spec_get_real(l->params, "beta");
    l->optimizer = OPTIMIZER_ADAMW;
    l->schedule = SCHEDULE_COSINE_PER_STEP;
    l->short_batch = true;
    return 0;
}

static int classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct tip *t = l->own;
    (void)training;
    if (K != l->train_K)
        return err_set(e, ERR_RANGE, "the cache is of %d classes, not of these %d", l->train_K, K);
    l->K = K;
    if (!t->text)
        t->text = device_floats(l->device, (size_t)K * (size_t)t->E);
    return classifier_ensemble(l, names, K, CLASSIFIER_UNIT, t->text, e);
}

/* Mean over the passes, then of unit length: (N, E), host; yours to free(). */
static float *cache_keys(const struct learner *l, const struct features *f)
{
    size_t E = (size_t)l->clip->shape.embed, n = f->N * E;
    float *keys = mem_alloc(n, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t v = 0; v < f->V; v++)
            sum += f->images[v * n + i];
        keys[i] = (float)(sum / (double)f->V);
    }
    float *device = device_put(l->device, keys, n), *norm = device_floats(l->device, f->N);
    l->device->ops->l2norm_fwd(l->device, device, norm, device, (int)f->N, (int)E);
    l->device->ops->download(l->device, keys, device, n * sizeof *keys);
    device_release(l->device, device);
    device_release(l->device, norm);
    return keys;
}

static int prepare(struct learner *l, const struct fit_data *data, struct err *e)
{
    struct tip *t = l->own;
    size_t N = data->train.N, K = (size_t)l->K, E = (size_t)t->E;
    bool validates = str_eq(spec_get_text(l->params, "search"), "yes") ||
                     (l->method->step && str_eq(spec_get_text(l->params, "select"), "val"));
    if (validates && data->val.N == 0)
        return err_set(e, ERR_MISSING,
                       "the dataset has no validation images to choose by; say 'search: no'%s",
                       l->method->step ? " and 'select: test' or 'last'" : "");
    float *keys = cache_keys(l, &data->train), *values = mem_zero(N * K, sizeof *values);
    const float strength[2] = {t->alpha, t->beta}, none = -1;
    t->data = data;
    t->N = (int)N;
    for (size_t i = 0; i < N; i++)
        values[i * K + (size_t)data->train.labels[i]] = 1;
    t->values = device_put(l->device, values, N * K);
    t->strength = device_put(l->device, strength, 2);
    if (l->method->step) {
        learner_parameters(l, N * E, keys);
        t->keys = l->parameters;
        t->best = device_put(l->device, keys, N * E);
        t->accuracy = device_put(l->device, &none, 1);
        learner_keep(l, "best", t->best, N, E, KEEP_CHECKPOINT);
        learner_keep(l, "accuracy", t->accuracy, 1, 0, KEEP_CHECKPOINT);
    } else {
        t->keys = device_put(l->device, keys, N * E);
    }
    learner_keep(l, "keys", t->keys, N, E, KEEP_RESULT);
    learner_keep(l, "values", t->values, N, K, KEEP_RESULT);
    learner_keep(l, "strength", t->strength, 2, 0, KEEP_RESULT);
    free(keys);
    free(values);
    return device_sync(l->device, e);
}

/* ---- choosing ---- */

static int top_of(const float *text, const float *cached, float alpha, int K)
{
    int top = 0;
    float best = text[0] + alpha * cached[0];
    for (int k = 1; k < K; k++) {
        float logit = text[k] + alpha * cached[k];
        if (logit > best) {
            best = logit;
            top = k;
        }
    }
    return top;
}

/* hits[b * alphas + a] = images of `f` that are right with betas[b], alphas[a]. */
static void count_hits(struct learner *l, const struct features *f, const float *betas, int n_betas,
                       const float *alphas, int n_alphas, size_t *hits)
{
    struct tip *t = l->own;
    struct device *d = l->device;
    size_t E = (size_t)t->E, K = (size_t)l->K;
    float *images = device_floats(d, CHUNK * E), *logits = device_floats(d, CHUNK * K);
    float *text = mem_alloc(CHUNK * K, sizeof *text), *cached = mem_alloc(CHUNK * K, sizeof *text);
    memset(hits, 0, (size_t)(n_betas * n_alphas) * sizeof *hits);
    for (size_t at = 0; at < f->N; at += CHUNK) {
        size_t n = f->N - at < CHUNK ? f->N - at : CHUNK;
        d->ops->upload(d, images, f->images + at * E, n * E * sizeof *images);
        compare(l, images, (int)n, logits);
        d->ops->download(d, text, logits, n * K * sizeof *text);
        for (int b = 0; b < n_betas; b++) {
            look_up(l, (int)n, betas[b]);
            d->ops->download(d, cached, t->cached, n * K * sizeof *cached);
            for (int a = 0; a < n_alphas; a++)
                for (size_t i = 0; i < n; i++)
                    hits[b * n_alphas + a] +=
                        top_of(text + i * K, cached + i * K, alphas[a], l->K) == f->labels[at + i];
        }
    }
    device_release(d, images);
    device_release(d, logits);
    free(text);
    free(cached);
}

static size_t hits_of(struct learner *l, const struct features *f)
{
    const struct tip *t = l->own;
    size_t hits;
    count_hits(l, f, &t->beta, 1, &t->alpha, 1, &hits);
    return hits;
}

/* The part that Tip-Adapter-F's epochs are compared on; NULL: the last epoch is kept. */
static const struct features *judge_of(const struct learner *l)
{
    const struct tip *t = l->own;
    const char *select = spec_get_text(l->params, "select");
    return str_eq(select, "test") ? &t->data->test : str_eq(select, "val") ? &t->data->val : NULL;
}

static void after_epoch(struct learner *l, int epoch)
{
    struct tip *t = l->own;
    struct device *d = l->device;
    const struct features *judge = judge_of(l);
    float accuracy, best;
    (void)epoch;
    if (!judge)
        return;
    accuracy = (float)hits_of(l, judge) / (float)judge->N;
    d->ops->download(d, &best, t->accuracy, sizeof best);
    if (accuracy <= best)
        return;
    d->ops->upload(d, t->accuracy, &accuracy, sizeof accuracy);
    device_copy(d, t->best, t->keys, l->n);
}

/* `steps` values from 0.1 up to, but without, `max`; yours to free(). */
static float *grid(double max, int steps)
{
    float *values = mem_alloc((size_t)steps, sizeof *values);
    for (int i = 0; i < steps; i++)
        values[i] = (float)(i * (max - 0.1) / steps + 0.1);
    return values;
}

/* The first best of the grid, alpha within beta, on the validation images. */
static void search(struct learner *l)
{
    struct tip *t = l->own;
    int n_betas = (int)spec_get_int(l->params, "beta-steps");
    int n_alphas = (int)spec_get_int(l->params, "alpha-steps");
    float *betas = grid(spec_get_real(l->params, "beta-max"), n_betas);
    float *alphas = grid(spec_get_real(l->params, "alpha-max"), n_alphas);
    size_t *hits = mem_alloc((size_t)(n_betas * n_alphas), sizeof *hits), most = 0;
    count_hits(l, &t->data->val, betas, n_betas, alphas, n_alphas, hits);
    for (int i = 0; i < n_betas * n_alphas; i++) {
        if (hits[i] <= most)
            continue;
        most = hits[i];
        t->beta = betas[i / n_alphas];
        t->alpha = alphas[i % n_alphas];
    }
    free(betas);
    free(alphas);
    free(hits);
}

static int fit(struct learner *l, const struct fit_data *data, struct err *e)
{
    struct tip *t = l->own;
    struct device *d = l->device;
    float alpha = t->alpha, beta = t->beta;
    const struct features *judge = l->method->step ? judge_of(l) : NULL;
    if (judge)
        device_copy(d, t->keys, t->best, l->n);
    if (str_eq(spec_get_text(l->params, "search"), "yes")) {
        size_t before = judge == &data->test ? hits_of(l, judge) : 0;
        search(l);
        if (judge == &data->test && hits_of(l, judge) < before) {
            t->alpha = alpha;
            t->beta = beta;
        }
    }
    const float strength[2] = {t->alpha, t->beta};
    d->ops->upload(d, t->strength, strength, sizeof strength);
    t->data = NULL;
    return device_sync(d, e);
}

static void release(struct learner *l)
{
    struct tip *t = l->own;
    if (!t)
        return;
    float *blocks[] = {t->text, t->values, t->strength, t->best, t->accuracy, t->memory};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        device_release(l->device, blocks[i]);
    if (!l->method->step)
        device_release(l->device, t->keys);
    free(t);
}

const struct method method_tip_adapter = {
    .name = "tip-adapter",
    .init = init,
    .classes = classes,
    .prepare = prepare,
    .fit = fit,
    .logits = forward,
    .release = release,
};

const struct method method_tip_adapter_f = {
    .name = "tip-adapter-f",
    .init = init,
    .classes = classes,
    .prepare = prepare,
    .step = step,
    .fit = fit,
    .epoch = after_epoch,
    .logits = forward,
    .release = release,
};
