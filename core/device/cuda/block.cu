/*
 * A block of a frozen image tower with bf16 inside: half the bytes of fp32 between its parts, and
 * tensor cores for its attention, too. The residual stream stays fp32: the two projections add to
 * it.
 */
#include "core/device/cuda/block.cuh"
#include "core/device/cuda/blas.cuh"
#include "core/device/cuda/mma.cuh"

enum { THREADS = 256, EACH = 8 }; // elements of bf16 in 16 bytes

__device__ static __forceinline__ float quickgelu(float x)
{
    return __fdividef(x, 1.0f + __expf(-1.702f * x));
}

__device__ static __forceinline__ uint32_t gelu_pair(uint32_t pair, float2 bias)
{
    __nv_bfloat162 x;
    memcpy(&x, &pair, sizeof x);
    const float2 y = __bfloat1622float2(x);
    return pack_bf16(quickgelu(y.x + bias.x), quickgelu(y.y + bias.y));
}

/*
 * y (R, N) = QuickGELU(y + bias), n = R N; N is a multiple of 8.
 * Grid ceil(n / 2048), block 256, no shared memory; 4 n bytes, 8 n operations. A thread has 16
 * bytes.
 */
__global__ static void __launch_bounds__(THREADS)
    bias_gelu_k(__nv_bfloat16 *y, const float *bias, size_t n, int N)
{
    const size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (i >= n)
        return;
    const float4 *b = (const float4 *)(bias + i % (size_t)N);
    const float4 low = b[0], high = b[1];
    uint4 v = *(const uint4 *)(y + i);
    v.x = gelu_pair(v.x, make_float2(low.x, low.y));
    v.y = gelu_pair(v.y, make_float2(low.z, low.w));
    v.z = gelu_pair(v.z, make_float2(high.x, high.y));
    v.w = gelu_pair(v.w, make_float2(high.z, high.w));
    *(uint4 *)(y + i) = v;
}

void cuda_image_block(struct device *d, float *x, float *first, const struct device_block *b, int B,
                      int T, int H)
{
    struct cuda *c = cuda_of(d);
    const int C = H * DEVICE_HEAD, rows = B * T, Q = first ? 1 : T, R = B * Q;
    float *to = first ? first : x;
    const size_t n = (size_t)rows * (size_t)C;
    __nv_bfloat16 *y = (__nv_bfloat16 *)cuda_scratch(c, SCRATCH_WORK, 5 * n * sizeof *y);
    if (!y)
        return;
    __nv_bfloat16 *wide = y + n; // (rows, 4C)
    cuda_layernorm_narrow(c, y, x, b->ln1_gamma, b->ln1_beta, rows, C);
    cuda_linear_chain(c, wide, y, b->qkv, rows, CHAIN_NARROW);
    cuda_attention_narrow(c, y, wide, cuda_linear_bias(b->qkv), B, Q, T, H);
    cuda_linear_chain(c, to, y, b->out, R, CHAIN_BIAS | CHAIN_ADD);
    cuda_layernorm_narrow(c, y, to, b->ln2_gamma, b->ln2_beta, R, C);
    cuda_linear_chain(c, wide, y, b->fc, R, CHAIN_NARROW);
    const size_t hidden = (size_t)R * 4 * (size_t)C;
    LAUNCH(bias_gelu_k, cuda_blocks(hidden, THREADS * EACH), THREADS, 0, c, wide,
           cuda_linear_bias(b->fc), hidden, 4 * C);
    cuda_linear_chain(c, to, wide, b->proj, R, CHAIN_BIAS | CHAIN_ADD);
}
