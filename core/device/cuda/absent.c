/*
 * In the place of the CUDA device where the build found no nvcc.
 */
#include "core/device/cuda/open.h"

#include <stdio.h>

#define WHY "this build has no CUDA: install the CUDA toolkit (nvcc) and build the preset 'cuda'"

int cuda_open(struct device **out, int index, int threads, struct err *e)
{
    (void)index;
    (void)threads;
    *out = NULL;
    return err_set(e, ERR_MISSING, "%s", WHY);
}

int cuda_probe(struct device_info *info, int most, char *why, size_t size)
{
    (void)info;
    (void)most;
    snprintf(why, size, "%s", WHY);
    return 0;
}
