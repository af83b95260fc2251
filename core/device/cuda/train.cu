/*
 * The ends of a training step: losses, optimizers, low-rank composition. Small work inside a
 * recorded step, where every launch counts: each operation is one launch (deflect of more than
 * ONE_BLOCK elements is two).
 *
 * Sums are in double: a thread adds its elements in rising order, a warp adds pairs (warp_sum), and
 * every thread adds the warps in order. Element rules follow the CPU's operation by operation,
 * without fused multiply-adds, so optimizers give its bits.
 */
#include "core/device/cuda/cuda.cuh"

#include <cuda_fp16.h>

enum { THREADS = 256, WARPS = 8, MANY = 1024, MOST_WARPS = 32, ONE_BLOCK = 32768, PART = 16384 };

/* The sum over the block, in every thread; warps (blockDim.x / 32) is for this sum alone. */
__device__ static __forceinline__ double block_sum(double x, double *warps)
{
    x = warp_sum(x);
    if (threadIdx.x % WARP == 0)
        warps[threadIdx.x / WARP] = x;
    __syncthreads();
    double sum = 0;
    for (unsigned i = 0; i < blockDim.x / WARP; i++)
        sum += warps[i];
    return sum;
}

/* ---- losses ---- */

struct top {
    float value;
    int index;
};

/* The larger; of equals the first. Not a number is never larger. */
__device__ static __forceinline__ struct top larger(struct top a, struct top b)
{
    return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

/* The first largest of x (K), in every thread; tops (WARPS) is for this call alone. */
__device__ static struct top block_top(const float *x, int K, struct top *tops)
{
    struct top best = {-INFINITY, K};
    for (int k = (int)threadIdx.x; k < K; k += THREADS) {
        struct top t = {x[k], k};
        best = larger(best, t);
    }
    for (int apart = WARP / 2; apart; apart /= 2) {
        struct top other;
        other.value = __shfl_xor_sync(ALL_LANES, best.value, apart);
        other.index = __shfl_xor_sync(ALL_LANES, best.index, apart);
        best = larger(best, other);
    }
    if (threadIdx.x % WARP == 0)
        tops[threadIdx.x / WARP] = best;
    __syncthreads();
    best = tops[0];
    for (int i = 1; i < WARPS; i++)
        best = larger(best, tops[i]);
    return best;
}

/*
 * Grid B, block 256, 128 bytes of shared memory; 20 B K bytes, most from the cache; about 15 B K
 * operations. Every thread reads the labelled logit before any may overwrite it.
 */
__global__ static void cross_entropy_k(float *loss, float *hit, float *dlogits, const float *logits,
                                       const int *labels, int B, int K)
{
    __shared__ struct top tops[WARPS];
    __shared__ double sums[WARPS];
    const int b = (int)blockIdx.x, label = labels[b];
    logits += (size_t)b * (size_t)K;
    dlogits += (size_t)b * (size_t)K;
    const float own = logits[label];
    const struct top best = block_top(logits, K, tops);
    double sum = 0;
    for (int k = (int)threadIdx.x; k < K; k += THREADS) {
        float x = expf(logits[k] - best.value);
        dlogits[k] = x;
        sum += (double)x;
    }
    sum = block_sum(sum, sums);
    const double share = 1.0 / (sum * (double)B);
    for (int k = (int)threadIdx.x; k < K; k += THREADS) {
        float x = (float)((double)dlogits[k] * share);
        dlogits[k] = k == label ? x - 1.0f / (float)B : x;
    }
    if (threadIdx.x == 0) {
        loss[b] = (float)(log(sum) + (double)best.value - (double)own);
        hit[b] = best.index == label ? 1.0f : 0.0f;
    }
}

void cuda_cross_entropy(struct device *d, float *loss, float *hit, float *dlogits,
                        const float *logits, const int *labels, int B, int K)
{
    LAUNCH(cross_entropy_k, (unsigned)B, THREADS, 0, cuda_of(d), loss, hit, dlogits, logits, labels,
           B, K);
}

/*
 * Grid B, block 256, 320 bytes of shared memory; 20 B K bytes, most from the cache; 4 B K
 * exponentials in double. dlogits[k] is written by the only thread that reads logits[k] after the
 * last barrier.
 */
__global__ static void distill_k(float *loss, float *dlogits, const float *logits,
                                 const float *teacher, int B, int K, double T)
{
    __shared__ struct top tops[2][WARPS];
    __shared__ double sums[3][WARPS];
    const size_t row = (size_t)blockIdx.x * (size_t)K;
    logits += row;
    teacher += row;
    dlogits += row;
    const float most = block_top(logits, K, tops[0]).value;
    const float teacher_most = block_top(teacher, K, tops[1]).value;
    double sum = 0, teacher_sum = 0, total = 0;
    for (int k = (int)threadIdx.x; k < K; k += THREADS) {
        sum += exp((double)(logits[k] - most) / T);
        teacher_sum += exp((double)(teacher[k] - teacher_most) / T);
    }
    sum = block_sum(sum, sums[0]);
    teacher_sum = block_sum(teacher_sum, sums[1]);
    const double rest = log(sum);
    for (int k = (int)threadIdx.x; k < K; k += THREADS) {
        double x = (double)(logits[k] - most) / T;
        double q = exp((double)(teacher[k] - teacher_most) / T) / teacher_sum;
        total -= q * (x - rest);
        dlogits[k] = (float)(T * (exp(x) / sum - q) / B);
    }
    total = block_sum(total, sums[2]);
    if (threadIdx.x == 0)
        loss[blockIdx.x] = (float)(T * T * total);
}

void cuda_distill(struct device *d, float *loss, float *dlogits, const float *logits,
                  const float *teacher, int B, int K, float temperature)
{
    LAUNCH(distill_k, (unsigned)B, THREADS, 0, cuda_of(d), loss, dlogits, logits, teacher, B, K,
           (double)temperature);
}

/* Grid R, block 256, 64 bytes of shared memory; 16 R C bytes; 4 R C operations. */
__global__ static void l1_k(float *loss, float *dx, const float *x, const float *y, int C,
                            double weight, float slope)
{
    __shared__ double sums[WARPS];
    const size_t row = (size_t)blockIdx.x * (size_t)C;
    double sum = 0;
    for (int c = (int)threadIdx.x; c < C; c += THREADS) {
        float difference = x[row + (size_t)c] - y[row + (size_t)c];
        sum += fabs((double)difference);
        dx[row + (size_t)c] += difference > 0 ? slope : difference < 0 ? -slope : 0.0f;
    }
    sum = block_sum(sum, sums);
    if (threadIdx.x == 0)
        loss[blockIdx.x] = (float)(weight * sum);
}

void cuda_l1(struct device *d, float *loss, float *dx, const float *x, const float *y, int R, int C,
             float weight, float slope)
{
    LAUNCH(l1_k, (unsigned)R, THREADS, 0, cuda_of(d), loss, dx, x, y, C, (double)weight, slope);
}

/* ---- gradients against each other ---- */

/* g . against and against . against over elements first .. last - 1, in every thread */
__device__ static void products(double *dot, double *square, const float *g, const float *against,
                                size_t first, size_t last, double (*warps)[MOST_WARPS])
{
    *dot = *square = 0;
    for (size_t i = first + threadIdx.x; i < last; i += blockDim.x) {
        *dot += (double)g[i] * (double)against[i];
        *square += (double)against[i] * (double)against[i];
    }
    *dot = block_sum(*dot, warps[0]);
    *square = block_sum(*square, warps[1]);
}

__device__ static void take_out(float *g, const float *against, size_t first, size_t last,
                                double dot, double square, double strength)
{
    if (!(dot < 0))
        return;
    const float factor = (float)(strength * dot / square);
    for (size_t i = first + threadIdx.x; i < last; i += blockDim.x)
        g[i] = __fadd_rn(g[i], -__fmul_rn(factor, against[i]));
}

/* Grid 1, block 1024, 512 bytes of shared memory; 20 n bytes, half of them from the cache; 6 n
 * operations. Barriers in `products` are between its reads of g and the writes. */
__global__ static void deflect_k(float *g, const float *against, size_t n, double strength)
{
    __shared__ double warps[2][MOST_WARPS];
    double dot, square;
    products(&dot, &square, g, against, 0, n, warps);
    take_out(g, against, 0, n, dot, square, strength);
}

/* parts (blocks, 2) = the products of PART elements each. Grid ceil(n / PART), block 1024, 512
 * bytes of shared memory; 8 n bytes; 4 n operations. */
__global__ static void deflect_parts_k(double *parts, const float *g, const float *against,
                                       size_t n)
{
    __shared__ double warps[2][MOST_WARPS];
    const size_t first = (size_t)blockIdx.x * PART;
    double dot, square;
    products(&dot, &square, g, against, first, first + PART < n ? first + PART : n, warps);
    if (threadIdx.x == 0) {
        parts[2 * blockIdx.x] = dot;
        parts[2 * blockIdx.x + 1] = square;
    }
}

/* Every block adds all parts in order. Grid as before, block 1024, 16 bytes of shared memory; 12 n
 * bytes and the parts; 2 n operations. */
__global__ static void deflect_rest_k(float *g, const float *against, const double *parts, size_t n,
                                      double strength)
{
    __shared__ double total[2];
    const size_t first = (size_t)blockIdx.x * PART;
    if (threadIdx.x < 2) {
        double sum = 0;
        for (unsigned i = 0; i < gridDim.x; i++)
            sum += parts[2 * i + threadIdx.x];
        total[threadIdx.x] = sum;
    }
    __syncthreads();
    take_out(g, against, first, first + PART < n ? first + PART : n, total[0], total[1], strength);
}

void cuda_deflect(struct device *d, float *g, const float *against, size_t n, float strength)
{
    struct cuda *c = cuda_of(d);
    const unsigned blocks = cuda_blocks(n, PART);
    if (n <= ONE_BLOCK) {
        LAUNCH(deflect_k, n > 0, MANY, 0, c, g, against, n, (double)strength);
        return;
    }
    double *parts = (double *)cuda_scratch(c, SCRATCH_WORK, 2 * blocks * sizeof *parts);
    LAUNCH(deflect_parts_k, blocks, MANY, 0, c, parts, g, against, n);
    LAUNCH(deflect_rest_k, blocks, MANY, 0, c, g, against, parts, n, (double)strength);
}

/* ---- optimizers ---- */

__device__ static __forceinline__ float half_of(float x)
{
    return __half2float(__float2half_rn(x));
}

/* Grid ceil(n / 256), block 256, no shared memory; 20 n bytes (16 n at the first step); 6 n
 * operations. */
__global__ static void sgd_k(float *p, float *buf, const float *g, size_t n,
                             const struct device_rates *rates, float momentum, float weight_decay,
                             bool first, bool half)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n)
        return;
    const float lr = (float)rates->lr;
    float decayed = __fadd_rn(g[i], __fmul_rn(weight_decay, p[i])), step;
    if (half) {
        decayed = half_of(decayed);
        step = first ? decayed : half_of(__fadd_rn(half_of(__fmul_rn(momentum, buf[i])), decayed));
        p[i] = half_of(__fadd_rn(p[i], -__fmul_rn(lr, step)));
    } else {
        step = first ? decayed : __fadd_rn(__fmul_rn(momentum, buf[i]), decayed);
        p[i] = __fadd_rn(p[i], -__fmul_rn(lr, step));
    }
    buf[i] = step;
}

void cuda_sgd(struct device *d, float *p, float *buf, const float *g, size_t n,
              const struct device_rates *rates, float momentum, float weight_decay, bool first)
{
    LAUNCH(sgd_k, cuda_blocks(n, THREADS), THREADS, 0, cuda_of(d), p, buf, g, n, rates, momentum,
           weight_decay, first, d->half);
}

/* Grid ceil(n / 256), block 256, no shared memory; 28 n bytes; about 15 n operations in double, of
 * them 2 divisions and a root. */
__global__ static void adam_k(float *p, float *m, float *v, const float *g, size_t n,
                              const struct device_rates *rates, double epsilon, double weight_decay,
                              bool decoupled)
{
    const size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n)
        return;
    const double lr = rates->lr, step_size = lr / rates->first, root = sqrt(rates->second);
    const double shrink = decoupled ? __dadd_rn(1, -__dmul_rn(lr, weight_decay)) : 1;
    const double at = __dmul_rn((double)p[i], shrink);
    const double slope = __dadd_rn((double)g[i], __dmul_rn(decoupled ? 0 : weight_decay, at));
    const float first = (float)__dadd_rn(__dmul_rn(0.9, (double)m[i]), __dmul_rn(1 - 0.9, slope));
    const float second = (float)__dadd_rn(__dmul_rn(0.999, (double)v[i]),
                                          __dmul_rn(__dmul_rn(1 - 0.999, slope), slope));
    m[i] = first;
    v[i] = second;
    p[i] = (float)__dadd_rn(at, -(__dmul_rn(step_size, (double)first) /
                                  __dadd_rn(sqrt((double)second) / root, epsilon)));
}

void cuda_adam(struct device *d, float *p, float *m, float *v, const float *g, size_t n,
               const struct device_rates *rates, double epsilon, double weight_decay,
               bool decoupled)
{
    LAUNCH(adam_k, cuda_blocks(n, THREADS), THREADS, 0, cuda_of(d), p, m, v, g, n, rates, epsilon,
           weight_decay, decoupled);
}

/* ---- low rank ---- */

/* Grid ceil(M C / 256), block 256, no shared memory; 12 M C bytes and the factors; 2 M R C
 * operations. */
__global__ static void lowrank_fwd_k(float *p, const float *start, const float *A, const float *B,
                                     const float *mask, int M, int R, int C)
{
    const size_t at = (size_t)blockIdx.x * THREADS + threadIdx.x;
    if (at >= (size_t)M * (size_t)C)
        return;
    const size_t m = at / (size_t)C, c = at % (size_t)C;
    float sum = 0;
    for (int r = 0; r < R; r++)
        sum = __fadd_rn(sum, __fmul_rn(A[m * (size_t)R + (size_t)r], B[(size_t)r * (size_t)C + c]));
    p[at] = __fadd_rn(start[at], mask ? __fmul_rn(mask[at], sum) : sum);
}

void cuda_lowrank_fwd(struct device *d, float *p, const float *start, const float *A,
                      const float *B, const float *mask, int M, int R, int C)
{
    LAUNCH(lowrank_fwd_k, cuda_blocks((size_t)M * (size_t)C, THREADS), THREADS, 0, cuda_of(d), p,
           start, A, B, mask, M, R, C);
}

/*
 * The first blocks make dA, a warp for each element; the others dB, a thread for each. Grid ceil(M
 * R / 8) + ceil(R C / 256), block 256, no shared memory; about 8 M C R + 12 R C bytes, most from
 * the cache; 4 M R C operations in double.
 */
__global__ static void lowrank_bwd_k(float *dA, float *dB, const float *dp, const float *A,
                                     const float *B, const float *mask, int M, int R, int C,
                                     unsigned blocks_dA)
{
    const size_t width = (size_t)C, rank = (size_t)R;
    double sum = 0;
    if (blockIdx.x < blocks_dA) {
        const size_t at = (size_t)blockIdx.x * WARPS + threadIdx.x / WARP, m = at / rank;
        if (at >= (size_t)M * rank)
            return; // the whole warp
        for (size_t c = threadIdx.x % WARP; c < width; c += WARP) {
            float x = dp[m * width + c];
            if (mask)
                x *= mask[m * width + c];
            sum += (double)x * (double)B[at % rank * width + c];
        }
        sum = warp_sum(sum);
        if (threadIdx.x % WARP == 0)
            dA[at] = (float)sum;
        return;
    }
    const size_t at = (size_t)(blockIdx.x - blocks_dA) * THREADS + threadIdx.x;
    if (at >= rank * width)
        return;
    const size_t r = at / width, c = at % width;
    for (size_t m = 0; m < (size_t)M; m++) {
        float x = dp[m * width + c];
        if (mask)
            x *= mask[m * width + c];
        sum += (double)A[m * rank + r] * (double)x;
    }
    dB[at] = (float)sum;
}

void cuda_lowrank_bwd(struct device *d, float *dA, float *dB, const float *dp, const float *A,
                      const float *B, const float *mask, int M, int R, int C)
{
    const unsigned first = cuda_blocks((size_t)M * (size_t)R, WARPS);
    LAUNCH(lowrank_bwd_k, first + cuda_blocks((size_t)R * (size_t)C, THREADS), THREADS, 0,
           cuda_of(d), dA, dB, dp, A, B, mask, M, R, C, first);
}
