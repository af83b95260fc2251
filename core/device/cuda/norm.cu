/*
 * Layer norm and unit-length rows: a warp has a row. The row is read once from memory and again
 * from the cache; a block's rows are far smaller than it.
 */
#include "core/device/cuda/block.cuh"
#include "core/device/cuda/mma.cuh"

#include <cuda_fp16.h>

enum { WARPS = 4, THREADS = WARPS * WARP };

/* The warp's row, or -1 past the last. */
__device__ static __forceinline__ int warp_row(int R)
{
    int r = (int)(blockIdx.x * WARPS + threadIdx.x / WARP);
    return r < R ? r : -1;
}

/* The columns of v past the row's end, which are to count as 0. */
__device__ static __forceinline__ float4 inside(float4 v, int column, int C)
{
    if (column + 3 >= C)
        v.w = 0;
    if (column + 2 >= C)
        v.z = 0;
    if (column + 1 >= C)
        v.y = 0;
    return v;
}

__device__ static __forceinline__ float sum4(float4 v)
{
    return (v.x + v.y) + (v.z + v.w);
}

/* As to floats; these rows are always wide. */
__device__ static __forceinline__ void store4(__nv_bfloat16 *row, int column, int, bool, float4 v)
{
    *(uint2 *)(row + column) = make_uint2(pack_bf16(v.x, v.y), pack_bf16(v.z, v.w));
}

/*
 * y in fp32, with mean and rstd, or in bf16, without (both NULL).
 * Grid ceil(R / 4), block 128, no shared memory. 8 R C bytes, 6 R C to bf16 (x and y; x twice more
 * from the cache), 8 R C operations.
 */
template <class Y>
__global__ static void layernorm_fwd_k(Y *y, float *mean, float *rstd, const float *x,
                                       const float *gamma, const float *beta, int R, int C,
                                       bool wide)
{
    int r = warp_row(R), first = 4 * (int)(threadIdx.x % WARP);
    if (r < 0)
        return;
    const float *row = x + (size_t)r * (size_t)C;
    Y *out = y + (size_t)r * (size_t)C;
    float sum = 0, square = 0;
    for (int c = first; c < C; c += 4 * WARP)
        sum += sum4(load4(row, c, C, wide));
    float m = warp_sum(sum) / (float)C;
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide);
        v = inside(make_float4(v.x - m, v.y - m, v.z - m, v.w - m), c, C);
        square += sum4(make_float4(v.x * v.x, v.y * v.y, v.z * v.z, v.w * v.w));
    }
    float s = 1.0f / sqrtf(warp_sum(square) / (float)C + 1e-5f);
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide), g = load4(gamma, c, C, wide),
               b = load4(beta, c, C, wide);
        store4(out, c, C, wide,
               make_float4((v.x - m) * s * g.x + b.x, (v.y - m) * s * g.y + b.y,
                           (v.z - m) * s * g.z + b.z, (v.w - m) * s * g.w + b.w));
    }
    if (first == 0 && mean) {
        mean[r] = m;
        rstd[r] = s;
    }
}

/*
 * dx += rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma, xhat = (x - mean) rstd.
 * Grid ceil(R / 4), block 128, no shared memory. 16 R C bytes (dy, x, dx twice; dy and x again from
 * the cache), 14 R C operations.
 */
__global__ static void layernorm_bwd_k(float *dx, const float *dy, const float *x,
                                       const float *mean, const float *rstd, const float *gamma,
                                       int R, int C, bool wide)
{
    int r = warp_row(R), first = 4 * (int)(threadIdx.x % WARP);
    if (r < 0)
        return;
    const float *row = x + (size_t)r * (size_t)C, *slope = dy + (size_t)r * (size_t)C;
    float *out = dx + (size_t)r * (size_t)C;
    float m = mean[r], s = rstd[r], sum = 0, product = 0;
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide), d = load4(slope, c, C, wide),
               g = load4(gamma, c, C, wide);
        g = make_float4(d.x * g.x, d.y * g.y, d.z * g.z, d.w * g.w); // 0 past the end
        sum += sum4(g);
        product += sum4(make_float4(g.x * ((v.x - m) * s), g.y * ((v.y - m) * s),
                                    g.z * ((v.z - m) * s), g.w * ((v.w - m) * s)));
    }
    float g_mean = warp_sum(sum) / (float)C, p_mean = warp_sum(product) / (float)C;
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide), d = load4(slope, c, C, wide),
               g = load4(gamma, c, C, wide), o = load4(out, c, C, wide);
        o.x += (d.x * g.x - g_mean - (v.x - m) * s * p_mean) * s;
        o.y += (d.y * g.y - g_mean - (v.y - m) * s * p_mean) * s;
        o.z += (d.z * g.z - g_mean - (v.z - m) * s * p_mean) * s;
        o.w += (d.w * g.w - g_mean - (v.w - m) * s * p_mean) * s;
        store4(out, c, C, wide, o);
    }
}

void cuda_layernorm_fwd(struct device *d, float *y, float *mean, float *rstd, const float *x,
                        const float *gamma, const float *beta, int R, int C)
{
    bool wide = C % 4 == 0 && cuda_aligned(y, x, gamma) && cuda_aligned(beta, NULL, NULL);
    LAUNCH(layernorm_fwd_k<float>, cuda_blocks((size_t)R, WARPS), THREADS, 0, cuda_of(d), y, mean,
           rstd, x, gamma, beta, R, C, wide);
}

void cuda_layernorm_narrow(struct cuda *c, __nv_bfloat16 *y, const float *x, const float *gamma,
                           const float *beta, int R, int C)
{
    const bool wide = cuda_aligned(x, gamma, beta);
    float *none = NULL;
    LAUNCH(layernorm_fwd_k<__nv_bfloat16>, cuda_blocks((size_t)R, WARPS), THREADS, 0, c, y, none,
           none, x, gamma, beta, R, C, wide);
}

void cuda_layernorm_bwd(struct device *d, float *dx, const float *dy, const float *x,
                        const float *mean, const float *rstd, const float *gamma, int R, int C)
{
    bool wide = C % 4 == 0 && cuda_aligned(dx, dy, x) && cuda_aligned(gamma, NULL, NULL);
    LAUNCH(layernorm_bwd_k, cuda_blocks((size_t)R, WARPS), THREADS, 0, cuda_of(d), dx, dy, x, mean,
           rstd, gamma, R, C, wide);
}

__device__ static __forceinline__ float stored(float x, bool half)
{
    return half ? __half2float(__float2half_rn(x)) : x;
}

/*
 * Sums in double, as on the CPU: a `half` device rounds them, and a last bit could decide how.
 * Grid ceil(R / 4), block 128, no shared memory. 8 R C bytes, 3 R C operations, of them 2 R C in
 * double.
 */
__global__ static void l2norm_fwd_k(float *y, float *norm, const float *x, int R, int C, bool half,
                                    bool wide)
{
    int r = warp_row(R), first = 4 * (int)(threadIdx.x % WARP);
    if (r < 0)
        return;
    const float *row = x + (size_t)r * (size_t)C;
    float *out = y + (size_t)r * (size_t)C;
    double square = 0;
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide);
        square += ((double)v.x * v.x + (double)v.y * v.y) + ((double)v.z * v.z + (double)v.w * v.w);
    }
    float length = stored((float)sqrt(warp_sum(square)), half);
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide);
        store4(out, c, C, wide,
               make_float4(stored(v.x / length, half), stored(v.y / length, half),
                           stored(v.z / length, half), stored(v.w / length, half)));
    }
    if (first == 0)
        norm[r] = length;
}

/*
 * dx = (dy - y (y . dy)) / norm.
 * Grid ceil(R / 4), block 128, no shared memory. 12 R C bytes, 5 R C operations, of them 2 R C in
 * double.
 */
__global__ static void l2norm_bwd_k(float *dx, const float *dy, const float *y, const float *norm,
                                    int R, int C, bool wide)
{
    int r = warp_row(R), first = 4 * (int)(threadIdx.x % WARP);
    if (r < 0)
        return;
    const float *row = y + (size_t)r * (size_t)C, *slope = dy + (size_t)r * (size_t)C;
    float *out = dx + (size_t)r * (size_t)C;
    double along = 0;
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide), d = load4(slope, c, C, wide);
        along += ((double)v.x * d.x + (double)v.y * d.y) + ((double)v.z * d.z + (double)v.w * d.w);
    }
    float a = (float)warp_sum(along), length = norm[r];
    for (int c = first; c < C; c += 4 * WARP) {
        float4 v = load4(row, c, C, wide), d = load4(slope, c, C, wide);
        store4(out, c, C, wide,
               make_float4((d.x - v.x * a) / length, (d.y - v.y * a) / length,
                           (d.z - v.z * a) / length, (d.w - v.w * a) / length));
    }
}

void cuda_l2norm_fwd(struct device *d, float *y, float *norm, const float *x, int R, int C)
{
    bool wide = C % 4 == 0 && cuda_aligned(y, x, NULL);
    LAUNCH(l2norm_fwd_k, cuda_blocks((size_t)R, WARPS), THREADS, 0, cuda_of(d), y, norm, x, R, C,
           d->half, wide);
}

void cuda_l2norm_bwd(struct device *d, float *dx, const float *dy, const float *y,
                     const float *norm, int R, int C)
{
    bool wide = C % 4 == 0 && cuda_aligned(dx, dy, y);
    LAUNCH(l2norm_bwd_k, cuda_blocks((size_t)R, WARPS), THREADS, 0, cuda_of(d), dx, dy, y, norm, R,
           C, wide);
}
