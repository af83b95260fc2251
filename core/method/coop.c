/*
 * CoOp: the context vectors themselves are trained (spec/training.md section 4; Zhou et al.,
 * "Learning to Prompt for Vision-Language Models", IJCV 2022). One context for all classes, name at
 * the end.
 */
#include "core/base/mem.h"
#include "core/method/method.h"
#include "core/proto/spec.h"

#include <string.h>

static int init(struct learner *l, const json_t *params, struct rng *r, struct err *e)
{
    const char *words = spec_get_text(params, "context");
    if (*words) {
        int rc = learner_start_words(l, words, e);
        if (rc < 0)
            return rc;
    } else {
        l->M = (int)spec_get_int(params, "length");
        size_t n = (size_t)l->M * (size_t)l->C;
        l->start = mem_alloc(n, sizeof *l->start);
        rng_torch_normal(r, 0.02f, n, l->start);
    }
    learner_parameters(l, l->M, (size_t)l->M * (size_t)l->C, l->start);
    return 0;
}

static void compose(struct learner *l, bool training, uint64_t step)
{
    (void)training;
    (void)step;
    l->device->ops->copy(l->device, l->context, l->parameters, l->n);
}

static void backward(struct learner *l)
{
    l->device->ops->copy(l->device, l->gradient, l->dcontext, l->n);
}

const struct method method_coop = {
    .name = "coop",
    .init = init,
    .compose = compose,
    .backward = backward,
    .prompts = learner_prompts_end,
};
