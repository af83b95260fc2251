/* Optimizers: see optim.h. */
#include "core/train/optim.h"

void optim_step(struct learner *l, const struct loop_config *c, double lr, uint64_t number)
{
    struct device *d = l->device;
    device_half(d, l->gradient, l->n);
    if (l->optimizer == OPTIMIZER_SGD)
        d->ops->sgd(d, l->parameters, l->moment, l->gradient, l->n, (float)lr, (float)c->momentum,
                    (float)c->weight_decay, number == 0);
    else
        d->ops->adam(d, l->parameters, l->moment, l->second, l->gradient, l->n, lr, c->epsilon,
                     c->weight_decay, l->optimizer == OPTIMIZER_ADAMW, number + 1);
}
