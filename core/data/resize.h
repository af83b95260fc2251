/*
 * Resizing as Pillow's BICUBIC does it, antialiased, one axis at a time: the device applies the
 * weights (device_ops.views).
 */
#ifndef PROMPTGRID_DATA_RESIZE_H
#define PROMPTGRID_DATA_RESIZE_H

#include "core/device/device.h"

/* Outputs at .. at + n - 1 of an axis resized from `in` to `out`. */
struct device_axis resize_axis(int in, int out, int at, int n);
void resize_axis_release(struct device_axis *x);

#endif
