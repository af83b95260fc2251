/*
 * Which GPUs there are, and why one cannot be used.
 */
#include "core/device/cuda/cuda.cuh"

#include "core/device/cuda/open.h"

#include <stdio.h>
#include <stdlib.h>

enum { OLDEST = 80 }; // compute capability that the kernels are compiled for

/* Why there are no GPUs, given what asking for their number said. */
static int no_devices(cudaError_t status, struct err *e)
{
    int driver = 0;
    cudaGetLastError();
    cudaDriverGetVersion(&driver);
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (status == cudaErrorInsufficientDriver && driver == 0)
        return err_set(e, ERR_MISSING,
                       "no NVIDIA driver; install one that serves CUDA %d.%d, or use device cpu",
                       CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    if (status == cudaErrorInsufficientDriver)
        return err_set(e, ERR_MISSING,
                       "the NVIDIA driver serves CUDA %d.%d, this build needs %d.%d; update the "
                       "driver, or use device cpu",
                       driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000,
                       CUDART_VERSION % 1000 / 10);
    if (status == cudaErrorNoDevice || status == cudaSuccess)
        return err_set(e, ERR_MISSING,
                       "the NVIDIA driver sees no GPU%s%s%s; see nvidia-smi, or use device cpu",
                       visible ? " (CUDA_VISIBLE_DEVICES is '" : "", visible ? visible : "",
                       visible ? "')" : "");
    return cuda_error(e, 0, status, "looking for GPUs");
}

/* The number of GPUs; an error when there are none. */
static int count_devices(struct err *e)
{
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    return status || count == 0 ? no_devices(status, e) : count;
}

/* The properties of GPU `index`; an error when it cannot be used. */
static int look(int index, cudaDeviceProp *p, struct err *e)
{
    cudaError_t status = cudaGetDeviceProperties(p, index);
    if (status)
        return cuda_error(e, index, status, "asking for properties");
    if (10 * p->major + p->minor < OLDEST)
        return err_set(e, ERR_MISSING,
                       "cuda:%d: %s has compute capability %d.%d, %d.%d or newer is needed", index,
                       p->name, p->major, p->minor, OLDEST / 10, OLDEST % 10);
    return 0;
}

int cuda_find(int *index, cudaDeviceProp *p, struct err *e)
{
    int count = count_devices(e), rc = 0;
    if (count < 0)
        return count;
    if (*index >= count)
        return err_set(e, ERR_USAGE, "there is no device cuda:%d; the last one is cuda:%d", *index,
                       count - 1);
    if (*index >= 0)
        return look(*index, p, e);
    for (int i = 0; i < count; i++) {
        struct err why;
        if (look(i, p, &why) == 0) {
            *index = i;
            return 0;
        }
        if (i == 0) {
            *e = why;
            rc = why.code;
        }
    }
    return rc; // what is wrong with the first
}

int cuda_probe(struct device_info *info, int most, char *why, size_t size)
{
    struct err e;
    int count = count_devices(&e), driver = 0;
    if (count < 0) {
        snprintf(why, size, "%.*s", (int)sizeof e.text, e.text);
        return 0;
    }
    cudaDriverGetVersion(&driver);
    for (int i = 0; i < count && i < most; i++) {
        struct device_info *at = &info[i];
        cudaDeviceProp p = {};
        *at = device_info{};
        e.text[0] = 0;
        int rc = look(i, &p, &e);
        snprintf(at->kind, sizeof at->kind, "cuda:%d", i);
        snprintf(at->name, sizeof at->name, "%.*s", (int)sizeof at->name - 1, p.name);
        at->major = p.major;
        at->minor = p.minor;
        at->driver = driver;
        at->toolkit = CUDART_VERSION;
        if (rc == 0) {
            // Only a context knows what is free; making one also shows whether the GPU answers.
            cudaError_t status = cudaSetDevice(i);
            if (!status)
                status = cudaMemGetInfo(&at->free, &at->memory);
            if (status)
                cuda_error(&e, i, status, "opening");
            cudaGetLastError();
        }
        snprintf(at->problem, sizeof at->problem, "%.*s", (int)sizeof at->problem - 1, e.text);
    }
    return count < most ? count : most;
}
