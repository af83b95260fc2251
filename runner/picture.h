/* One picture, as the image tower takes it. */
#ifndef PROMPTGRID_RUNNER_PICTURE_H
#define PROMPTGRID_RUNNER_PICTURE_H

#include "core/device/device.h"

/* out (3, size, size), host, = decoded, the test transform, normalised. */
int picture_read(float *out, struct device *d, const char *path, int size, struct err *e);

#endif
