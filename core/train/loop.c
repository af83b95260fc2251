/*
 * One step: context -> text features -> logits -> cross entropy -> back to the context -> SGD.
 */
#include "core/train/loop.h"

#include "core/base/mem.h"
#include "core/train/schedule.h"

#include <math.h>
#include <stdlib.h>

struct loop {
    struct learner *l;
    struct device *d;
    struct text *text;
    int N, K, E, B;                     // images, classes, joint dimension, largest batch
    float *images, *image_norm;         // (N, E) unit length, (N): the epoch's view
    float *batch;                       // (B, E)
    float *features, *unit, *text_norm; // (K, E), (K, E), (K)
    float *dunit, *dfeatures;           // (K, E)
    float *logits;                      // (B, K), their gradient after the loss
    float *loss, *hit;                  // (steps x B): one epoch, read back at its end
    float *memory;                      // the one allocation behind all of them
};

void loop_close(struct loop *s)
{
    if (!s)
        return;
    device_release(s->d, s->memory);
    text_free(s->text);
    free(s);
}

int loop_open(struct loop **out, struct learner *l, const struct text_prompts *prompts,
              size_t images, int batch, struct err *e)
{
    size_t N = images, K = prompts->K, E = (size_t)l->clip->shape.embed;
    size_t B = N < (size_t)batch ? N : (size_t)batch;
    struct loop *s = mem_zero(1, sizeof *s);
    *s = (struct loop){.l = l, .d = l->device, .N = (int)N, .K = (int)K, .E = (int)E, .B = (int)B};
    int rc = text_new(&s->text, l->clip, prompts, l->M, TEXT_BACKWARD, e);
    if (rc < 0)
        goto fail;
    const struct {
        float **to;
        size_t n;
    } parts[] = {
        {&s->images, N * E}, {&s->image_norm, N}, {&s->batch, B * E}, {&s->features, K * E},
        {&s->unit, K * E},   {&s->text_norm, K},  {&s->dunit, K * E}, {&s->dfeatures, K * E},
        {&s->logits, B * K}, {&s->loss, N},       {&s->hit, N},
    };
    size_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        total += (parts[i].n + 15) / 16 * 16;
    s->memory = device_floats(s->d, total);
    total = 0;
    for (size_t i = 0; s->memory && i < sizeof parts / sizeof parts[0]; i++) {
        *parts[i].to = s->memory + total;
        total += (parts[i].n + 15) / 16 * 16;
    }
    if ((rc = device_sync(s->d, e)) < 0)
        goto fail;
    *out = s;
    return 0;
fail:
    loop_close(s);
    return rc;
}

void loop_images(struct loop *s, const float *images)
{
    size_t n = (size_t)s->N * (size_t)s->E;
    s->d->ops->upload(s->d, s->images, images, n * sizeof *images);
    s->d->ops->l2norm_fwd(s->d, s->images, s->image_norm, s->images, s->N, s->E);
}

void loop_step(struct loop *s, const struct loop_config *config, const int *rows, const int *labels,
               int n, size_t at, double lr, uint64_t number)
{
    struct learner *l = s->l;
    struct device *d = s->d;
    const struct device_ops *ops = d->ops;
    float scale = l->clip->logit_scale;
    l->method->compose(l, true, number);
    text_forward(s->text, l->context, s->features);
    ops->l2norm_fwd(d, s->unit, s->text_norm, s->features, s->K, s->E);
    ops->gather(d, s->batch, s->images, rows, n, s->E);
    ops->matmul_nt(d, s->logits, s->batch, s->unit, n, s->K, s->E, scale);
    ops->cross_entropy(d, s->loss + at, s->hit + at, s->logits, s->logits, labels, n, s->K);
    ops->matmul_tn(d, s->dunit, s->logits, s->batch, s->K, s->E, n, scale);
    ops->l2norm_bwd(d, s->dfeatures, s->dunit, s->unit, s->text_norm, s->K, s->E);
    text_backward(s->text, s->dfeatures, l->dcontext);
    l->method->backward(l);
    ops->sgd(d, l->parameters, l->momentum, l->gradient, l->n, (float)lr, (float)config->momentum,
             (float)config->weight_decay, number == 0);
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

int loop_train(struct learner *l, const struct text_prompts *prompts, const struct loop_data *data,
               const struct loop_config *config, struct rng *r, loop_report report, void *arg,
               struct err *e)
{
    if (data->N == 0)
        return err_set(e, ERR_RANGE, "no training images");
    struct loop *s;
    int rc = loop_open(&s, l, prompts, data->N, config->batch, e);
    if (rc < 0)
        return rc;
    size_t N = data->N, used = schedule_used(N, (size_t)config->batch);
    uint32_t *order = mem_alloc(N, sizeof *order);
    int *rows = mem_alloc(N, sizeof *rows), *labels = mem_alloc(N, sizeof *labels);
    float *images = mem_alloc(N * (size_t)s->E, sizeof *images);
    uint64_t number = 0;
    for (int epoch = 0; rc == 0 && epoch < config->epochs; epoch++) {
        if (epoch == 0 || data->V > 1) {
            data->view(data->arg, (size_t)epoch % data->V, images);
            loop_images(s, images);
        }
        schedule_order(r, N, order);
        for (size_t i = 0; i < N; i++) {
            rows[i] = (int)order[i];
            labels[i] = data->labels[order[i]];
        }
        struct loop_epoch done = {.epoch = epoch};
        done.lr = schedule_lr(epoch, config->epochs, config->lr, config->warmup_lr);
        for (size_t at = 0; at < used; at += (size_t)s->B)
            loop_step(s, config, rows + at, labels + at, s->B, at, done.lr, number++);
        rc = loop_read(s, &done, used, e);
        if (rc == 0)
            rc = report(arg, l, &done, e);
    }
    free(order);
    free(rows);
    free(labels);
    free(images);
    loop_close(s);
    return rc;
}
