/*
 * Views of decoded images: a kernel for each of the two passes, bytes in between. All arithmetic is
 * on integers, so the bytes are Pillow's and the CPU's.
 *
 * The views' tables are packed into one block, which goes up through pinned memory; as many views
 * pass at once as MIDDLE_BYTES of resized rows allow, at least one.
 */
#include "core/device/cuda/cuda.cuh"

#include <stdlib.h>
#include <string.h>

extern "C" {
#include "core/base/mem.h"
}

enum { THREADS = 256, ROWS = 8 }; // ROWS: of a block, which share a column's weights
static const size_t MIDDLE_BYTES = (size_t)64 << 20;

/* An axis in a packed block of ints: first, count and weights begin at these. */
struct packed_axis {
    int taps, first, count, weight;
};

struct packed_view {
    const uint8_t *rgb;
    size_t stride, middle; // middle: where its rows begin between the passes
    struct packed_axis across, down;
    int top, rows, flip; // the rows that `down` reads
};

__device__ static __forceinline__ uint8_t to_byte(int sum)
{
    return (uint8_t)min(max(sum >> DEVICE_WEIGHT_BITS, 0), 255);
}

/*
 * middle (rows, W, 3) of each view. Grid (ceil(most rows / 8), n), block 256, no shared memory; 3
 * bytes a pixel that is seen and 3 rows W written, weights from the cache; 6 rows W taps
 * operations.
 */
__global__ static void views_across_k(uint8_t *middle, const struct packed_view *views,
                                      const int *tables, int W)
{
    const struct packed_view v = views[blockIdx.y];
    const int row = (int)blockIdx.x * ROWS, rows = min(v.rows - row, (int)ROWS);
    if (rows <= 0)
        return;
    const uint8_t *from = v.rgb + (size_t)(v.top + row) * v.stride;
    uint8_t *to = middle + v.middle + (size_t)row * (size_t)W * 3;
    for (int x = (int)threadIdx.x; x < W; x += THREADS) {
        const int *weight = tables + v.across.weight + (size_t)x * (size_t)v.across.taps;
        const int count = tables[v.across.count + x];
        const uint8_t *column = from + 3 * (size_t)tables[v.across.first + x];
        int sum[ROWS][3];
        for (int i = 0; i < ROWS; i++)
            sum[i][0] = sum[i][1] = sum[i][2] = 1 << (DEVICE_WEIGHT_BITS - 1);
        for (int t = 0; t < count; t++) {
            const int w = weight[t];
            for (int i = 0; i < ROWS; i++)
                if (i < rows) {
                    const uint8_t *p = column + (size_t)i * v.stride + 3 * (size_t)t;
                    sum[i][0] += w * p[0];
                    sum[i][1] += w * p[1];
                    sum[i][2] += w * p[2];
                }
        }
        for (int i = 0; i < ROWS; i++)
            if (i < rows) {
                uint8_t *p = to + ((size_t)i * (size_t)W + (size_t)x) * 3;
                p[0] = to_byte(sum[i][0]);
                p[1] = to_byte(sum[i][1]);
                p[2] = to_byte(sum[i][2]);
            }
    }
}

/*
 * out (n, 3, H, W). Grid (ceil(H W / 256), n), block 256, no shared memory; 3 rows W bytes read and
 * 12 H W written a view, the rest from the cache; 6 H W taps operations.
 */
__global__ static void views_down_k(float *out, const float *value, const uint8_t *middle,
                                    const struct packed_view *views, const int *tables, int W,
                                    int H)
{
    const struct packed_view *v = &views[blockIdx.y];
    const size_t at = (size_t)blockIdx.x * THREADS + threadIdx.x, plane = (size_t)W * (size_t)H;
    if (at >= plane)
        return;
    const int y = (int)(at / (size_t)W), x = (int)(at % (size_t)W);
    const int *weight = tables + v->down.weight + (size_t)y * (size_t)v->down.taps;
    const int count = tables[v->down.count + y], first = tables[v->down.first + y] - v->top;
    const uint8_t *p = middle + v->middle + ((size_t)first * (size_t)W + (size_t)x) * 3;
    int r = 1 << (DEVICE_WEIGHT_BITS - 1), g = r, b = r;
    for (int t = 0; t < count; t++, p += 3 * (size_t)W) {
        const int w = weight[t];
        r += w * p[0];
        g += w * p[1];
        b += w * p[2];
    }
    out +=
        3 * (size_t)blockIdx.y * plane + (size_t)y * (size_t)W + (size_t)(v->flip ? W - 1 - x : x);
    out[0] = value[to_byte(r)];
    out[plane] = value[256 + to_byte(g)];
    out[2 * plane] = value[512 + to_byte(b)];
}

static size_t axis_ints(const struct device_axis *x, int n)
{
    return (size_t)n * (2 + (size_t)x->taps);
}

/* Behind the *used ints that are in tables. */
static struct packed_axis pack_axis(int *tables, size_t *used, const struct device_axis *x, int n)
{
    const size_t ints = (size_t)n, at = *used;
    memcpy(tables + at, x->first, ints * sizeof *tables);
    memcpy(tables + at + ints, x->count, ints * sizeof *tables);
    memcpy(tables + at + 2 * ints, x->weight, ints * (size_t)x->taps * sizeof *tables);
    *used += axis_ints(x, n);
    return {x->taps, (int)at, (int)(at + ints), (int)(at + 2 * ints)};
}

/* The rows that `down` reads. */
static int rows_of(const struct device_view *v, int H)
{
    return v->down.first[H - 1] + v->down.count[H - 1] - v->down.first[0];
}

/* n views at once. */
static void run_views(struct cuda *c, float *out, const float *value,
                      const struct device_view *views, int n, int W, int H, size_t middle_bytes)
{
    const size_t head = (size_t)n * sizeof(struct packed_view);
    size_t ints = 0, used = 0, middle = 0;
    int most = 0;
    for (int i = 0; i < n; i++)
        ints += axis_ints(&views[i].across, W) + axis_ints(&views[i].down, H);
    const size_t bytes = head + ints * sizeof(int);
    char *packed = (char *)mem_alloc(1, bytes);
    struct packed_view *to = (struct packed_view *)packed;
    int *tables = (int *)(packed + head);
    for (int i = 0; i < n; i++) {
        const struct device_view *v = &views[i];
        to[i].rgb = v->rgb;
        to[i].stride = v->stride;
        to[i].middle = middle;
        to[i].across = pack_axis(tables, &used, &v->across, W);
        to[i].down = pack_axis(tables, &used, &v->down, H);
        to[i].top = v->down.first[0];
        to[i].rows = rows_of(v, H);
        to[i].flip = v->flip;
        middle += (size_t)to[i].rows * (size_t)W * 3;
        most = to[i].rows > most ? to[i].rows : most;
    }
    char *there = (char *)cuda_scratch(c, SCRATCH_INPUT, bytes);
    uint8_t *rows = (uint8_t *)cuda_scratch(c, SCRATCH_WORK, middle_bytes);
    if (there && rows) {
        const struct packed_view *v = (const struct packed_view *)there;
        const int *t = (const int *)(there + head);
        cuda_upload(&c->device, there, packed, bytes);
        LAUNCH(views_across_k, dim3(cuda_blocks((size_t)most, ROWS), (unsigned)n), THREADS, 0, c,
               rows, v, t, W);
        LAUNCH(views_down_k, dim3(cuda_blocks((size_t)W * (size_t)H, THREADS), (unsigned)n),
               THREADS, 0, c, out, value, rows, v, t, W, H);
    }
    free(packed);
}

void cuda_views(struct device *d, float *out, const float *value, const struct device_view *views,
                int n, int W, int H)
{
    enum { MOST = 65535 }; // of a grid's second dimension
    struct cuda *c = cuda_of(d);
    if (c->error.code || cuda_recording(c, "views"))
        return;
    for (int at = 0, count; at < n; at += count) {
        size_t bytes = 0;
        for (count = 0; at + count < n && count < MOST; count++) {
            size_t more = (size_t)rows_of(&views[at + count], H) * (size_t)W * 3;
            if (count && bytes + more > MIDDLE_BYTES)
                break;
            bytes += more;
        }
        run_views(c, out + 3 * (size_t)at * (size_t)W * (size_t)H, value, views + at, count, W, H,
                  bytes);
    }
}
