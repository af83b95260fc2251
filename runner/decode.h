/*
 * A list of images, decoded batch by batch into memory that the device's views can see. On a
 * device that works apart the next batch is decoded while it works on the last.
 */
#ifndef PROMPTGRID_RUNNER_DECODE_H
#define PROMPTGRID_RUNNER_DECODE_H

#include "core/data/image.h"
#include "core/device/device.h"

struct decoder;

/* Decode image i of the list. Called from several threads, and again for an image whose batch was
 * full; images not farther apart than two batches may be in work. */
typedef int (*decoder_load)(void *arg, size_t i, struct image *out, struct err *e);

struct decoded {
    size_t first, n;            // images first .. first + n - 1 of the list; n = 0: no more
    const struct image *images; // (n); rgb is the device's memory
};

/* n images, up to `most` in a batch, and no more once its pixels take more than `budget` bytes:
 * they come with the next batch. */
enum { DECODED_BYTES = 384 << 20 }; // a budget
void decoder_open(struct decoder **out, struct device *d, int threads, size_t n, size_t most,
                  size_t budget, decoder_load load, void *arg);
void decoder_close(struct decoder *c); // NULL is fine

/* The next batch; the last one is gone. An error is that of the first image that has one. */
int decoder_next(struct decoder *c, struct decoded *out, struct err *e);

#endif
