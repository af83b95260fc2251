/*
 * Full attention in fp32: device.h's attention_fwd and attention_bwd, for heads of 64.
 *
 * Tiles of queries and keys pass through shared memory; a score exists only while its tile does.
 * The warps of a block share the tiles of the other side and own 16 rows each of theirs, so the
 * sums of a row are one warp's, in the order of the keys (of the queries, for gradients of keys and
 * values). The backward pass computes the scores again: first each query's largest score, sum and
 * gradient along its output, then everything's gradients.
 */
#include "core/device/cuda/cuda.cuh"

enum {
    D = DEVICE_HEAD,
    PITCH = D + 4, // floats of a tile's row: 4 rows, or 8 columns of 4, are in different banks
    OTHERS = 32,   // rows of a tile that all warps of the block go through
    ROWS = 16,     // of a warp's own tile
    FWD_WARPS = 4,
    BWD_WARPS = 2,
    SCORES = OTHERS + 4, // floats of a row of scores
    /* A lane has rows r + 4 i, i < 4, of its warp's 16, r = lane / 8; and of what they are
     * multiplied with columns c + 8 j, j < 4, of 32, or 4 c .. 4 c + 3 and 32 + the same, of 64,
     * c = lane % 8. */
    LANES = 8,
    I = 4,
    J = OTHERS / LANES,
    K = D / LANES,
};

/* Scores count in powers of two: q . k / sqrt(64), times log2(e). */
#define SCALE 0.125f
#define SCALE2 (SCALE * 1.44269504f)

/* tile (rows, PITCH) = rows first .. of `from` (T, ld); past the last they are 0. All threads. */
__device__ static __forceinline__ void load_tile(float *tile, const float *from, size_t ld,
                                                 int first, int rows, int T)
{
    for (int i = (int)threadIdx.x; i < rows * D; i += (int)blockDim.x) {
        const int row = i / D, column = i % D;
        tile[row * PITCH + column] =
            first + row < T ? from[(size_t)(first + row) * ld + (size_t)column] : 0;
    }
}

/* s = a b^T: own rows of a (ROWS, PITCH) by b (OTHERS, PITCH) */
__device__ static __forceinline__ void multiply_nt(float s[I][J], const float *a, const float *b)
{
    const int r = (int)threadIdx.x % WARP / LANES, c = (int)threadIdx.x % LANES;
#pragma unroll
    for (int i = 0; i < I; i++)
#pragma unroll
        for (int j = 0; j < J; j++)
            s[i][j] = 0;
#pragma unroll 1 // for the registers
    for (int d = 0; d < D; d += 4) {
        float4 x[I];
#pragma unroll
        for (int i = 0; i < I; i++)
            x[i] = *(const float4 *)(a + (r + 4 * i) * PITCH + d);
#pragma unroll
        for (int j = 0; j < J; j++) {
            const float4 y = *(const float4 *)(b + (c + LANES * j) * PITCH + d);
#pragma unroll
            for (int i = 0; i < I; i++) {
                s[i][j] += x[i].x * y.x;
                s[i][j] += x[i].y * y.y;
                s[i][j] += x[i].z * y.z;
                s[i][j] += x[i].w * y.w;
            }
        }
    }
}

/* sum += p b: own rows of p (ROWS, SCORES) by b (OTHERS, PITCH) */
__device__ static __forceinline__ void multiply_add(float sum[I][K], const float *p, const float *b)
{
    const int r = (int)threadIdx.x % WARP / LANES, c = (int)threadIdx.x % LANES;
#pragma unroll 1 // for the registers
    for (int k = 0; k < OTHERS; k += 4) {
        float x[I][4];
#pragma unroll
        for (int i = 0; i < I; i++) {
            const float4 v = *(const float4 *)(p + (r + 4 * i) * SCORES + k);
            x[i][0] = v.x, x[i][1] = v.y, x[i][2] = v.z, x[i][3] = v.w;
        }
#pragma unroll
        for (int l = 0; l < 4; l++) {
            const float4 y = *(const float4 *)(b + (k + l) * PITCH + 4 * c),
                         z = *(const float4 *)(b + (k + l) * PITCH + 4 * c + D / 2);
#pragma unroll
            for (int i = 0; i < I; i++) {
                sum[i][0] += x[i][l] * y.x;
                sum[i][1] += x[i][l] * y.y;
                sum[i][2] += x[i][l] * y.z;
                sum[i][3] += x[i][l] * y.w;
                sum[i][4] += x[i][l] * z.x;
                sum[i][5] += x[i][l] * z.y;
                sum[i][6] += x[i][l] * z.z;
                sum[i][7] += x[i][l] * z.w;
            }
        }
    }
}

/* The warp's own rows of scores to shared memory, for multiply_add. */
__device__ static __forceinline__ void put_scores(float *p, const float s[I][J])
{
    const int r = (int)threadIdx.x % WARP / LANES, c = (int)threadIdx.x % LANES;
    __syncwarp(); // the last product has read them
#pragma unroll
    for (int i = 0; i < I; i++)
#pragma unroll
        for (int j = 0; j < J; j++)
            p[(r + 4 * i) * SCORES + c + LANES * j] = s[i][j];
    __syncwarp();
}

/* Own rows first .. of `to` (T, ld) = factor sum. */
__device__ static __forceinline__ void put_rows(float *to, size_t ld, int first, int T,
                                                const float sum[I][K], const float factor[I])
{
    const int r = (int)threadIdx.x % WARP / LANES, c = (int)threadIdx.x % LANES;
#pragma unroll
    for (int i = 0; i < I; i++) {
        const int row = first + r + 4 * i;
        if (row < T)
#pragma unroll
            for (int k = 0; k < K; k++)
                to[(size_t)row * ld + (size_t)(4 * c + k % 4 + k / 4 * (D / 2))] =
                    sum[i][k] * factor[i];
    }
}

/* Sum and largest over the 8 lanes that share rows. */
__device__ static __forceinline__ float row_sum(float x)
{
    for (int apart = LANES / 2; apart; apart /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, apart);
    return x;
}

__device__ static __forceinline__ float row_max(float x)
{
    for (int apart = LANES / 2; apart; apart /= 2)
        x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, apart));
    return x;
}

/*
 * A row's products q . k become e^(score - largest so far), those from column `inside` on 0; *top
 * is the largest. What was summed with the one before is to be multiplied by the result.
 */
__device__ static __forceinline__ float soften(float s[J], float *top, int inside)
{
    float most = *top;
#pragma unroll
    for (int j = 0; j < J; j++) {
        s[j] = LANES * j < inside ? SCALE2 * s[j] : -INFINITY;
        most = fmaxf(most, s[j]);
    }
    most = row_max(most);
#pragma unroll
    for (int j = 0; j < J; j++)
        s[j] = exp2f(s[j] - most);
    const float fade = exp2f(*top - most);
    *top = most;
    return fade;
}

/* A block's head, and its own rows, of `tiles` tiles. */
struct place {
    size_t head;  // of all images' heads
    size_t C, ld; // floats from row to row of out, of qkv
    size_t out;   // where the head begins there
    size_t qkv;   // where its q begins; k is C further on, v 2C
    int tile;
};

__device__ static __forceinline__ struct place place_of(int T, int H, int tiles)
{
    struct place x;
    x.tile = (int)(blockIdx.x % (unsigned)tiles);
    x.head = blockIdx.x / (unsigned)tiles;
    const size_t image = x.head / (size_t)H, h = x.head % (size_t)H;
    x.C = (size_t)(H * D);
    x.ld = 3 * x.C;
    x.out = image * (size_t)T * x.C + h * D;
    x.qkv = image * (size_t)T * x.ld + h * D;
    return x;
}

/*
 * out (B, T, C) from qkv (B, T, 3C).
 * Grid B H ceil(T / 64), block 128, 44,032 bytes of shared memory. 128 T T multiply-adds a head;
 * 1,024 T bytes, and 512 T of k and v again for each further tile of queries, from the L2 cache.
 */
__global__ static void __launch_bounds__(FWD_WARPS *WARP)
    attention_fwd_k(float *out, const float *qkv, int T, int H, int tiles)
{
    __shared__ __align__(16) float query[FWD_WARPS * ROWS * PITCH], key[OTHERS * PITCH],
        value[OTHERS * PITCH], scores[FWD_WARPS * ROWS * SCORES];
    const struct place at = place_of(T, H, tiles);
    const float *q = qkv + at.qkv, *k = q + at.C, *v = k + at.C;
    const int warp = (int)threadIdx.x / WARP, column = (int)threadIdx.x % LANES;
    const int first = at.tile * FWD_WARPS * ROWS, own = first + warp * ROWS;
    float *p = scores + warp * ROWS * SCORES;
    float sum[I][K] = {}, top[I], total[I] = {}, s[I][J];
    for (int i = 0; i < I; i++)
        top[i] = -INFINITY;
    load_tile(query, q, at.ld, first, FWD_WARPS * ROWS, T);
    for (int other = 0; other < T; other += OTHERS) {
        __syncthreads(); // the last tiles have been used
        load_tile(key, k, at.ld, other, OTHERS, T);
        load_tile(value, v, at.ld, other, OTHERS, T);
        __syncthreads();
        if (own >= T)
            continue;
        multiply_nt(s, query + warp * ROWS * PITCH, key);
#pragma unroll
        for (int i = 0; i < I; i++) {
            const float fade = soften(s[i], &top[i], T - other - column);
            total[i] *= fade;
#pragma unroll
            for (int j = 0; j < J; j++)
                total[i] += s[i][j];
#pragma unroll
            for (int c = 0; c < K; c++)
                sum[i][c] *= fade;
        }
        put_scores(p, s);
        multiply_add(sum, p, value);
    }
    if (own >= T)
        return;
    for (int i = 0; i < I; i++)
        total[i] = 1.0f / row_sum(total[i]);
    put_rows(out + at.out, at.C, own, T, sum, total);
}

/*
 * dq, and of each query what tells its probabilities and their gradients: stats (B H, 3, T) =
 * largest score, 1 / sum, gradient along the output.
 * Grid B H ceil(T / 32), block 64, 39,424 bytes of shared memory. 320 T T multiply-adds a head;
 * 1,280 T bytes, and 1,024 T of k and v again for each further tile, from the L2 cache.
 */
__global__ static void __launch_bounds__(BWD_WARPS *WARP)
    attention_bwd_query_k(float *dqkv, float *stats, const float *dout, const float *qkv, int T,
                          int H, int tiles)
{
    __shared__ __align__(16) float query[BWD_WARPS * ROWS * PITCH],
        gradient[BWD_WARPS * ROWS * PITCH], key[OTHERS * PITCH], value[OTHERS * PITCH],
        scores[BWD_WARPS * ROWS * SCORES];
    const struct place at = place_of(T, H, tiles);
    const float *q = qkv + at.qkv, *k = q + at.C, *v = k + at.C;
    const int warp = (int)threadIdx.x / WARP, column = (int)threadIdx.x % LANES;
    const int first = at.tile * BWD_WARPS * ROWS, own = first + warp * ROWS;
    const float *mine = query + warp * ROWS * PITCH, *slope = gradient + warp * ROWS * PITCH;
    float *p = scores + warp * ROWS * SCORES;
    float sum[I][K] = {}, top[I], total[I] = {}, along[I] = {}, s[I][J], dp[I][J];
    for (int i = 0; i < I; i++)
        top[i] = -INFINITY;
    load_tile(query, q, at.ld, first, BWD_WARPS * ROWS, T);
    load_tile(gradient, dout + at.out, at.C, first, BWD_WARPS * ROWS, T);
    for (int other = 0; other < T; other += OTHERS) {
        __syncthreads();
        load_tile(key, k, at.ld, other, OTHERS, T);
        load_tile(value, v, at.ld, other, OTHERS, T);
        __syncthreads();
        if (own >= T)
            continue;
        multiply_nt(s, mine, key);
        multiply_nt(dp, slope, value);
#pragma unroll
        for (int i = 0; i < I; i++) {
            const float fade = soften(s[i], &top[i], T - other - column);
            total[i] *= fade;
            along[i] *= fade;
#pragma unroll
            for (int j = 0; j < J; j++) {
                total[i] += s[i][j];
                along[i] += s[i][j] * dp[i][j];
            }
        }
    }
    for (int i = 0; i < I; i++) {
        total[i] = 1.0f / row_sum(total[i]);
        along[i] = row_sum(along[i]) * total[i];
    }
    for (int other = 0; other < T; other += OTHERS) {
        __syncthreads();
        load_tile(key, k, at.ld, other, OTHERS, T);
        load_tile(value, v, at.ld, other, OTHERS, T);
        __syncthreads();
        if (own >= T)
            continue;
        multiply_nt(s, mine, key);
        multiply_nt(dp, slope, value);
#pragma unroll
        for (int i = 0; i < I; i++)
#pragma unroll
            for (int j = 0; j < J; j++) {
                const float e = exp2f(SCALE2 * s[i][j] - top[i]) * total[i];
                s[i][j] = other + column + LANES * j < T ? e * (dp[i][j] - along[i]) : 0;
            }
        put_scores(p, s);
        multiply_add(sum, p, key);
    }
    if (own >= T)
        return;
    const float factor[I] = {SCALE, SCALE, SCALE, SCALE};
    put_rows(dqkv + at.qkv, at.ld, own, T, sum, factor);
    stats += at.head * 3 * (size_t)T;
    for (int i = 0; i < I; i++) {
        const int row = own + (int)threadIdx.x % WARP / LANES + 4 * i;
        if (row < T && column == 0) {
            stats[row] = top[i];
            stats[T + row] = total[i];
            stats[2 * T + row] = along[i];
        }
    }
}

/*
 * dk and dv, by attention_bwd_query_k's stats.
 * Grid B H ceil(T / 32), block 64, 39,808 bytes of shared memory. 256 T T multiply-adds a head;
 * 1,548 T bytes, and 524 T of q and dout again for each further tile, from the L2 cache.
 */
__global__ static void __launch_bounds__(BWD_WARPS *WARP)
    attention_bwd_key_k(float *dqkv, const float *stats, const float *dout, const float *qkv, int T,
                        int H, int tiles)
{
    __shared__ __align__(16) float key[BWD_WARPS * ROWS * PITCH], value[BWD_WARPS * ROWS * PITCH],
        query[OTHERS * PITCH], gradient[OTHERS * PITCH], scores[BWD_WARPS * ROWS * SCORES],
        stat[3][OTHERS];
    const struct place at = place_of(T, H, tiles);
    const float *q = qkv + at.qkv, *k = q + at.C, *v = k + at.C;
    const int warp = (int)threadIdx.x / WARP, column = (int)threadIdx.x % LANES;
    const int first = at.tile * BWD_WARPS * ROWS, own = first + warp * ROWS;
    float *p = scores + warp * ROWS * SCORES;
    float dk[I][K] = {}, dv[I][K] = {}, s[I][J], ds[I][J];
    stats += at.head * 3 * (size_t)T;
    load_tile(key, k, at.ld, first, BWD_WARPS * ROWS, T);
    load_tile(value, v, at.ld, first, BWD_WARPS * ROWS, T);
    for (int other = 0; other < T; other += OTHERS) {
        __syncthreads();
        load_tile(query, q, at.ld, other, OTHERS, T);
        load_tile(gradient, dout + at.out, at.C, other, OTHERS, T);
        for (int i = (int)threadIdx.x; i < 3 * OTHERS; i += BWD_WARPS * WARP) {
            const int row = other + i % OTHERS; // past the last: of no weight, 1 / sum = 0
            stat[i / OTHERS][i % OTHERS] = row < T ? stats[i / OTHERS * T + row] : 0;
        }
        __syncthreads();
        if (own >= T)
            continue;
        multiply_nt(s, key + warp * ROWS * PITCH, query);
        multiply_nt(ds, value + warp * ROWS * PITCH, gradient);
#pragma unroll
        for (int j = 0; j < J; j++) {
            const int from = column + LANES * j;
            const float top = stat[0][from], inverse = stat[1][from], along = stat[2][from];
#pragma unroll
            for (int i = 0; i < I; i++) {
                s[i][j] = exp2f(SCALE2 * s[i][j] - top) * inverse;
                ds[i][j] = s[i][j] * (ds[i][j] - along);
            }
        }
        put_scores(p, s);
        multiply_add(dv, p, gradient);
        put_scores(p, ds);
        multiply_add(dk, p, query);
    }
    if (own >= T)
        return;
    const float one[I] = {1, 1, 1, 1}, factor[I] = {SCALE, SCALE, SCALE, SCALE};
    put_rows(dqkv + at.qkv + at.C, at.ld, own, T, dk, factor);
    put_rows(dqkv + at.qkv + 2 * at.C, at.ld, own, T, dv, one);
}

void cuda_attention_fwd(struct device *d, float *out, const float *qkv, int B, int T, int H)
{
    const unsigned tiles = cuda_blocks((size_t)T, FWD_WARPS * ROWS);
    LAUNCH(attention_fwd_k, (unsigned)(B * H) * tiles, FWD_WARPS * WARP, 0, cuda_of(d), out, qkv, T,
           H, (int)tiles);
}

void cuda_attention_bwd(struct device *d, float *dqkv, const float *dout, const float *qkv, int B,
                        int T, int H)
{
    struct cuda *c = cuda_of(d);
    const unsigned tiles = cuda_blocks((size_t)T, BWD_WARPS * ROWS),
                   blocks = (unsigned)(B * H) * tiles;
    float *stats = (float *)cuda_scratch(c, SCRATCH_WORK,
                                         (size_t)B * (size_t)H * 3 * (size_t)T * sizeof(float));
    LAUNCH(attention_bwd_query_k, blocks, BWD_WARPS * WARP, 0, c, dqkv, stats, dout, qkv, T, H,
           (int)tiles);
    LAUNCH(attention_bwd_key_k, blocks, BWD_WARPS * WARP, 0, c, dqkv, stats, dout, qkv, T, H,
           (int)tiles);
}
