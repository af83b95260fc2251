/* See picture.h. */
#include "runner/picture.h"

#include "core/data/augment.h"

int picture_read(float *out, struct device *d, const char *path, int size, struct err *e)
{
    struct image image;
    struct device_view view;
    float values[AUGMENT_VALUES];
    int rc = image_load(&image, path, e);
    if (rc < 0)
        return rc;
    const size_t bytes = 3 * (size_t)image.w * (size_t)image.h, n = 3 * (size_t)size * (size_t)size;
    struct image there = {image.w, image.h, d->ops->alloc(d, bytes)};
    float *numbers = device_floats(d, n);
    augment_values(values);
    float *table = device_put(d, values, AUGMENT_VALUES);
    rc = device_sync(d, e); // whether there was memory
    if (rc == 0) {
        augment_test(&view, &there, size);
        d->ops->upload(d, there.rgb, image.rgb, bytes);
        d->ops->views(d, numbers, table, &view, 1, size, size);
        d->ops->download(d, out, numbers, n * sizeof *out);
        rc = device_sync(d, e);
        augment_release(&view);
    }
    device_release(d, there.rgb);
    device_release(d, numbers);
    device_release(d, table);
    image_release(&image);
    return rc;
}
