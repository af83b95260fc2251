/*
 * The loop: see loop.h. Losses stay on the device and are read back once per epoch.
 */
#include "core/train/loop.h"

#include "core/base/mem.h"
#include "core/train/optim.h"
#include "core/train/schedule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A step that was recorded; see run_step. */
struct recorded {
    int n; // images; 0 = free
    struct recording *recording;
};

struct loop {
    struct learner *l;
    struct device *d;
    int N, B;             // images, largest batch
    size_t width;         // numbers per image: E, or 3 S S
    float *images;        // (N, E): the epoch's view; NULL for pixels
    float *batch;         // (B, width)
    float *loss, *hit;    // (N): one epoch
    float *losses, *hits; // (B): one step
    float *memory;        // the one allocation behind them
    int *now;             // (2 B) rows and labels of one step; its rates come before them
    struct device_rates *rates;
    unsigned char *host;         // what `rates` and `now` are to be
    struct recorded recorded[2]; // of the whole batch and the short one
    uint64_t generation;         // of the learner that they are for
};

static void forget_steps(struct loop *s)
{
    for (int i = 0; i < 2; i++) {
        if (s->recorded[i].recording)
            s->d->ops->record_free(s->d, s->recorded[i].recording);
        s->recorded[i] = (struct recorded){0};
    }
}

void loop_close(struct loop *s)
{
    if (!s)
        return;
    forget_steps(s);
    device_release(s->d, s->memory);
    device_release(s->d, s->rates);
    free(s->host);
    free(s);
}

int loop_open(struct loop **out, struct learner *l, size_t images, int batch, struct err *e)
{
    size_t S = (size_t)l->clip->shape.image_size;
    struct loop *s = mem_zero(1, sizeof *s);
    *s = (struct loop){.l = l, .d = l->device, .N = (int)images};
    s->B = s->N < batch ? s->N : batch;
    s->width = l->method->pixels ? 3 * S * S : (size_t)l->clip->shape.embed;
    size_t all = l->method->pixels ? 0 : images * s->width, one = (size_t)s->B * s->width;
    const size_t B = (size_t)s->B, now = sizeof *s->rates + 2 * B * sizeof *s->now;
    s->memory = device_floats(s->d, all + one + 2 * images + 2 * B);
    s->rates = s->d->ops->alloc(s->d, now);
    s->host = mem_zero(1, now);
    int rc = device_sync(s->d, e);
    if (rc < 0) {
        loop_close(s);
        return rc;
    }
    s->images = s->memory;
    s->batch = s->images + all;
    s->loss = s->batch + one;
    s->hit = s->loss + images;
    s->losses = s->hit + images;
    s->hits = s->losses + B;
    s->now = (int *)(s->rates + 1);
    *out = s;
    return 0;
}

void loop_images(struct loop *s, const float *images)
{
    s->d->ops->upload(s->d, s->images, images, (size_t)s->N * s->width * sizeof *images);
}

float *loop_pixels(struct loop *s)
{
    return s->batch;
}

/* The device's part of a step: everything that differs from step to step is in its memory. */
static void work(struct loop *s, const struct loop_config *config, bool rows, int n, bool first)
{
    if (rows)
        s->d->ops->gather(s->d, s->batch, s->images, s->now, n, (int)s->width);
    const struct batch b = {n, s->batch, s->now + n, s->losses, s->hits};
    s->l->method->step(s->l, &b);
    optim_step(s->l, config, s->rates, first);
}

/* The first step of n images runs operation by operation and so prepares the device; the second is
 * recorded, and it and all later ones are replayed. */
static void run_step(struct loop *s, const struct loop_config *config, bool rows, int n, bool first)
{
    if (s->generation != s->l->generation)
        forget_steps(s);
    s->generation = s->l->generation;
    struct recorded *r = s->recorded;
    if (r->n && r->n != n)
        r++;
    if (!s->d->ops->replay || r->n != n) {
        if (!r->n)
            r->n = n;
        work(s, config, rows, n, first);
        s->generation = s->l->generation; // its memory may have grown just now
        return;
    }
    if (!r->recording) {
        s->d->ops->record_begin(s->d);
        work(s, config, rows, n, false);
        r->recording = s->d->ops->record_end(s->d);
    }
    if (r->recording)
        s->d->ops->replay(s->d, r->recording);
}

void loop_step(struct loop *s, const struct loop_config *config, const int *rows, const int *labels,
               int n, size_t at, double lr, uint64_t number)
{
    const size_t ints = (size_t)n * sizeof *s->now;
    const struct device_rates rates = device_rates(lr, number);
    memcpy(s->host, &rates, sizeof rates);
    if (rows)
        memcpy(s->host + sizeof rates, rows, ints);
    memcpy(s->host + sizeof rates + ints, labels, ints);
    s->d->ops->upload(s->d, s->rates, s->host, sizeof rates + 2 * ints);
    learner_draw(s->l, number);
    run_step(s, config, rows, n, number == 0);
    device_copy(s->d, s->loss + at, s->losses, (size_t)n);
    device_copy(s->d, s->hit + at, s->hits, (size_t)n);
}

int loop_read(struct loop *s, struct loop_epoch *epoch, size_t used, struct err *e)
{
    float *host = mem_alloc(2 * used, sizeof *host);
    s->d->ops->download(s->d, host, s->loss, used * sizeof *host);
    s->d->ops->download(s->d, host + used, s->hit, used * sizeof *host);
    int rc = device_sync(s->d, e);
    double loss = 0, hits = 0;
    for (size_t i = 0; rc == 0 && i < used; i++) {
        if (!isfinite(host[i]))
            rc = err_set(e, ERR_NUMERIC, "loss is %f in epoch %d, step %zu", (double)host[i],
                         epoch->epoch + 1, i / (size_t)s->B + 1);
        loss += host[i];
        hits += host[used + i];
    }
    epoch->loss = loss / (double)used;
    epoch->accuracy = 100 * hits / (double)used;
    free(host);
    return rc;
}

static double rate_of(const struct learner *l, const struct loop_config *c,
                      const struct loop_state *state, size_t steps)
{
    if (l->schedule == SCHEDULE_COSINE_PER_STEP)
        return schedule_cosine(state->number, (uint64_t)c->epochs * steps, c->lr);
    return schedule_lr(state->epoch, c->epochs, c->lr, c->warmup_lr);
}

/* One epoch over rows and labels in their order. */
static int run_epoch(struct loop *s, const struct loop_data *data, const struct loop_config *config,
                     struct loop_state *state, const int *rows, const int *labels, size_t used,
                     struct loop_epoch *done, struct err *e)
{
    int rc = 0;
    size_t B = (size_t)s->B, steps = (used + B - 1) / B;
    for (size_t at = 0; at < used && rc == 0; at += B) {
        int n = (int)(used - at < B ? used - at : B);
        bool pixels = s->l->method->pixels;
        if (pixels &&
            (rc = data->pixels(data->arg, state->epoch, rows + at, n, loop_pixels(s), e)) < 0)
            return rc;
        done->lr = rate_of(s->l, config, state, steps);
        loop_step(s, config, pixels ? NULL : rows + at, labels + at, n, at, done->lr,
                  state->number++);
    }
    return loop_read(s, done, used, e);
}

/* ---- which number went wrong first ---- */

static size_t kept_count(const struct kept *k)
{
    size_t n = 1;
    for (int i = 0; i < k->dims; i++)
        n *= k->shape[i];
    return n;
}

/* The arrays of a checkpoint to or from `copy`, device; how many numbers they are. Counts only when
 * `copy` is NULL. */
static size_t copy_state(struct learner *l, float *copy, bool back)
{
    size_t n = 0;
    for (int i = 0; i < l->n_kept; i++) {
        const struct kept *k = &l->kept[i];
        if (!(k->when & KEEP_CHECKPOINT))
            continue;
        size_t count = kept_count(k);
        if (copy)
            device_copy(l->device, back ? k->data : copy + n, back ? copy + n : k->data, count);
        n += count;
    }
    return n;
}

static bool all_finite(struct device *d, const float *data, size_t n)
{
    float *host = mem_alloc(n, sizeof *host);
    bool finite = true;
    d->ops->download(d, host, data, n * sizeof *host);
    for (size_t i = 0; i < n && finite; i++)
        finite = isfinite(host[i]);
    free(host);
    return finite;
}

/* After a step of n images, in the order in which a step makes them; NULL: all are finite. */
static const char *first_bad(struct loop *s, int n)
{
    const struct learner *l = s->l;
    const struct {
        const char *name;
        const float *data;
        size_t n;
    } parts[] = {{"images", s->batch, (size_t)n * s->width},
                 {"loss", s->losses, (size_t)n},
                 {"gradient", l->gradient, l->n}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!all_finite(s->d, parts[i].data, parts[i].n))
            return parts[i].name;
    for (int i = l->n_kept; i-- > 0;) // the optimizer's state before the parameters
        if (l->kept[i].when & KEEP_CHECKPOINT &&
            !all_finite(s->d, l->kept[i].data, kept_count(&l->kept[i])))
            return l->kept[i].name;
    return NULL;
}

/* The epoch once more from its start, looking after each step: the step and tensor of which the
 * loss that `e` tells of is the consequence. */
static int tell_first_bad(struct loop *s, const struct loop_data *data,
                          const struct loop_config *config, struct loop_state start,
                          const float *kept, const int *rows, const int *labels, size_t used,
                          struct err *e)
{
    const struct err loss = *e;
    size_t B = (size_t)s->B, steps = (used + B - 1) / B;
    bool pixels = s->l->method->pixels;
    copy_state(s->l, (float *)kept, true);
    for (size_t at = 0; at < used; at += B) {
        int n = (int)(used - at < B ? used - at : B);
        if (pixels && data->pixels(data->arg, start.epoch, rows + at, n, loop_pixels(s), e) < 0)
            break;
        double lr = rate_of(s->l, config, &start, steps);
        loop_step(s, config, pixels ? NULL : rows + at, labels + at, n, at, lr, start.number++);
        const char *bad = first_bad(s, n);
        if (bad)
            return err_set(e, ERR_NUMERIC, "%.500s; first not finite: '%s' in step %zu", loss.text,
                           bad, at / B + 1);
    }
    *e = loss;
    return e->code;
}

int loop_train(struct learner *l, const struct loop_data *data, const struct loop_config *config,
               struct loop_state *state, loop_report report, void *arg, struct err *e)
{
    struct loop *s;
    if (data->N == 0)
        return err_set(e, ERR_RANGE, "no training images");
    int rc = loop_open(&s, l, data->N, config->batch, e);
    if (rc < 0)
        return rc;
    size_t N = data->N, used = l->short_batch ? N : schedule_used(N, (size_t)config->batch);
    uint32_t *order = mem_alloc(N, sizeof *order);
    int *rows = mem_alloc(N, sizeof *rows), *labels = mem_alloc(N, sizeof *labels);
    float *host = l->method->pixels ? NULL : mem_alloc(N * s->width, sizeof *host);
    float *kept = device_floats(l->device, copy_state(l, NULL, false)); // as the epoch began
    size_t held = SIZE_MAX;                                             // the view on the device
    while (rc == 0 && state->epoch < config->epochs) {
        size_t view = data->V ? (size_t)state->epoch % data->V : 0;
        if (!l->method->pixels && view != held) {
            data->view(data->arg, view, host);
            loop_images(s, host);
            held = view;
        }
        schedule_order(state->rng, N, order);
        for (size_t i = 0; i < N; i++) {
            rows[i] = (int)order[i];
            labels[i] = data->labels[order[i]];
        }
        struct loop_epoch done = {.epoch = state->epoch};
        const struct loop_state start = *state;
        copy_state(l, kept, false);
        rc = run_epoch(s, data, config, state, rows, labels, used, &done, e);
        if (rc == ERR_NUMERIC)
            rc = tell_first_bad(s, data, config, start, kept, rows, labels, used, e);
        if (rc == 0 && l->method->epoch)
            l->method->epoch(l, state->epoch);
        state->epoch++;
        if (rc == 0)
            rc = report(arg, l, &done, state, e);
    }
    device_release(l->device, kept);
    free(order);
    free(rows);
    free(labels);
    free(host);
    loop_close(s);
    return rc;
}
