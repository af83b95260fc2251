/* What an image's file is, by its first bytes: enough to tell a picture from a page or a stub. */
#ifndef PROMPTGRID_DATA_IMAGE_LOOK_H
#define PROMPTGRID_DATA_IMAGE_LOOK_H

#include "core/base/err.h"

#include <stdbool.h>

struct image_look {
    const char *kind; // "JPEG", "GIF", "a web page", "empty", ...; "of no known kind"
    bool readable;    // image_load may read it
    bool misnamed;    // readable, but its name says another kind; does no harm
};

/* ERR_MISSING: there is no such file. */
int image_look(struct image_look *out, const char *path, struct err *e);

#endif
