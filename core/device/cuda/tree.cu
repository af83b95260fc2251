/*
 * Attention over a forest of rows: device.h's tree operations. forest.cu makes the forest.
 *
 * Paths are short (a prompt: 5 to 77 rows) or long (what token 0 of an image sees: 50 to 257), and
 * a row near a root has a reader in every branch. So queries walk along their paths, and gradients
 * of keys and values along the lists of readers.
 *
 * A warp does four heads of a query or of a piece: 8 lanes a head, each with every eighth column,
 * so that a load takes whole sectors and wants no alignment. The four heads have the same path, so
 * all lanes of a warp stay together.
 */
#include "core/device/cuda/cuda.cuh"
#include "core/device/cuda/forest.cuh"

enum {
    D = DEVICE_HEAD,
    THREADS = 128,
    WARPS = THREADS / WARP,
    LANES = 8,            // of a warp on one head
    HEADS = WARP / LANES, // of a warp
    COLUMNS = D / LANES,  // of a lane
    KEYS = 4,             // of a path at once
    SUM_THREADS = 256,
};

/* Scores count in powers of two: q . k / sqrt(64), times log2(e). */
#define SCALE 0.125f
#define SCALE2 (SCALE * 1.44269504f)

/* ---- a lane's part ---- */

/* Lane's place: item job / groups of the launch (a query or a piece), and one of the four heads
 * from 4 (job % groups) on. */
struct place {
    int item;
    int head;       // the last one once more where there are no four
    bool real;      // not once more
    int lane;       // within the head
    size_t column;  // of a row: the lane's first
    size_t scalars; // where the head's row of p begins
};

__device__ static __forceinline__ struct place place_of(int H, int paths)
{
    const int groups = (H + HEADS - 1) / HEADS;
    const int job = (int)blockIdx.x * WARPS + (int)threadIdx.x / WARP;
    const int head = job % groups * HEADS + (int)threadIdx.x % WARP / LANES;
    struct place s;
    s.item = job / groups;
    s.real = head < H;
    s.head = s.real ? head : H - 1;
    s.lane = (int)threadIdx.x % LANES;
    s.column = (size_t)(s.head * D + s.lane);
    s.scalars = (size_t)s.head * (size_t)paths;
    return s;
}

static unsigned warps(int items, int H)
{
    return cuda_blocks((size_t)items * (size_t)((H + HEADS - 1) / HEADS), WARPS);
}

__device__ static __forceinline__ void load(float x[COLUMNS], const float *row)
{
    for (int c = 0; c < COLUMNS; c++)
        x[c] = row[c * LANES];
}

__device__ static __forceinline__ void store(float *row, const float x[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++)
        row[c * LANES] = x[c];
}

/* y += s x */
__device__ static __forceinline__ void add(float y[COLUMNS], float s, const float x[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++)
        y[c] += s * x[c];
}

/* x . y of whole heads, the same bits in its 8 lanes */
__device__ static __forceinline__ float dot(const float x[COLUMNS], const float y[COLUMNS])
{
    float sum = 0;
    for (int c = 0; c < COLUMNS; c++)
        sum += x[c] * y[c];
    for (int apart = LANES / 2; apart; apart /= 2)
        sum += __shfl_xor_sync(ALL_LANES, sum, apart);
    return sum;
}

/* ---- kernels ---- */

/*
 * out (Q, C) and p, as device.h's tree_fwd. The softmax is kept up as keys come; p holds scores
 * until the end, each written and read by one lane.
 * Grid ceil(Q ceil(H / 4) / 4), block 128, no shared memory. Of each path entry and head 512 bytes
 * of k and v (from the L2 cache, mostly) and 256 multiply-adds; 512 bytes a query and head.
 */
__global__ static void __launch_bounds__(THREADS)
    tree_fwd_k(float *out, float *p, const float *q, size_t ldq, const float *k, const float *v,
               size_t ldkv, const int *start, const int *path, int Q, int H, int paths)
{
    const struct place at = place_of(H, paths);
    if (at.item >= Q)
        return;
    const int first = start[at.item], n = start[at.item + 1] - first;
    float query[COLUMNS], sum[COLUMNS] = {}, top = -INFINITY, total = 0;
    float *scores = p + at.scalars + first;
    load(query, q + (size_t)at.item * ldq + at.column);
    for (int j = 0; j < n; j += KEYS) {
        float key[KEYS][COLUMNS], value[KEYS][COLUMNS], score[KEYS], most = top;
        const int row = path[first + min(j + at.lane % KEYS, n - 1)];
#pragma unroll
        for (int g = 0; g < KEYS; g++) {
            const size_t from = (size_t)__shfl_sync(ALL_LANES, row, g) * ldkv + at.column;
            load(key[g], k + from);
            load(value[g], v + from);
        }
#pragma unroll
        for (int g = 0; g < KEYS; g++) {
            score[g] = SCALE2 * dot(query, key[g]);
            score[g] = j + g < n ? score[g] : -INFINITY;
            most = fmaxf(most, score[g]);
            if (at.real && at.lane == g && j + g < n)
                scores[j + g] = score[g];
        }
        const float fade = exp2f(top - most);
        total *= fade;
        for (int c = 0; c < COLUMNS; c++)
            sum[c] *= fade;
#pragma unroll
        for (int g = 0; g < KEYS; g++) {
            const float e = exp2f(score[g] - most);
            total += e;
            add(sum, e, value[g]);
        }
        top = most;
    }
    const float inverse = 1.0f / total;
    for (int j = at.lane; at.real && at.lane < KEYS && j < n; j += KEYS)
        scores[j] = exp2f(scores[j] - top) * inverse;
    for (int c = 0; c < COLUMNS; c++)
        sum[c] *= inverse;
    if (at.real)
        store(out + (size_t)at.item * (size_t)(H * D) + at.column, sum);
}

/*
 * dq (Q, ldq), and ds (H, paths) = the gradients of q . k, from p and dout.
 * Grid, block, bytes and operations as of tree_fwd_k, and 12 bytes more of each path entry and
 * head. ds holds those of the probabilities in between, each written and read by one lane.
 */
__global__ static void __launch_bounds__(THREADS)
    tree_bwd_query_k(float *dq, float *ds, const float *dout, const float *p, size_t ldq,
                     const float *k, const float *v, size_t ldkv, const int *start, const int *path,
                     int Q, int H, int paths)
{
    const struct place at = place_of(H, paths);
    if (at.item >= Q)
        return;
    const int first = start[at.item], n = start[at.item + 1] - first;
    float gradient[COLUMNS], sum[COLUMNS] = {}, along = 0;
    p += at.scalars + first;
    ds += at.scalars + first;
    load(gradient, dout + (size_t)at.item * (size_t)(H * D) + at.column);
    for (int j = 0; j < n; j += KEYS) {
        float value[KEYS][COLUMNS];
        const int row = path[first + min(j + at.lane % KEYS, n - 1)];
#pragma unroll
        for (int g = 0; g < KEYS; g++)
            load(value[g], v + (size_t)__shfl_sync(ALL_LANES, row, g) * ldkv + at.column);
#pragma unroll
        for (int g = 0; g < KEYS; g++) {
            const float dp = dot(gradient, value[g]);
            along += j + g < n ? p[j + g] * dp : 0;
            if (at.real && at.lane == g && j + g < n)
                ds[j + g] = dp;
        }
    }
    for (int j = 0; j < n; j += KEYS) {
        float key[KEYS][COLUMNS], s = 0;
        const int row = path[first + min(j + at.lane % KEYS, n - 1)];
#pragma unroll
        for (int g = 0; g < KEYS; g++)
            load(key[g], k + (size_t)__shfl_sync(ALL_LANES, row, g) * ldkv + at.column);
        if (at.real && at.lane < KEYS && j + at.lane < n) {
            s = SCALE * p[j + at.lane] * (ds[j + at.lane] - along);
            ds[j + at.lane] = s;
        }
#pragma unroll
        for (int g = 0; g < KEYS; g++)
            add(sum, __shfl_sync(ALL_LANES, s, g, LANES), key[g]);
    }
    if (at.real)
        store(dq + (size_t)at.item * ldq + at.column, sum);
}

/*
 * dk and dv of a piece's readers: to their rows (R, ldkv), or to the rows' slots of partial (slots,
 * 2C), dk before dv.
 * Grid ceil(pieces ceil(H / 4) / 4), block 128, no shared memory. Of each reader and head 512 bytes
 * of q and dout (from the L2 cache, mostly), of each of its rows 8 bytes and 128 multiply-adds;
 * 512 bytes a row and head written, or of a piece.
 */
__global__ static void __launch_bounds__(THREADS)
    tree_bwd_row_k(float *dk, float *dv, size_t ldkv, float *partial, const float *ds,
                   const float *dout, const float *p, const float *q, size_t ldq,
                   const struct piece *piece, const struct reader *reader, int pieces, int H,
                   int paths)
{
    const struct place at = place_of(H, paths);
    if (at.item >= pieces)
        return;
    piece += at.item;
    const size_t C = (size_t)(H * D);
    const int n = piece->last - piece->first, lane = (int)threadIdx.x % WARP;
    struct reader mine = {0, 0, 0};
    float key[CHAIN][COLUMNS] = {}, value[CHAIN][COLUMNS] = {};
    if (lane < n)
        mine = reader[piece->first + lane];
    p += at.scalars;
    ds += at.scalars;
    for (int j = 0; j < n; j++) {
        float query[COLUMNS], gradient[COLUMNS];
        const int entry = __shfl_sync(ALL_LANES, mine.at, j);
        const size_t i = (size_t)__shfl_sync(ALL_LANES, mine.query, j);
        const int rows = __shfl_sync(ALL_LANES, mine.rows, j);
        load(query, q + i * ldq + at.column);
        load(gradient, dout + i * C + at.column);
#pragma unroll
        for (int g = 0; g < CHAIN; g++)
            if (g < rows) { // the same for all
                add(key[g], ds[entry + g], query);
                add(value[g], p[entry + g], gradient);
            }
    }
    if (!at.real)
        return;
#pragma unroll
    for (int g = 0; g < CHAIN; g++)
        if (g < piece->rows && piece->slot >= 0) {
            float *to = partial + (size_t)(piece->slot + g * piece->stride) * 2 * C + at.column;
            store(to, key[g]);
            store(to + C, value[g]);
        } else if (g < piece->rows) {
            const size_t to = (size_t)piece->row[g] * ldkv + at.column;
            store(dk + to, key[g]);
            store(dv + to, value[g]);
        }
}

/*
 * dk and dv of the rows that were split: their slots' sums, in order.
 * Grid ceil(2 C splits / 256), block 256, no shared memory; 8 C bytes a slot read, 8 C a row
 * written, an addition for each number read.
 */
__global__ static void __launch_bounds__(SUM_THREADS)
    tree_bwd_sum_k(float *dk, float *dv, size_t ldkv, const float *partial,
                   const struct split *split, size_t n, int C)
{
    const size_t i = (size_t)blockIdx.x * SUM_THREADS + threadIdx.x, wide = 2 * (size_t)C;
    if (i >= n)
        return;
    const struct split s = split[i / wide];
    const size_t column = i % wide;
    float sum = 0;
    for (int slot = s.first; slot < s.last; slot++)
        sum += partial[(size_t)slot * wide + column];
    float *to = column < (size_t)C ? dk + column : dv + (column - (size_t)C);
    to[(size_t)s.row * ldkv] = sum;
}

/* ---- operations ---- */

void cuda_tree_fwd(struct device *d, float *out, float *p, const float *q, int ldq, const float *k,
                   const float *v, int ldkv, const struct forest *f, int H)
{
    struct cuda *c = cuda_of(d);
    if (!c->error.code)
        LAUNCH(tree_fwd_k, warps(f->queries, H), THREADS, 0, c, out, p, q, (size_t)ldq, k, v,
               (size_t)ldkv, f->start, f->path, f->queries, H, f->paths);
}

void cuda_tree_bwd(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                   const float *p, const float *q, int ldq, const float *k, const float *v,
                   int ldkv, const struct forest *f, int H)
{
    struct cuda *c = cuda_of(d);
    if (c->error.code)
        return;
    const size_t scores = (size_t)H * (size_t)f->paths, wide = 2 * (size_t)(H * D);
    float *ds =
        (float *)cuda_scratch(c, SCRATCH_WORK, (scores + (size_t)f->slots * wide) * sizeof(float));
    if (!ds)
        return;
    float *partial = ds + scores;
    LAUNCH(tree_bwd_query_k, warps(f->queries, H), THREADS, 0, c, dq, ds, dout, p, (size_t)ldq, k,
           v, (size_t)ldkv, f->start, f->path, f->queries, H, f->paths);
    LAUNCH(tree_bwd_row_k, warps(f->pieces, H), THREADS, 0, c, dk, dv, (size_t)ldkv, partial, ds,
           dout, p, q, (size_t)ldq, f->piece, f->reader, f->pieces, H, f->paths);
    LAUNCH(tree_bwd_sum_k, cuda_blocks((size_t)f->splits * wide, SUM_THREADS), SUM_THREADS, 0, c,
           dk, dv, (size_t)ldkv, partial, f->split, (size_t)f->splits * wide, H * D);
}
