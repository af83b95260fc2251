/* Optimizers: see optim.h. */
#include "core/train/optim.h"

void optim_step(struct learner *l, const struct loop_config *c, const struct device_rates *rates,
                bool first)
{
    struct device *d = l->device;
    device_half(d, l->gradient, l->n);
    if (l->optimizer == OPTIMIZER_SGD)
        d->ops->sgd(d, l->parameters, l->moment, l->gradient, l->n, rates, (float)c->momentum,
                    (float)c->weight_decay, first);
    else
        d->ops->adam(d, l->parameters, l->moment, l->second, l->gradient, l->n, rates, c->epsilon,
                     c->weight_decay, l->optimizer == OPTIMIZER_ADAMW);
}
