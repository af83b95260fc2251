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

int vision_group(const struct vision *v);                // images that pass at once
int vision_ready(const struct vision *v, struct err *e); // whether there was enough memory

/* images (n, 3, S, S), normalised, host; out (n, E), host, not unit length; any n >= 0. An image's
 * features do not depend on what else is in the batch. */
int vision_forward(struct vision *v, const float *images, size_t n, float *out, struct err *e);

/* The same of n <= vision_group views, see device_ops.views: (n, E), device, until the next call.
 * `vision_ready` before. */
const float *vision_views(struct vision *v, const float *value, const struct device_view *views,
                          size_t n);

#endif
