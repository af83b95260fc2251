/*
 * Optimizers with torch's semantics (spec/training.md section 1).
 */
#ifndef PROMPTGRID_TRAIN_OPTIM_H
#define PROMPTGRID_TRAIN_OPTIM_H

#include "core/train/loop.h"

/* parameters = from gradient, by the learner's optimizer; rates: of this step, device memory;
 * `first`: it is step 0. */
void optim_step(struct learner *l, const struct loop_config *config,
                const struct device_rates *rates, bool first);

#endif
