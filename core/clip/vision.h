/*
 * The image tower, forward only: a ViT or a ResNet (spec/clip-model.md sections 3 and 5).
 */
#ifndef PROMPTGRID_CLIP_VISION_H
#define PROMPTGRID_CLIP_VISION_H

#include "core/clip/model.h"

struct vision;

/* Working memory for up to `batch` images at once. */
struct vision *vision_new(const struct clip *m, int batch);
void vision_free(struct vision *v);

/* images (n, 3, S, S), normalised, host; out (n, E), host, not unit length; any n >= 0. An image's
 * features do not depend on what else is in the batch. */
int vision_forward(struct vision *v, const float *images, size_t n, float *out, struct err *e);

#endif
