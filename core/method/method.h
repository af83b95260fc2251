/*
 * A prompt-tuning method at work on one run.
 *
 * A method owns a flat array of trained parameters and says how they make the context vectors that
 * the text tower reads; the loop in core/train does the rest. Add a method: one file here, one row
 * in method.c, one row in core/proto/method_keys.c.
 */
#ifndef PROMPTGRID_METHOD_METHOD_H
#define PROMPTGRID_METHOD_METHOD_H

#include "core/base/rng.h"
#include "core/clip/bpe.h"
#include "core/clip/text.h"

#include <jansson.h>

struct learner;

struct method {
    const char *name; // as in core/proto/method_keys.c

    /* Set M, n and start, allocate with learner_parameters and fill the initial parameters.
     * `params`: the spec's, every key resolved. `r`: torch's stream, where a prompt is initialised.
     * NULL = nothing is trained. */
    int (*init)(struct learner *l, const json_t *params, struct rng *r, struct err *e);

    /* context (M, C) = f(parameters); training: with dropout, whose mask depends on `step`. */
    void (*compose)(struct learner *l, bool training, uint64_t step);

    /* gradient (n) = from dcontext (M, C), after compose of the same step. */
    void (*backward)(struct learner *l);

    /* The prompts of these classes; names have their underscores replaced already. */
    int (*prompts)(struct learner *l, const json_t *params, char *const *names, size_t K,
                   struct text_prompts *out, struct err *e);

    void (*release)(struct learner *l); // (optional) of `own`
};

struct learner {
    const struct method *method;
    const struct clip *clip; // borrowed, as the next two
    struct bpe *bpe;
    struct device *device;
    uint64_t seed;
    int M, C;                                // context vectors, text width
    float *start;                            // host, (M, C): the context before training
    size_t n;                                // trained parameters
    float *parameters, *gradient, *momentum; // device, (n) each
    float *context, *dcontext;               // device, (M, C) each
    void *own;                               // the method's
};

const struct method *method_get(const char *name); // NULL if unknown

int learner_init(struct learner *l, const struct method *method, const struct clip *clip,
                 struct bpe *bpe, const json_t *params, uint64_t seed, struct rng *r,
                 struct err *e);
void learner_release(struct learner *l);

/* For methods: M x C context memory and n parameters, copied from `initial` (host). */
void learner_parameters(struct learner *l, int M, size_t n, const float *initial);

/* For methods: the embeddings of the words of `text`, one vector a word, as l->start and l->M
 * (spec/training.md section 4); ERR_RANGE when there are none. */
int learner_start_words(struct learner *l, const char *text, struct err *e);

/* For methods: SOT, the M context vectors, the class name's tokens and ".", EOT. */
int learner_prompts_end(struct learner *l, const json_t *params, char *const *names, size_t K,
                        struct text_prompts *out, struct err *e);

extern const struct method method_zero_shot, method_coop, method_rlp;

#endif
