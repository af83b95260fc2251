/*
 * Operations on single elements. One kernel serves all: which operation it is is the same for every
 * thread, and the time goes into memory.
 */
#include "core/device/cuda/cuda.cuh"

#include <cuda_fp16.h>

enum { THREADS = 256 };

enum operation {
    QUICKGELU_FWD,
    QUICKGELU_BWD,
    RELU_FWD,
    RELU_BWD,
    AFFINITY_FWD,
    AFFINITY_BWD,
    BLEND,
    ROUND_HALF,
    ADD
};

__device__ static __forceinline__ float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-1.702f * x));
}

/* x and z: the inputs at y's place; a, b: constants */
__device__ static __forceinline__ float element(enum operation what, float x, float z, float a,
                                                float b)
{
    float s;
    switch (what) {
    case QUICKGELU_FWD:
        return x * sigmoid(x);
    case QUICKGELU_BWD:
        s = sigmoid(z);
        return x * (s + 1.702f * z * s * (1.0f - s));
    case RELU_FWD:
        return x <= 0 ? 0 : x; // not a number stays not a number
    case RELU_BWD:
        return z > 0 ? x : 0;
    case AFFINITY_FWD:
        return expf(a * (x - 1.0f));
    case AFFINITY_BWD:
        return a * z * x;
    case BLEND:
        return a * z + b * x;
    case ROUND_HALF:
        return __half2float(__float2half_rn(x));
    case ADD:
        return z + x;
    }
    return 0;
}

/*
 * y (n) = element(x, z); z may be NULL.
 * Grid ceil(n / (256 wide)), block 256, no shared memory; 4 n bytes for each of x, z, y; about 10
 * operations an element. wide: 4 elements a thread by 16-byte accesses, else 1.
 */
__global__ static void pointwise_k(float *y, enum operation what, const float *x, const float *z,
                                   float a, float b, size_t n, int wide)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * (size_t)wide;
    if (i + 4 <= n && wide == 4) {
        float4 p = *(const float4 *)(x + i), q = make_float4(0, 0, 0, 0);
        if (z)
            q = *(const float4 *)(z + i);
        *(float4 *)(y + i) =
            make_float4(element(what, p.x, q.x, a, b), element(what, p.y, q.y, a, b),
                        element(what, p.z, q.z, a, b), element(what, p.w, q.w, a, b));
        return;
    }
    for (size_t last = i + (size_t)wide; i < n && i < last; i++)
        y[i] = element(what, x[i], z ? z[i] : 0, a, b);
}

static void pointwise(struct device *d, enum operation what, float *y, const float *x,
                      const float *z, float a, float b, size_t n)
{
    int wide = cuda_aligned(y, x, z) ? 4 : 1;
    LAUNCH(pointwise_k, cuda_blocks(n, (size_t)(THREADS * wide)), THREADS, 0, cuda_of(d), y, what,
           x, z, a, b, n, wide);
}

void cuda_quickgelu_fwd(struct device *d, float *y, const float *x, size_t n)
{
    pointwise(d, QUICKGELU_FWD, y, x, NULL, 0, 0, n);
}

void cuda_quickgelu_bwd(struct device *d, float *dx, const float *dy, const float *x, size_t n)
{
    pointwise(d, QUICKGELU_BWD, dx, dy, x, 0, 0, n);
}

void cuda_relu_fwd(struct device *d, float *y, const float *x, size_t n)
{
    pointwise(d, RELU_FWD, y, x, NULL, 0, 0, n);
}

void cuda_relu_bwd(struct device *d, float *dx, const float *dy, const float *y, size_t n)
{
    pointwise(d, RELU_BWD, dx, dy, y, 0, 0, n);
}

void cuda_affinity_fwd(struct device *d, float *y, const float *x, float beta, size_t n)
{
    pointwise(d, AFFINITY_FWD, y, x, NULL, beta, 0, n);
}

void cuda_affinity_bwd(struct device *d, float *dx, const float *dy, const float *y, float beta,
                       size_t n)
{
    pointwise(d, AFFINITY_BWD, dx, dy, y, beta, 0, n);
}

void cuda_blend(struct device *d, float *y, float a, const float *x, float b, size_t n)
{
    pointwise(d, BLEND, y, x, y, a, b, n);
}

void cuda_round_half(struct device *d, float *x, size_t n)
{
    pointwise(d, ROUND_HALF, x, x, NULL, 0, 0, n);
}

void cuda_add(struct device *d, float *y, const float *x, size_t n)
{
    pointwise(d, ADD, y, x, y, 0, 0, n);
}
