/* What device.c needs of the CPU device. */
#ifndef PROMPTGRID_DEVICE_CPU_OPEN_H
#define PROMPTGRID_DEVICE_CPU_OPEN_H

#include "core/device/device.h"

int cpu_open(struct device **out, int threads, struct err *e);

#endif
