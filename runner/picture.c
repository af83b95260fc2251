/* See picture.h. */
#include "runner/picture.h"

#include "core/data/augment.h"
#include "core/data/image.h"

int picture_read(float *out, const char *path, int size, struct err *e)
{
    struct image whole, view;
    int rc = image_load(&whole, path, e);
    if (rc < 0)
        return rc;
    augment_test(&view, &whole, size);
    augment_normalize(out, &view);
    image_release(&whole);
    image_release(&view);
    return 0;
}
