/*
 * Prompts inside the image tower, for methods that train on pixels: memory, the tower's two
 * directions and what joins it to the logits. How the rows come from parameters is the method's
 * (spec/training.md sections 10 and 11).
 */
#ifndef PROMPTGRID_METHOD_IMAGE_PROMPT_H
#define PROMPTGRID_METHOD_IMAGE_PROMPT_H

#include "core/clip/vision_prompt.h"
#include "core/method/method.h"

struct image_prompt {
    int M, V, depth;             // rows of an image, width of the tower, levels
    float *vectors, *dvectors;   // device, (depth, M, V)
    struct vision_prompt *tower; // for training, or for evaluation
    int B;                       // images that the following hold
    float *features, *dfeatures; // (B, E), not unit length
    float *dunit;                // (B, E): gradient of the features at unit length
};

/* ERR_RANGE unless the image tower is a ViT and `depth` levels fit it and, with `text`, the text
 * tower as well. */
int image_prompt_check(const struct learner *l, int depth, bool text, struct err *e);

void image_prompt_open(struct image_prompt *p, const struct learner *l, int M, int depth);
void image_prompt_release(struct image_prompt *p, const struct learner *l);

/* A tower for training with the batch of the method's keys, or for evaluation. */
int image_prompt_plan(struct image_prompt *p, const struct learner *l, bool training,
                      struct err *e);

/* features (n, E) = of pixels (n, 3, S, S) with `vectors` */
void image_prompt_forward(struct image_prompt *p, struct learner *l, const float *pixels, int n);
/* dunit (n, E) = from dlogits (n, K) of exp(scale) unit text^T; text (K, E) of unit length */
void image_prompt_dunit(struct image_prompt *p, const struct learner *l, const float *dlogits,
                        const float *text, int n);
/* dvectors = from dunit; unit (n, E), norm (n): the features as unit vectors, and their lengths */
void image_prompt_backward(struct image_prompt *p, const struct learner *l, const float *unit,
                           const float *norm, int n);

#endif
