/*
 * Learning rate and data order of the reference engine (spec/training.md sections 1 to 3).
 */
#ifndef PROMPTGRID_TRAIN_SCHEDULE_H
#define PROMPTGRID_TRAIN_SCHEDULE_H

#include "core/base/rng.h"

#include <stddef.h>

/* Rate of 0-based `epoch` of `epochs`: warm-up in epoch 0, then half a cosine whose argument starts
 * at epoch 1: 0.5 lr (1 + cos(pi (epoch - 1) / epochs)). */
double schedule_lr(int epoch, int epochs, double lr, double warmup_lr);

/* Plain cosine over all steps, no warm-up: 0.5 lr (1 + cos(pi step / steps)). */
double schedule_cosine(uint64_t step, uint64_t steps, double lr);

/* Images per epoch that are used: the short last batch is dropped unless it is the only one. */
size_t schedule_used(size_t images, size_t batch);

/* order (n) = the epoch's permutation; takes the four draws that the reference's loader takes from
 * the main generator: the workers' base seed, then the sampler's seed. */
void schedule_order(struct rng *r, size_t n, uint32_t *order);

#endif
