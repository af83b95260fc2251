/* One picture, as the image tower takes it. */
#ifndef PROMPTGRID_RUNNER_PICTURE_H
#define PROMPTGRID_RUNNER_PICTURE_H

#include "core/base/err.h"

/* out (3, size, size) = decoded, the test transform, normalised. */
int picture_read(float *out, const char *path, int size, struct err *e);

#endif
