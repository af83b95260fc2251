/*
 * The training loop of the CoOp family: banked image features, a text tower, SGD.
 */
#ifndef PROMPTGRID_TRAIN_LOOP_H
#define PROMPTGRID_TRAIN_LOOP_H

#include "core/method/method.h"

/* Training images as features: host memory, borrowed. Epoch e uses view e % V. */
struct loop_data {
    void (*view)(void *arg, size_t view, float *out); // out (N, E) =, not unit length
    void *arg;
    size_t V, N;
    const int *labels; // (N) 0..K-1
};

struct loop_config {
    int epochs, batch;
    double lr, warmup_lr, momentum, weight_decay;
};

/* What one epoch came to. */
struct loop_epoch {
    int epoch;
    double loss; // mean over the images used
    double lr;
    double accuracy; // percent, of the training batches as they were seen
};

/* The state of a training run: prompts planned, images on the device. loop_train is made of these.
 */
struct loop;

int loop_open(struct loop **out, struct learner *l, const struct text_prompts *prompts,
              size_t images, int batch, struct err *e);
void loop_close(struct loop *s);

/* images (N, E), host: what the next steps' rows refer to; not unit length. */
void loop_images(struct loop *s, const float *images);

/* Step `number` (from 0) on n images: rows (n) into loop_images, labels (n). Their losses and hits
 * go to places at .. at + n - 1, which must be below N. */
void loop_step(struct loop *s, const struct loop_config *config, const int *rows, const int *labels,
               int n, size_t at, double lr, uint64_t number);

/* Mean loss and percent of hits of places 0 .. used - 1; ERR_NUMERIC for a loss that is not finite.
 */
int loop_read(struct loop *s, struct loop_epoch *epoch, size_t used, struct err *e);

/* Called after each epoch; a negative return stops the loop with that code. */
typedef int (*loop_report)(void *arg, struct learner *l, const struct loop_epoch *epoch,
                           struct err *e);

/* Train `l` on the prompts' classes. `r` is the stream after initialisation: it gives the order. A
 * loss that is not finite is ERR_NUMERIC with the epoch and step. */
int loop_train(struct learner *l, const struct text_prompts *prompts, const struct loop_data *data,
               const struct loop_config *config, struct rng *r, loop_report report, void *arg,
               struct err *e);

#endif
