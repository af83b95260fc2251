/*
 * Full attention of bf16 numbers on tensor cores, for heads of 64: what image_block is made of.
 *
 * A warp has 16 queries: their fragments, their scores against a tile of keys and their outputs
 * stay in its registers, and the softmax is kept up from tile to tile. Tiles of k and v come to
 * shared memory by asynchronous copies, the next ones while the present ones are used. mma.cuh
 * tells how fragments lie.
 *
 * The layer's bias comes along in fp32. q + b is made on the way in. k's is left out: it adds the
 * same to all scores of a query. v's goes to the output, where its weights sum to one.
 */
#include "core/device/cuda/block.cuh"
#include "core/device/cuda/mma.cuh"

enum {
    D = DEVICE_HEAD,
    ROWS = 16,     // queries of a warp
    MOST = 8,      // warps of a block
    KEYS = 64,     // of a tile
    PARTS = D / 8, // 16 bytes each, of a row
    TILE = KEYS * D,
};

/* Scores count in powers of two: q . k / sqrt(64), times log2(e). */
#define SCALE2 (0.125f * 1.44269504f)

/* 2^x to 2 units in the last place; 2^-infinity = 0 */
__device__ static __forceinline__ float power(float x)
{
#ifdef __CUDACC__
    asm("ex2.approx.ftz.f32 %0, %0;" : "+f"(x));
    return x;
#else
    return exp2f(x);
#endif
}

/* Where part `part` of a tile's row lies: 8 rows' same parts, and a row's 8, in all banks. */
__device__ static __forceinline__ int place(int row, int part)
{
    return row * D + (part ^ row % PARTS) * 8;
}

/* tile (KEYS, D) = rows first .. of `from` (T, ld); past the last that one again, whose score is
 * left out. By all threads, and not yet there. */
__device__ static __forceinline__ void fetch(__nv_bfloat16 *tile, const __nv_bfloat16 *from,
                                             size_t ld, int first, int T)
{
#pragma unroll 1 // for the registers
    for (int i = (int)threadIdx.x; i < KEYS * PARTS; i += (int)blockDim.x) {
        const int row = i / PARTS, part = i % PARTS;
        copy_async(tile + place(row, part), from + (size_t)min(first + row, T - 1) * ld + part * 8,
                   16);
    }
}

/* Columns c and c + 1 of a query, with their bias, scaled. */
__device__ static __forceinline__ uint32_t query_pair(const __nv_bfloat16 *row, const float *bias,
                                                      int c, bool real)
{
    if (!real)
        return 0;
    const float2 x = __bfloat1622float2(*(const __nv_bfloat162 *)(row + c));
    return pack_bf16(SCALE2 * (x.x + bias[c]), SCALE2 * (x.y + bias[c + 1]));
}

/* s (16, 64) = q k^T; -infinity from column `inside` on. */
__device__ static __forceinline__ void score(float s[KEYS / 8][4], const uint32_t q[D / 16][4],
                                             const __nv_bfloat16 *key, int inside)
{
    const int lane = (int)threadIdx.x % WARP;
    const int row = lane / 16 * 8 + lane % 8, part = lane / 8 % 2;
#pragma unroll
    for (int n = 0; n < KEYS / 16; n++) {
        float *left = s[2 * n], *right = s[2 * n + 1];
#pragma unroll
        for (int i = 0; i < 4; i++)
            left[i] = right[i] = 0;
        if (16 * n < inside) // the same for all
#pragma unroll
            for (int d = 0; d < D / 16; d++) {
                uint32_t k[4];
                load_matrix_x4(k, key + 16 * n * D + place(row, 2 * d + part));
                mma_16816_bf16(left, q[d], k);
                mma_16816_bf16(right, q[d], k + 2);
            }
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int column = 16 * n + lane % 4 * 2 + i % 2;
            left[i] = column < inside ? left[i] : -INFINITY;
            right[i] = column + 8 < inside ? right[i] : -INFINITY;
        }
    }
}

/* out (16, D) += p (16, 64) v, of the first `inside` keys */
__device__ static __forceinline__ void weigh(float out[D / 8][4], const float p[KEYS / 8][4],
                                             const __nv_bfloat16 *value, int inside)
{
    const int lane = (int)threadIdx.x % WARP;
    const int row = lane / 8 % 2 * 8 + lane % 8, part = lane / 16;
#pragma unroll
    for (int n = 0; n < KEYS / 16; n++)
        if (16 * n < inside) { // the same for all
            const float *left = p[2 * n], *right = p[2 * n + 1];
            const uint32_t a[4] = {pack_bf16(left[0], left[1]), pack_bf16(left[2], left[3]),
                                   pack_bf16(right[0], right[1]), pack_bf16(right[2], right[3])};
#pragma unroll
            for (int d = 0; d < D / 16; d++) {
                uint32_t v[4];
                load_matrix_x4_trans(v, value + 16 * n * D + place(row, 2 * d + part));
                mma_16816_bf16(out[2 * d], a, v);
                mma_16816_bf16(out[2 * d + 1], a, v + 2);
            }
        }
}

/* Over the four lanes that share rows. */
__device__ static __forceinline__ float row_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}

__device__ static __forceinline__ float row_sum(float x)
{
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

/*
 * out (B, Q, C) = of the first Q tokens of qkv (B, T, 3C); bias (3C).
 * Grid B H blocks, block 32 warps (see the launch), 32,768 bytes of shared memory. 128 Q T
 * multiply-adds a head, on tensor cores 128 by the multiples of 16 above Q and T; 256 (Q + T)
 * bytes, and 256 T again for each further block of a head, from the L2 cache.
 */
__global__ static void __launch_bounds__(MOST *WARP, 2)
    attention_narrow_k(__nv_bfloat16 *out, const __nv_bfloat16 *qkv, const float *bias, int Q,
                       int T, int H, int blocks)
{
    __shared__ __align__(128) __nv_bfloat16 keys[2][TILE], values[2][TILE];
    const size_t C = (size_t)(H * D), ld = 3 * C;
    const unsigned head = blockIdx.x / (unsigned)blocks;
    const size_t image = head / (unsigned)H, h = head % (unsigned)H * D;
    const __nv_bfloat16 *q = qkv + image * (size_t)T * ld + h, *k = q + C, *v = k + C;
    const int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP, g = lane / 4,
              t = lane % 4;
    const int first =
        ((int)(blockIdx.x % (unsigned)blocks) * (int)(blockDim.x / WARP) + warp) * ROWS;
    uint32_t query[D / 16][4];
    float sum[D / 8][4] = {}, top[2] = {-INFINITY, -INFINITY}, total[2] = {};
    fetch(keys[0], k, ld, 0, T);
    fetch(values[0], v, ld, 0, T);
    copy_async_commit();
#pragma unroll
    for (int d = 0; d < D / 16; d++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int row = first + g + i % 2 * 8;
            query[d][i] =
                query_pair(q + (size_t)row * ld, bias + h, 16 * d + 2 * t + i / 2 * 8, row < Q);
        }
    for (int at = 0, now = 0; at < T; at += KEYS, now = 1 - now) {
        copy_async_wait(0);
        __syncthreads(); // these tiles are there, the others have been used
        if (at + KEYS < T) {
            fetch(keys[1 - now], k, ld, at + KEYS, T);
            fetch(values[1 - now], v, ld, at + KEYS, T);
            copy_async_commit();
        }
        if (first >= Q)
            continue;
        float s[KEYS / 8][4], most[2] = {top[0], top[1]};
        score(s, query, keys[now], T - at);
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                most[i / 2] = fmaxf(most[i / 2], s[n][i]);
#pragma unroll
        for (int r = 0; r < 2; r++) {
            most[r] = row_max(most[r]);
            const float fade = power(top[r] - most[r]);
            top[r] = most[r];
            total[r] *= fade;
#pragma unroll
            for (int n = 0; n < D / 8; n++) {
                sum[n][2 * r] *= fade;
                sum[n][2 * r + 1] *= fade;
            }
        }
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                s[n][i] = power(s[n][i] - top[i / 2]);
                total[i / 2] += s[n][i];
            }
        weigh(sum, s, values[now], T - at);
    }
    if (first >= Q)
        return;
#pragma unroll
    for (int r = 0; r < 2; r++) {
        const int row = first + g + 8 * r;
        const float inverse = 1.0f / row_sum(total[r]);
        __nv_bfloat16 *to = out + (image * (size_t)Q + (size_t)row) * C + h;
#pragma unroll
        for (int n = 0; n < D / 8; n++) {
            const int c = 8 * n + 2 * t;
            const float *b = bias + 2 * C + h + c;
            if (row < Q)
                *(uint32_t *)(to + c) =
                    pack_bf16(sum[n][2 * r] * inverse + b[0], sum[n][2 * r + 1] * inverse + b[1]);
        }
    }
}

void cuda_attention_narrow(struct cuda *c, __nv_bfloat16 *out, const __nv_bfloat16 *qkv,
                           const float *bias, int B, int Q, int T, int H)
{
    /* As few blocks as hold a head's queries, and no more warps than they need: 197 tokens are 13
     * warps' work, so 2 blocks of 7. */
    const unsigned work = cuda_blocks((size_t)Q, ROWS), blocks = cuda_blocks(work, MOST),
                   warps = cuda_blocks(work, blocks);
    LAUNCH(attention_narrow_k, (unsigned)(B * H) * blocks, warps * WARP, 0, c, out, qkv, bias, Q, T,
           H, (int)blocks);
}
