/*
 * Decoding: JPEG (libjpeg-turbo, its default accurate settings) and PNG to 8-bit RGB, as Pillow's
 * convert("RGB") gives it (spec/image-preprocess.md section 1). EXIF rotation is not applied.
 */
#ifndef PROMPTGRID_DATA_IMAGE_H
#define PROMPTGRID_DATA_IMAGE_H

#include "core/base/err.h"
#include "core/base/hash.h"

#include <stdint.h>

struct image {
    int w, h;
    uint8_t *rgb; // (h, w, 3)
};

/* The kind is told by content, not by name. A truncated file, one that is neither JPEG nor PNG, or
 * one of more than 2^28 pixels is an error that names the file. */
int image_load(struct image *out, const char *path, struct err *e);
int image_load_hashed(struct image *out, char sha256[HASH_HEX], const char *path,
                      struct err *e); // of the file, also when it cannot be decoded
void image_release(struct image *image);

#endif
