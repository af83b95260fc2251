/*
 * Prompts of their own in both towers, deep ones too: what IVLP and PromptSRC share.
 */
#ifndef PROMPTGRID_METHOD_IVLP_H
#define PROMPTGRID_METHOD_IVLP_H

#include "core/method/image_prompt.h"

struct ivlp {
    struct image_prompt image;
    size_t at; // where its (depth, M, V) are in the parameters, after the context's
};

/* Prompts as the reference draws them while it constructs CLIP: visual (p->depth, M, V), and deep
 * (text_depth, text_level numbers), whose level 0 is not drawn. `r` stands after that. */
void ivlp_draw(const struct learner *l, const struct image_prompt *p, int text_depth,
               size_t text_level, struct rng *r, float *visual, float *deep);

/* Parameters from the keys "context", "length", "image-length" and "depth". `r` comes to stand
 * where constructing CLIP with such prompts leaves it. */
int ivlp_open(struct ivlp *s, struct learner *l, struct rng *r, struct err *e);
void ivlp_release(struct ivlp *s, struct learner *l);

int ivlp_classes(struct ivlp *s, struct learner *l, char *const *names, int K, bool training,
                 struct err *e);
/* After context_plan: the image tower for the same classes. */
int ivlp_plan(struct ivlp *s, struct learner *l, bool training, struct err *e);

/* Both towers: the context's unit, batch and logits. */
void ivlp_forward(struct ivlp *s, struct learner *l, const struct batch *b);
/* gradient = from the context's dunit and the image's dunit */
void ivlp_backward(struct ivlp *s, struct learner *l, int n);
void ivlp_logits(struct ivlp *s, struct learner *l, const float *images, int n, float *out);

#endif
