/*
 * CoOp: the context vectors themselves are trained (spec/training.md section 4; Zhou et al.,
 * "Learning to Prompt for Vision-Language Models", IJCV 2022).
 */
#include "core/base/str.h"
#include "core/method/context.h"
#include "core/proto/spec.h"

#include <stdlib.h>

static int init(struct learner *l, struct rng *r, struct err *e)
{
    const char *words = spec_get_text(l->params, "context");
    bool own = str_eq(spec_get_text(l->params, "class-specific"), "yes");
    int M = (int)spec_get_int(l->params, "length"), groups = own ? l->train_K : 1, rc = 0;
    float *start = NULL, *initial = NULL;
    if (*words) // words give one context for all classes, as in the reference
        rc = context_start_words(l, words, &start, &M, e);
    else
        context_start_random(l, r, groups, M, &start);
    if (rc < 0)
        return rc;
    context_open(l, start, *words ? 1 : groups, M, &initial);
    learner_parameters(l, l->context->n, initial);
    context_keep(l);
    free(initial);
    return *words ? context_rest(l, words, M, e) : 0;
}

const struct method method_coop = {
    .name = "coop",
    .init = init,
    .classes = context_classes,
    .step = context_step,
    .logits = context_logits,
    .release = context_free,
};
