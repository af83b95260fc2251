/*
 * Opening a device by its kind, and small helpers that every kind shares.
 */
#include "core/device/device.h"

#include "core/base/str.h"
#include "core/device/cpu/open.h"
#include "core/device/cuda/open.h"

#include <math.h>
#include <stdio.h>

int device_open(struct device **out, const char *kind, int threads, struct err *e)
{
    int index = -1, end = 0;
    if (str_eq(kind, "cpu"))
        return cpu_open(out, threads, e);
    if (str_eq(kind, "cuda") ||
        (sscanf(kind, "cuda:%9d%n", &index, &end) == 1 && !kind[end] && index >= 0))
        return cuda_open(out, index, threads, e);
    return err_set(e, ERR_USAGE, "unknown device '%s', expected 'cpu', 'cuda' or 'cuda:N'", kind);
}

int device_probe(struct device_info *info, int most, char *why, size_t size)
{
    return cuda_probe(info, most, why, size);
}

void device_close(struct device *d)
{
    if (d)
        d->ops->close(d);
}

char *device_describe(const struct device *d)
{
    return d->ops->describe(d);
}

float *device_floats(struct device *d, size_t n)
{
    return d->ops->alloc(d, n * sizeof(float));
}

float *device_put(struct device *d, const float *host, size_t n)
{
    float *block = device_floats(d, n);
    if (block)
        d->ops->upload(d, block, host, n * sizeof(float));
    return block;
}

int *device_put_ints(struct device *d, const int *host, size_t n)
{
    int *block = d->ops->alloc(d, n * sizeof *block);
    if (block)
        d->ops->upload(d, block, host, n * sizeof *block);
    return block;
}

struct device_rates device_rates(double lr, uint64_t number)
{
    const double step = (double)number + 1;
    return (struct device_rates){lr, 1 - pow(0.9, step), 1 - pow(0.999, step)};
}
