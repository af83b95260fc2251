/*
 * Images for methods that train on pixels: decoded, and seen by the device when they are asked for.
 * A training image stays decoded in the device's memory while PIXELS_KEPT bytes have room for it;
 * others are decoded each time. Augmentation is that of a feature
 * bank: the same view of the same image has the same pixels (core/data/augment.h).
 */
#ifndef PROMPTGRID_RUNNER_PIXELS_H
#define PROMPTGRID_RUNNER_PIXELS_H

#include "core/base/err.h"
#include "core/data/manifest.h"
#include "core/data/split.h"
#include "core/device/device.h"

#include <jansson.h>

struct pixels;

/* Images `items` (n, indices into the part's list, copied) at size x size. `bank`: the spec of the
 * bank that would hold their features, which says how they are augmented. */
enum { PIXELS_KEPT = 1 << 30 };
void pixels_open(struct pixels **out, struct device *d, const struct split *split,
                 const json_t *bank, const size_t *items, size_t n, int size, int threads);
void pixels_close(struct pixels *p); // NULL is fine

/* Images have to be those of this manifest, which is borrowed. */
void pixels_manifest(struct pixels *p, const struct manifest *manifest);

/* out (n, 3, S, S), device, = images rows[0..n-1] as they are in `epoch`; as loop_data.pixels, arg
 * is the struct pixels. */
int pixels_batch(void *arg, int epoch, const int *rows, int n, float *out, struct err *e);

/* out (n, 3, S, S), device, = images first .. first + n - 1; as eval_images.fetch. */
int pixels_fetch(void *arg, size_t first, size_t n, float *out, struct err *e);

#endif
