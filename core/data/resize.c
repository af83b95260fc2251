/*
 * Pillow's BICUBIC as weights, bit for bit (spec/image-preprocess.md section 3, Pillow's
 * Resample.c): antialiased taps in double precision, then 22-bit fixed point. See resize.h.
 */
#include "core/data/resize.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdlib.h>

/* Keys' cubic with a = -0.5. */
static double bicubic(double t)
{
    const double a = -0.5;
    t = fabs(t);
    if (t < 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    if (t < 2)
        return (((t - 5) * t + 8) * t - 4) * a;
    return 0;
}

static struct device_axis axis_new(int n, int taps)
{
    int *block = mem_alloc((size_t)n * (2 + (size_t)taps), sizeof *block);
    return (struct device_axis){taps, block, block + n, (int32_t *)block + 2 * n};
}

/* Every output is an input as it is. */
static struct device_axis axis_same(int at, int n)
{
    struct device_axis x = axis_new(n, 1);
    for (int i = 0; i < n; i++) {
        x.first[i] = at + i;
        x.count[i] = 1;
        x.weight[i] = 1 << DEVICE_WEIGHT_BITS;
    }
    return x;
}

struct device_axis resize_axis(int in, int out, int at, int n)
{
    if (in == out)
        return axis_same(at, n);
    double scale = (double)in / out, stretch = scale < 1 ? 1 : scale, support = 2 * stretch;
    double shrink = 1 / stretch;
    struct device_axis x = axis_new(n, (int)ceil(support) * 2 + 1);
    double *w = mem_alloc((size_t)x.taps, sizeof *w);
    for (int i = 0; i < n; i++) {
        double center = (at + i + 0.5) * scale, sum = 0;
        int low = (int)(center - support + 0.5), high = (int)(center + support + 0.5);
        low = low < 0 ? 0 : low;
        high = high > in ? in : high;
        for (int t = 0; t < high - low; t++) {
            w[t] = bicubic((t + low - center + 0.5) * shrink);
            sum += w[t];
        }
        int32_t *weight = x.weight + (size_t)i * (size_t)x.taps;
        for (int t = 0; t < high - low; t++) {
            double fixed = (sum != 0 ? w[t] / sum : w[t]) * (1 << DEVICE_WEIGHT_BITS);
            weight[t] = (int32_t)(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
        }
        x.first[i] = low;
        x.count[i] = high - low;
    }
    free(w);
    return x;
}

void resize_axis_release(struct device_axis *x)
{
    free(x->first);
    *x = (struct device_axis){0};
}
