/*
 * VPT's own part of a learner, apart from the method so that a test can bring its own start and
 * classifier.
 */
#ifndef PROMPTGRID_METHOD_VPT_H
#define PROMPTGRID_METHOD_VPT_H

#include "core/method/image_prompt.h"
#include "core/method/lowrank.h"

struct vpt {
    struct image_prompt image;
    int R; // rank; 0: trained in full
    struct lowrank factors;
    float *text, *text_norm; // (K, E) of unit length, (K)
    int B;                   // images that the following hold
    float *unit, *norm;      // (B, E), (B)
    float *logits;           // (B, K)
};

/* Text features (K, E) of the classes in work, device memory, any length, copied; and the image
 * tower for training or evaluating on them. */
int vpt_plan(struct learner *l, const float *features, int K, bool training, struct err *e);

#endif
