/*
 * From a decoded image to a model's input (spec/image-preprocess.md sections 2 and 4): which part
 * of it is seen and how it is resized, for the device to look at (device_ops.views). The image's
 * pixels are not read here and may lie on the device.
 */
#ifndef PROMPTGRID_DATA_AUGMENT_H
#define PROMPTGRID_DATA_AUGMENT_H

#include "core/data/image.h"
#include "core/device/device.h"

#include <stddef.h>
#include <stdint.h>

/* Test transform: short side to `size` (bicubic), centre crop to size x size. */
void augment_test(struct device_view *out, const struct image *in, int size);

/* RandomResizedCrop's choice for one view and whether it is flipped. */
struct augment_crop {
    int top, left, h, w, flip;
};

/* The reference's rule with the given five-or-more uniform words, drawn through `draw`. */
typedef uint32_t (*augment_draw)(void *state);
struct augment_crop augment_choose(int w, int h, double scale_min, augment_draw draw, void *state);

/* Train transform of view `view` of image `image` (index in the train split), which shows at least
 * `scale_min` of the image: the draws come from the counter-based generator keyed by (seed, view,
 * image), so views do not depend on order. */
void augment_train(struct device_view *out, const struct image *in, int size, double scale_min,
                   uint64_t seed, uint64_t view, uint64_t image);

void augment_release(struct device_view *v);

/* ToTensor and Normalize of each byte, with CLIP's mean and std: what device_ops.views takes. */
enum { AUGMENT_VALUES = 3 * 256 };
void augment_values(float value[AUGMENT_VALUES]);

#endif
