/* What a device sees of an image in host memory: as numbers, or as an image again. */
#ifndef PROMPTGRID_TESTS_DATA_SEE_H
#define PROMPTGRID_TESTS_DATA_SEE_H

#include "t.h"

#include "core/base/mem.h"
#include "core/data/augment.h"

static inline struct device *see_open(const char *kind)
{
    struct device *d;
    struct err e;
    assert_ok(device_open(&d, kind, 2, &e), &e);
    return d;
}

/* (3, h, w) = values (3, 256) of v's bytes; v, whose rgb lies in `in`, is released. */
static inline float *see_numbers(struct device *d, const struct image *in, struct device_view *v,
                                 int w, int h, const float *values)
{
    struct err e;
    const size_t n = 3 * (size_t)w * (size_t)h, bytes = 3 * (size_t)in->w * (size_t)in->h;
    float *table = device_put(d, values, AUGMENT_VALUES), *out = device_floats(d, n);
    float *host = mem_alloc(n, sizeof *host);
    uint8_t *rgb = d->ops->alloc(d, bytes);
    d->ops->upload(d, rgb, in->rgb, bytes);
    struct device_view there = *v;
    there.rgb = rgb + (v->rgb - in->rgb);
    d->ops->views(d, out, table, &there, 1, w, h);
    d->ops->download(d, host, out, n * sizeof *host);
    assert_ok(device_sync(d, &e), &e);
    device_release(d, table);
    device_release(d, out);
    device_release(d, rgb);
    augment_release(v);
    return host;
}

/* The bytes themselves. */
static inline struct image see_bytes(struct device *d, const struct image *in,
                                     struct device_view *v, int w, int h)
{
    float same[AUGMENT_VALUES];
    for (int i = 0; i < AUGMENT_VALUES; i++)
        same[i] = (float)(i % 256);
    float *numbers = see_numbers(d, in, v, w, h, same);
    const size_t plane = (size_t)w * (size_t)h;
    struct image out = {w, h, mem_alloc(plane, 3)};
    for (size_t i = 0; i < 3 * plane; i++)
        out.rgb[i] = (uint8_t)numbers[i % 3 * plane + i / 3];
    free(numbers);
    return out;
}

/* What the model gets of the test transform: (3, size, size). */
static inline float *see_test(struct device *d, const struct image *in, int size)
{
    float values[AUGMENT_VALUES];
    struct device_view v;
    augment_values(values);
    augment_test(&v, in, size);
    return see_numbers(d, in, &v, size, size, values);
}

#endif
