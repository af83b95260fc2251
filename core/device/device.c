/*
 * Opening a device by its kind, and small helpers that every kind shares.
 */
#include "core/device/device.h"

#include "core/base/str.h"
#include "core/device/cpu/open.h"

#include <stdio.h>
#include <string.h>

int device_open(struct device **out, const char *kind, int threads, struct err *e)
{
    if (str_eq(kind, "cpu"))
        return cpu_open(out, threads, e);
    return err_set(e, ERR_USAGE, "unknown device '%s', expected 'cpu'", kind);
}

void device_close(struct device *d)
{
    if (d)
        d->ops->close(d);
}

char *device_describe(const struct device *d)
{
    char line[256], model[256] = "unknown";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %255[^\n]", model) == 1)
            break;
    if (f)
        fclose(f);
    return str_format("%s: %s, %s", d->ops->kind, model, cpu_library());
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
