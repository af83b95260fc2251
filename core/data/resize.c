/*
 * Pillow's BICUBIC resize, bit for bit (spec/image-preprocess.md section 3, Pillow's Resample.c):
 * antialiased taps in double precision, 22-bit fixed-point weights, a horizontal pass to rounded
 * 8-bit pixels, then a vertical one. An axis that keeps its size has no pass.
 */
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/data/image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHT_BITS = 22 };

/* One axis: output i is the sum of weight[i * taps + t] * input[first[i] + t], t < count[i]. */
struct axis {
    int taps; // most taps of an output
    int *first, *count;
    int32_t *weight;
};

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

/* Weights of outputs at..at+n-1 of an axis resized from `in` to `out`. */
static struct axis axis_new(int in, int out, int at, int n)
{
    double scale = (double)in / out, stretch = scale < 1 ? 1 : scale, support = 2 * stretch;
    double shrink = 1 / stretch;
    struct axis x = {.taps = (int)ceil(support) * 2 + 1};
    x.first = mem_alloc((size_t)n, sizeof *x.first);
    x.count = mem_alloc((size_t)n, sizeof *x.count);
    x.weight = mem_alloc((size_t)n * (size_t)x.taps, sizeof *x.weight);
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
            double fixed = (sum != 0 ? w[t] / sum : w[t]) * (1 << WEIGHT_BITS);
            weight[t] = (int32_t)(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
        }
        x.first[i] = low;
        x.count[i] = high - low;
    }
    free(w);
    return x;
}

static void axis_release(struct axis *x)
{
    free(x->first);
    free(x->count);
    free(x->weight);
}

static uint8_t to_byte(int32_t sum)
{
    sum >>= WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* out (3 n): one row of n pixels from the row `in`. */
static void resize_row(uint8_t *out, const uint8_t *in, const struct axis *x, int n)
{
    for (int i = 0; i < n; i++, out += 3) {
        const int32_t *weight = x->weight + (size_t)i * (size_t)x->taps;
        const uint8_t *p = in + 3 * (size_t)x->first[i];
        int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
        for (int t = 0; t < x->count[i]; t++, p += 3) {
            r += weight[t] * p[0];
            g += weight[t] * p[1];
            b += weight[t] * p[2];
        }
        out[0] = to_byte(r);
        out[1] = to_byte(g);
        out[2] = to_byte(b);
    }
}

/* out (bytes): the sum of `count` weighted rows; sum (bytes) is scratch. */
static void resize_column(uint8_t *restrict out, int32_t *restrict sum, const uint8_t *restrict in,
                          size_t bytes, const int32_t *weight, int count)
{
    for (size_t i = 0; i < bytes; i++)
        sum[i] = 1 << (WEIGHT_BITS - 1);
    for (int t = 0; t < count; t++, in += bytes)
        for (size_t i = 0; i < bytes; i++)
            sum[i] += weight[t] * in[i];
    for (size_t i = 0; i < bytes; i++)
        out[i] = to_byte(sum[i]);
}

void image_resize_part(struct image *out, const struct image *in, int w, int h, int x, int y,
                       int cw, int ch)
{
    BUG_IF(x < 0 || y < 0 || cw < 1 || ch < 1 || x > w - cw || y > h - ch);
    struct axis across = {0}, down = {0};
    int top = y, rows = ch; // input rows that are needed
    if (h != in->h) {
        down = axis_new(in->h, h, y, ch);
        top = down.first[0];
        rows = down.first[ch - 1] + down.count[ch - 1] - top;
    }
    if (w != in->w)
        across = axis_new(in->w, w, x, cw);

    size_t bytes = 3 * (size_t)cw;
    uint8_t *middle = mem_alloc((size_t)rows, bytes); // (rows, cw, 3)
    for (int i = 0; i < rows; i++) {
        const uint8_t *row = in->rgb + 3 * (size_t)(top + i) * (size_t)in->w;
        if (across.first)
            resize_row(middle + (size_t)i * bytes, row, &across, cw);
        else
            memcpy(middle + (size_t)i * bytes, row + 3 * (size_t)x, bytes);
    }
    *out = (struct image){cw, ch, middle};
    if (down.first) {
        int32_t *sum = mem_alloc(bytes, sizeof *sum);
        out->rgb = mem_alloc((size_t)ch, bytes);
        for (int i = 0; i < ch; i++)
            resize_column(out->rgb + (size_t)i * bytes, sum,
                          middle + (size_t)(down.first[i] - top) * bytes, bytes,
                          down.weight + (size_t)i * (size_t)down.taps, down.count[i]);
        free(sum);
        free(middle);
    }
    axis_release(&across);
    axis_release(&down);
}

void image_resize(struct image *out, const struct image *in, int w, int h)
{
    image_resize_part(out, in, w, h, 0, 0, w, h);
}
