/*
 * Views of decoded images: two passes of fixed-point weights, bytes in between, then numbers. A
 * view is a chunk, and the arithmetic is on integers, so nothing else can change its bits.
 */
#include "core/device/cpu/cpu.h"
#include "core/device/cpu/vec.h"

enum { HALF = 1 << (DEVICE_WEIGHT_BITS - 1) };

struct views {
    struct cpu *c;
    float *out;         // (n, 3, H, W)
    const float *value; // (3, 256)
    const struct device_view *views;
    int W, H;
};

VEC_INLINE uint8_t to_byte(int32_t sum)
{
    sum >>= DEVICE_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

/* out (W, 3): one row of `in`, resized. */
static void row_across(uint8_t *out, const uint8_t *in, const struct device_axis *x, int W)
{
    for (int i = 0; i < W; i++, out += 3) {
        const int32_t *weight = x->weight + (size_t)i * (size_t)x->taps;
        const uint8_t *p = in + 3 * (size_t)x->first[i];
        int32_t r = HALF, g = r, b = r;
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
CPU_CLONES static void rows_down(uint8_t *restrict out, int32_t *restrict sum,
                                 const uint8_t *restrict in, size_t bytes, const int32_t *weight,
                                 int count)
{
    for (size_t i = 0; i < bytes; i++)
        sum[i] = HALF;
    for (int t = 0; t < count; t++, in += bytes)
        for (size_t i = 0; i < bytes; i++)
            sum[i] += weight[t] * in[i];
    for (size_t i = 0; i < bytes; i++)
        out[i] = to_byte(sum[i]);
}

/* One row of each channel of an image of `plane` pixels. */
static void to_numbers(float *out, const uint8_t *row, const float *value, int W, size_t plane,
                       bool flip)
{
    const uint8_t *from = flip ? row + 3 * (W - 1) : row;
    const int step = flip ? -3 : 3;
    for (int c = 0; c < 3; c++, out += plane, value += 256)
        for (int x = 0; x < W; x++)
            out[x] = value[from[x * step + c]];
}

static void view_chunk(void *arg, size_t i)
{
    const struct views *a = arg;
    const struct device_view *v = &a->views[i];
    const int top = v->down.first[0], last = a->H - 1;
    const size_t rows = (size_t)(v->down.first[last] + v->down.count[last] - top);
    const size_t W = (size_t)a->W, bytes = 3 * W, plane = W * (size_t)a->H;
    int32_t *sum = (int32_t *)cpu_scratch(a->c, bytes + (bytes * (rows + 1) + 3) / 4);
    uint8_t *row = (uint8_t *)(sum + bytes), *middle = row + bytes;
    for (size_t r = 0; r < rows; r++)
        row_across(middle + r * bytes, v->rgb + ((size_t)top + r) * v->stride, &v->across, a->W);
    for (int y = 0; y < a->H; y++) {
        rows_down(row, sum, middle + (size_t)(v->down.first[y] - top) * bytes, bytes,
                  v->down.weight + (size_t)y * (size_t)v->down.taps, v->down.count[y]);
        to_numbers(a->out + 3 * i * plane + (size_t)y * W, row, a->value, a->W, plane, v->flip);
    }
}

void cpu_views(struct device *d, float *out, const float *value, const struct device_view *views,
               int n, int W, int H)
{
    struct views a = {cpu_of(d), out, value, views, W, H};
    if (!a.c->error.code)
        thread_run(a.c->pool, (size_t)n, view_chunk, &a);
}
