/*
 * RLP, re-parameterized low-rank prompt (arXiv 2312.10813): context = start + dropout(A B), A (M,
 * R), B (R, C), `start` frozen at the embeddings of the context words; deployed as start + A B, an
 * ordinary context. R (M + C) parameters.
 *
 * Not known from the paper and therefore assumed: the dropout rate, which factor starts at zero,
 * the other's standard deviation and stream (context.c). The product starts at zero, a saddle, so
 * the draw decides how many steps pass before training moves: at small learning rates seeds differ
 * a lot.
 */
#include "core/method/context.h"
#include "core/proto/spec.h"

#include <stdlib.h>

static int init(struct learner *l, struct rng *r, struct err *e)
{
    (void)r;
    float *start = NULL, *initial = NULL;
    int M, rc = context_start_words(l, spec_get_text(l->params, "context"), &start, &M, e);
    if (rc < 0)
        return rc;
    context_open(l, start, 1, M, &initial);
    learner_parameters(l, l->context->n, initial);
    context_keep(l);
    free(initial);
    return context_rest(l, spec_get_text(l->params, "context"), M, e);
}

const struct method method_rlp = {
    .name = "rlp",
    .init = init,
    .classes = context_classes,
    .step = context_step,
    .logits = context_logits,
    .release = context_free,
};
