/*
 * Images for methods that train on pixels: decoded, transformed and normalised when they are asked
 * for. A training image is kept decoded while memory allows. Augmentation is that of a feature
 * bank: the same view of the same image has the same pixels (core/data/augment.h).
 */
#ifndef PROMPTGRID_RUNNER_PIXELS_H
#define PROMPTGRID_RUNNER_PIXELS_H

#include "core/base/err.h"
#include "core/data/manifest.h"
#include "core/data/split.h"

#include <jansson.h>

struct pixels;

/* Images `items` (n, indices into the part's list, copied) at size x size. `bank`: the spec of the
 * bank that would hold their features, which says how they are augmented. */
void pixels_open(struct pixels **out, const struct split *split, const json_t *bank,
                 const size_t *items, size_t n, int size, int threads);
void pixels_close(struct pixels *p); // NULL is fine

/* Images have to be those of this manifest, which is borrowed. */
void pixels_manifest(struct pixels *p, const struct manifest *manifest);

/* out (n, 3, S, S) = images rows[0..n-1] as they are in `epoch`; as loop_data.pixels, arg is the
 * struct pixels. */
int pixels_batch(void *arg, int epoch, const int *rows, int n, float *out, struct err *e);

/* out (n, 3, S, S) = images first .. first + n - 1; as eval_images.fetch. */
int pixels_fetch(void *arg, size_t first, size_t n, float *out, struct err *e);

#endif
