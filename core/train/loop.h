/*
 * The training loop: data order, learning rate, steps, optimizer. What a step computes is the
 * method's (core/method/method.h).
 */
#ifndef PROMPTGRID_TRAIN_LOOP_H
#define PROMPTGRID_TRAIN_LOOP_H

#include "core/method/method.h"

/* Training images. Features: epoch e uses view e % V, fetched whole into host memory. Pixels: batch
 * by batch into the device's. */
struct loop_data {
    void (*view)(void *arg, size_t view, float *out); // out (N, E) =, not unit length
    int (*pixels)(void *arg, int epoch, const int *rows, int n, float *out,
                  struct err *e); // out (n, 3, S, S) = images rows[0..n-1] of the epoch
    void *arg;
    size_t V, N;
    const int *labels; // (N) 0..K-1
};

struct loop_config {
    int epochs, batch;
    double lr, warmup_lr, momentum, weight_decay;
    double epsilon; // Adam's
};

/* Where training stands between two epochs; a checkpoint is this and the learner's kept arrays. */
struct loop_state {
    int epoch;       // next epoch to do
    uint64_t number; // steps done
    struct rng *rng; // gives the order
};

/* What one epoch came to. */
struct loop_epoch {
    int epoch;
    double loss;     // mean over the images used
    double lr;       // of its last step
    double accuracy; // percent, of the training batches as they were seen
};

/* The state of a training run. loop_train is made of these. */
struct loop;

int loop_open(struct loop **out, struct learner *l, size_t images, int batch, struct err *e);
void loop_close(struct loop *s);

/* images (N, E), host: what the next steps' rows refer to; not unit length. */
void loop_images(struct loop *s, const float *images);

/* (batch, 3, S, S), device: where the next step's pixels go, instead of rows. */
float *loop_pixels(struct loop *s);

/* Step `number` (from 0) on n images: rows (n) into loop_images (NULL after loop_pixels), labels
 * (n). Their losses and hits go to places at .. at + n - 1, which must be below N. */
void loop_step(struct loop *s, const struct loop_config *config, const int *rows, const int *labels,
               int n, size_t at, double lr, uint64_t number);

/* Mean loss and percent of hits of places 0 .. used - 1; ERR_NUMERIC for a loss that is not finite.
 */
int loop_read(struct loop *s, struct loop_epoch *epoch, size_t used, struct err *e);

/* Called after each epoch, when `state` already stands after it; a negative return stops the loop.
 */
typedef int (*loop_report)(void *arg, struct learner *l, const struct loop_epoch *epoch,
                           const struct loop_state *state, struct err *e);

/* Train `l`, whose training classes are set, from `state` to the last epoch. A loss that is not
 * finite is ERR_NUMERIC with the epoch and step, and the step and tensor that went wrong first. */
int loop_train(struct learner *l, const struct loop_data *data, const struct loop_config *config,
               struct loop_state *state, loop_report report, void *arg, struct err *e);

#endif
