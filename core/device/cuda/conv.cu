/*
 * Convolutions of images with channels last, as products: rows of what each output sees (im2col),
 * times the weights. A 1 x 1 kernel in fp32 has its rows already. Bias, sum and ReLU are the
 * product's epilogue.
 *
 * A fixed number of images of a convolution, `chunk`, is one product; a last chunk that is not full
 * is computed in scratch memory at its full size. So all products of a convolution have the same
 * sizes and alignments, and with them the same algorithm, which computes every row in the same way:
 * an image's bits do not depend on the others. The chunk is as large as its rows and its results
 * stay in the second-level cache.
 */
#include "core/device/cuda/blas.cuh"

#include <stdlib.h>

extern "C" {
#include "core/base/mem.h"
}

enum { THREADS = 256, WARPS = 8, MOST_IMAGES = 64 };
static const size_t CHUNK_BYTES = (size_t)32 << 20;

struct conv {
    struct conv_shape s;
    int side, flags;      // of the output; CONV_*
    int columns, ld;      // k k C, and how many a row of the product's input has
    int chunk;            // images
    bool aligned;         // whole chunks of images lie where one product may read and write them
    struct linear *layer; // (N, k k C)
};

/* ---- what outputs see ---- */

/* to[0..V-1] = from, or zeros where from is NULL */
__device__ static __forceinline__ void put(float *to, const float *from)
{
    *(float4 *)to = from ? *(const float4 *)from : make_float4(0, 0, 0, 0);
}

__device__ static __forceinline__ void put(__nv_bfloat16 *to, const float *from)
{
    const float4 v = from ? *(const float4 *)from : make_float4(0, 0, 0, 0);
    const __nv_bfloat162 low = __floats2bfloat162_rn(v.x, v.y);
    const __nv_bfloat162 high = __floats2bfloat162_rn(v.z, v.w);
    *(uint2 *)to = make_uint2(*(const uint32_t *)&low, *(const uint32_t *)&high);
}

__device__ static __forceinline__ void put_one(float *to, float x)
{
    *to = x;
}

__device__ static __forceinline__ void put_one(__nv_bfloat16 *to, float x)
{
    *to = __float2bfloat16_rn(x);
}

/*
 * rows (n, ld) = the k k C inputs of each of n outputs, in order of kernel row, kernel column and
 * channel; zeros beyond the image and from column k k C on. A warp makes a row. Grid ceil(n / 8),
 * block 256, no shared memory; reads each input up to k k times, most from the cache, writes n ld
 * elements. V: channels at once, 4 by 16-byte accesses where C is a multiple of 4, else 1.
 */
template <class T, int V>
__global__ static void unfold_k(T *rows, const float *x, unsigned n, struct conv_shape s, int side,
                                int ld)
{
    const unsigned row = blockIdx.x * WARPS + threadIdx.x / WARP;
    if (row >= n)
        return;
    const int column = (int)(row % (unsigned)side) * s.stride - s.k / 2;
    const unsigned above = row / (unsigned)side;
    const int line = (int)(above % (unsigned)side) * s.stride - s.k / 2;
    const float *image = x + (size_t)(above / (unsigned)side) * (size_t)s.S * (size_t)s.S * s.C;
    T *to = rows + (size_t)row * (size_t)ld;
    for (int j = (int)(threadIdx.x % WARP) * V; j < ld; j += WARP * V) {
        const int tap = j / s.C, channel = j % s.C;
        const int at_y = line + tap / s.k, at_x = column + tap % s.k;
        const bool inside = tap < s.k * s.k && at_y >= 0 && at_y < s.S && at_x >= 0 && at_x < s.S;
        const float *from =
            inside ? image + ((size_t)at_y * (size_t)s.S + (size_t)at_x) * (size_t)s.C + channel
                   : NULL;
        if (V == 4)
            put(to + j, from);
        else
            put_one(to + j, from ? *from : 0.0f);
    }
}

template <class T>
static void unfold(struct cuda *c, T *rows, const float *x, const struct conv *w, int images)
{
    const unsigned n = (unsigned)(images * w->side * w->side);
    if (w->s.C % 4 == 0 && w->ld % 4 == 0 && cuda_aligned(x, rows, NULL))
        LAUNCH((unfold_k<T, 4>), cuda_blocks(n, WARPS), THREADS, 0, c, rows, x, n, w->s, w->side,
               w->ld);
    else
        LAUNCH((unfold_k<T, 1>), cuda_blocks(n, WARPS), THREADS, 0, c, rows, x, n, w->s, w->side,
               w->ld);
}

/* ---- convolutions ---- */

static size_t in_floats(const struct conv *w)
{
    return (size_t)w->s.S * (size_t)w->s.S * (size_t)w->s.C;
}

static size_t out_floats(const struct conv *w)
{
    return (size_t)w->side * (size_t)w->side * (size_t)w->s.N;
}

/* Whether the images are the product's rows as they are. */
static bool plain(const struct conv *w)
{
    return w->s.k == 1 && w->s.stride == 1 && !(w->flags & CONV_BF16);
}

/* Bytes of an image's rows. */
static size_t row_bytes(const struct conv *w)
{
    return (size_t)w->side * (size_t)w->side * (size_t)w->ld * (w->flags & CONV_BF16 ? 2 : 4);
}

struct conv *cuda_conv_new(struct device *d, const float *weight, const float *bias,
                           const struct conv_shape *s, int flags)
{
    BUG_IF(s->k % 2 == 0);
    enum { ALIGNMENT = 256 }; // bytes, the most that a product's algorithm may ask for
    struct conv *w = (struct conv *)mem_zero(1, sizeof *w);
    const size_t C = (size_t)s->C, taps = (size_t)s->k * (size_t)s->k, n = (size_t)s->N * taps * C;
    w->s = *s;
    w->side = (s->S - 1) / s->stride + 1;
    w->flags = flags;
    w->columns = (int)(taps * C);
    w->ld = flags & CONV_BF16 ? cuda_padded(w->columns) : w->columns;
    const size_t in = row_bytes(w), out = out_floats(w) * sizeof(float);
    w->chunk = MOST_IMAGES;
    while (w->chunk > 1 && (size_t)w->chunk * (in > out ? in : out) > CHUNK_BYTES)
        w->chunk /= 2;
    const size_t step = (size_t)w->chunk * sizeof(float);
    w->aligned = step * in_floats(w) % ALIGNMENT == 0 && step * out_floats(w) % ALIGNMENT == 0;
    float *turned = (float *)mem_alloc(n, sizeof *turned); // (N, k, k, C)
    for (size_t i = 0; i < n; i++)
        turned[i] = weight[(i / C / taps * C + i % C) * taps + i / C % taps];
    w->layer = cuda_linear_new(d, turned, bias, s->N, w->columns,
                               LINEAR_FORWARD | (flags & CONV_BF16 ? LINEAR_BF16 : 0));
    free(turned);
    return w;
}

void cuda_conv_free(struct device *d, struct conv *w)
{
    if (!w)
        return;
    cuda_linear_free(d, w->layer);
    free(w);
}

/* The product's input of `images` images, room for a whole chunk behind it. */
static const void *rows_of(struct cuda *c, const float *x, const struct conv *w, int images)
{
    if (plain(w) && images == w->chunk && w->aligned)
        return x;
    void *rows = cuda_scratch(c, SCRATCH_INPUT, (size_t)w->chunk * row_bytes(w));
    if (!rows)
        return NULL;
    if (plain(w))
        cuda_copy(&c->device, rows, x, (size_t)images * in_floats(w) * sizeof *x);
    else if (w->flags & CONV_BF16)
        unfold(c, (__nv_bfloat16 *)rows, x, w, images);
    else
        unfold(c, (float *)rows, x, w, images);
    return rows;
}

void cuda_conv_fwd(struct device *d, float *y, const float *x, const struct conv *w, int B)
{
    struct cuda *c = cuda_of(d);
    const int flags = CHAIN_BIAS | (w->flags & CONV_ADD ? CHAIN_ADD : 0) |
                      (w->flags & CONV_RELU ? CHAIN_RELU : 0);
    const size_t out = out_floats(w);
    for (int at = 0; at < B; at += w->chunk, x += (size_t)w->chunk * in_floats(w)) {
        const int images = B - at < w->chunk ? B - at : w->chunk;
        const bool whole = images == w->chunk && w->aligned;
        const size_t bytes = (size_t)images * out * sizeof *y;
        float *there = y + (size_t)at * out;
        const void *rows = rows_of(c, x, w, images);
        float *to = there;
        if (!whole)
            to = (float *)cuda_scratch(c, SCRATCH_WORK, (size_t)w->chunk * out * sizeof *y);
        if (!rows || !to)
            return;
        if (!whole && w->flags & CONV_ADD)
            cuda_copy(d, to, there, bytes);
        cuda_linear_chain(c, to, rows, w->layer, w->chunk * w->side * w->side, flags);
        if (!whole)
            cuda_copy(d, there, to, bytes);
    }
}

/* ---- pooling ---- */

/* Grid ceil(n / 256), block 256, no shared memory; 4 k k n bytes read, 4 n written; k k n
 * operations. A thread adds its window's rows in order. */
__global__ static void avgpool_k(float *y, const float *x, size_t n, int S, int C, int k)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x, side = (size_t)(S / k);
    if (i >= n)
        return;
    const size_t c = i % (size_t)C, at = i / (size_t)C, row = at / side * (size_t)k;
    // Rows of an image's windows follow each other, and so do images, for S is a multiple of k.
    const float *from = x + (row * (size_t)S + at % side * (size_t)k) * (size_t)C + c;
    float sum = 0;
    for (int dy = 0; dy < k; dy++)
        for (int dx = 0; dx < k; dx++)
            sum += from[((size_t)dy * (size_t)S + (size_t)dx) * (size_t)C];
    y[i] = sum * (1.0f / (float)(k * k));
}

void cuda_avgpool(struct device *d, float *y, const float *x, int B, int S, int C, int k)
{
    BUG_IF(S % k);
    const size_t side = (size_t)(S / k), n = (size_t)B * side * side * (size_t)C;
    LAUNCH(avgpool_k, cuda_blocks(n, THREADS), THREADS, 0, cuda_of(d), y, x, n, S, C, k);
}
