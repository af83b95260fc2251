/* Learning rate and data order: see schedule.h. */
#include "core/train/schedule.h"

#include <math.h>

double schedule_lr(int epoch, int epochs, double lr, double warmup_lr)
{
    if (epoch == 0)
        return warmup_lr;
    return 0.5 * lr * (1 + cos(M_PI * (epoch - 1) / epochs));
}

double schedule_cosine(uint64_t step, uint64_t steps, double lr)
{
    return 0.5 * lr * (1 + cos(M_PI * (double)step / (double)steps));
}

size_t schedule_used(size_t images, size_t batch)
{
    return images < batch ? images : images / batch * batch;
}

void schedule_order(struct rng *r, size_t n, uint32_t *order)
{
    struct rng sampler;
    rng_torch_random63(r); // base seed of the loader's workers, which do not exist here
    rng_seed_torch(&sampler, rng_torch_random63(r));
    rng_torch_randperm(&sampler, n, order);
}
