/* What device.c needs of the CUDA device. A build without CUDA has absent.c instead of it. */
#ifndef PROMPTGRID_DEVICE_CUDA_OPEN_H
#define PROMPTGRID_DEVICE_CUDA_OPEN_H

#include "core/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

int cuda_open(struct device **out, int index, int threads, struct err *e);  // index -1: any usable
int cuda_probe(struct device_info *info, int most, char *why, size_t size); // see device_probe

#ifdef __cplusplus
}
#endif

#endif
