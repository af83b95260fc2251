/*
 * Matrix products through cuBLASLt.
 *
 * Our matrices are row-major, cuBLASLt's column-major: a row-major (M, N) matrix is its (N, M)
 * matrix with the same leading dimension. So c = a b is asked for as c^T = b^T a^T: its A is our
 * second factor, its B our first, its m our N and its n our M; a bias of our N outputs is one of
 * its m rows, which is what its epilogue adds.
 *
 * A plan (descriptor, layouts, algorithm) is made at the first use of a shape and kept. Algorithms
 * that add partial sums in the output itself are left out, and all products share one workspace on
 * one stream: the same call gives the same bits. fp32 products are not rounded to TF32 unless the
 * device's `tf32` is set.
 */
#include "core/device/cuda/blas.cuh"
#include "core/device/cuda/mma.cuh"

#include <cublasLt.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "core/base/mem.h"
}

static const size_t WORKSPACE = (size_t)32 << 20; // what NVIDIA advises for Hopper

/* d (n, ldd) = alpha op(b) op(a) + bias, in rows as we see them; see the top. */
struct product {
    int m, n, k;
    int lda, ldb, ldd;
    int transa, transb;
    int type, typed; // CUDA_R_32F or CUDA_R_16BF, of a and b; of d
    int bias, relu, tf32;
    int aligna, alignb, alignd; // bytes
};

struct plan {
    struct product product;
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algorithm;
};

struct blas {
    cublasLtHandle_t handle;
    void *workspace;
    struct plan **plans;
    size_t n, capacity;
};

struct linear {
    int N, K;
    int ld;              // of the weight's rows
    float *weight;       // (N, K), or
    __nv_bfloat16 *half; // (N, ld), rows padded with zeros to 16 bytes
    float *bias;         // (N) or NULL
};

static bool blas_check(struct cuda *c, cublasStatus_t status, const struct product *p)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return true;
    // A GPU that is lost shows as a failure of the library, and as itself here.
    if (c->error.code || !cuda_check(c, cudaGetLastError(), "a matrix product"))
        return false;
    int code = status == CUBLAS_STATUS_ALLOC_FAILED       ? ERR_MEMORY
               : status == CUBLAS_STATUS_EXECUTION_FAILED ? ERR_DEVICE
                                                          : ERR_SYS;
    if (p)
        err_set(&c->error, code, "cuda:%d: a matrix product of %d x %d by %d x %d: %s", c->index,
                p->n, p->k, p->k, p->m, cublasLtGetStatusName(status));
    else
        err_set(&c->error, code, "cuda:%d: cuBLASLt: %s", c->index, cublasLtGetStatusName(status));
    return false;
}

int blas_version(void)
{
    return (int)cublasLtGetVersion(); // of the library that was loaded
}

struct blas *blas_new(struct cuda *c)
{
    struct blas *b = (struct blas *)mem_zero(1, sizeof *b);
    if (blas_check(c, cublasLtCreate(&b->handle), NULL))
        b->workspace = cuda_alloc(&c->device, WORKSPACE);
    return b;
}

static void plan_free(struct plan *p)
{
    if (p->a)
        cublasLtMatrixLayoutDestroy(p->a);
    if (p->b)
        cublasLtMatrixLayoutDestroy(p->b);
    if (p->d)
        cublasLtMatrixLayoutDestroy(p->d);
    if (p->operation)
        cublasLtMatmulDescDestroy(p->operation);
    free(p);
}

void blas_free(struct cuda *c, struct blas *b)
{
    for (size_t i = 0; i < b->n; i++)
        plan_free(b->plans[i]);
    free(b->plans);
    cuda_release(&c->device, b->workspace);
    if (b->handle)
        cublasLtDestroy(b->handle);
    free(b);
}

/* ---- plans ---- */

static bool set(struct cuda *c, struct plan *p, cublasLtMatmulDescAttributes_t what,
                const void *value, size_t size)
{
    return blas_check(c, cublasLtMatmulDescSetAttribute(p->operation, what, value, size),
                      &p->product);
}

static bool prefer(struct cuda *c, cublasLtMatmulPreference_t preference,
                   cublasLtMatmulPreferenceAttributes_t what, const void *value, size_t size)
{
    return blas_check(c, cublasLtMatmulPreferenceSetAttribute(preference, what, value, size), NULL);
}

/* The fastest algorithm that cuBLASLt's model knows for this shape and these alignments. */
static bool plan_choose(struct cuda *c, struct plan *p)
{
    const struct product *q = &p->product;
    const uint64_t workspace = WORKSPACE;
    const uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    const uint32_t aligna = (uint32_t)q->aligna, alignb = (uint32_t)q->alignb,
                   alignd = (uint32_t)q->alignd;
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t result = {};
    int found = 0;
    bool good =
        blas_check(c, cublasLtMatmulPreferenceCreate(&preference), q) &&
        prefer(c, preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, 8) &&
        prefer(c, preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &schemes, 4) &&
        prefer(c, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &aligna, 4) &&
        prefer(c, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &alignb, 4) &&
        prefer(c, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &alignd, 4) &&
        prefer(c, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &alignd, 4) &&
        blas_check(c,
                   cublasLtMatmulAlgoGetHeuristic(c->blas->handle, p->operation, p->a, p->b, p->d,
                                                  p->d, preference, 1, &result, &found),
                   q) &&
        blas_check(c, found ? result.state : CUBLAS_STATUS_NOT_SUPPORTED, q);
    if (preference)
        cublasLtMatmulPreferenceDestroy(preference);
    p->algorithm = result.algo;
    return good;
}

static bool plan_init(struct cuda *c, struct plan *p, const float *bias)
{
    const struct product *q = &p->product;
    const int32_t transa = q->transa, transb = q->transb;
    const uint32_t epilogue = q->relu   ? CUBLASLT_EPILOGUE_RELU_BIAS
                              : q->bias ? CUBLASLT_EPILOGUE_BIAS
                                        : CUBLASLT_EPILOGUE_DEFAULT;
    const uint64_t m = (uint64_t)q->m, n = (uint64_t)q->n, k = (uint64_t)q->k;
    const cudaDataType_t type = (cudaDataType_t)q->type;
    const bool ta = q->transa == CUBLAS_OP_T, tb = q->transb == CUBLAS_OP_T;
    return blas_check(c,
                      cublasLtMatmulDescCreate(
                          &p->operation,
                          q->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
                      q) &&
           set(c, p, CUBLASLT_MATMUL_DESC_TRANSA, &transa, sizeof transa) &&
           set(c, p, CUBLASLT_MATMUL_DESC_TRANSB, &transb, sizeof transb) &&
           set(c, p, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue) &&
           set(c, p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias) &&
           blas_check(c, cublasLtMatrixLayoutCreate(&p->a, type, ta ? k : m, ta ? m : k, q->lda),
                      q) &&
           blas_check(c, cublasLtMatrixLayoutCreate(&p->b, type, tb ? n : k, tb ? k : n, q->ldb),
                      q) &&
           blas_check(c, cublasLtMatrixLayoutCreate(&p->d, (cudaDataType_t)q->typed, m, n, q->ldd),
                      q) &&
           plan_choose(c, p);
}

/* The plan of a shape, made at first use; NULL after a failure. */
static struct plan *plan_get(struct cuda *c, const struct product *q, const float *bias)
{
    struct blas *b = c->blas;
    for (size_t i = 0; i < b->n; i++)
        if (memcmp(&b->plans[i]->product, q, sizeof *q) == 0)
            return b->plans[i];
    if (cuda_recording(c, "a matrix product that has not run before"))
        return NULL;
    struct plan *p = (struct plan *)mem_zero(1, sizeof *p);
    p->product = *q;
    if (!plan_init(c, p, bias)) {
        plan_free(p);
        return NULL;
    }
    if (b->n == b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 64;
        b->plans = (struct plan **)mem_grow(b->plans, b->capacity, sizeof(struct plan *));
    }
    return b->plans[b->n++] = p;
}

/* Bytes to which an address is aligned, as far as cuBLASLt cares. */
static int alignment(const void *p)
{
    uintptr_t at = (uintptr_t)p, lowest = at & (0 - at);
    return lowest == 0 || lowest > 256 ? 256 : (int)lowest;
}

/* d = alpha b a + bias + beta d */
static void multiply(struct cuda *c, struct product q, void *d, const void *a, const void *b,
                     const float *bias, float alpha, float beta)
{
    if (c->error.code || q.m == 0 || q.n == 0)
        return;
    q.bias = bias != NULL;
    q.tf32 = q.type == CUDA_R_32F && c->device.tf32;
    q.aligna = alignment(a);
    q.alignb = alignment(b);
    q.alignd = alignment(d);
    struct plan *p = plan_get(c, &q, bias);
    // Layers of one shape share a plan and differ in their bias.
    if (p && (!bias || set(c, p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias)) &&
        blas_check(c,
                   cublasLtMatmul(c->blas->handle, p->operation, &alpha, a, p->a, b, p->b, &beta, d,
                                  p->d, d, p->d, &p->algorithm, c->blas->workspace, WORKSPACE,
                                  c->stream),
                   &q) &&
        cuda_check(c, cudaSuccess, "a matrix product") && c->flip)
        cuda_flip(c, d);
}

/* c (M, N) = alpha op(a) op(b); ta, tb: whether a is (K, M), b (N, K) */
static void matmul(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                   float alpha, bool ta, bool tb)
{
    struct product q = {};
    q.m = N;
    q.n = M;
    q.k = K;
    q.lda = tb ? K : N;
    q.ldb = ta ? M : K;
    q.ldd = N;
    q.transa = tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    q.transb = ta ? CUBLAS_OP_T : CUBLAS_OP_N;
    q.type = q.typed = CUDA_R_32F;
    multiply(cuda_of(d), q, c, b, a, NULL, alpha, 0);
}

void cuda_matmul_nt(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                    float alpha)
{
    matmul(d, c, a, b, M, N, K, alpha, false, true);
}

void cuda_matmul_tn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                    float alpha)
{
    matmul(d, c, a, b, M, N, K, alpha, true, false);
}

void cuda_matmul_nn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                    float alpha)
{
    matmul(d, c, a, b, M, N, K, alpha, false, false);
}

/* ---- bf16 ---- */

enum { THREADS = 256, PAD = 8 }; // elements of bf16 in 16 bytes

/*
 * y (R, ld) = x (R, C) in bf16, zeros from column C on; ld is a multiple of 8, y aligned.
 * Grid ceil(R ld / 2048), block 256, no shared memory; 4 R C bytes read, 2 R ld written. A thread
 * writes 16 bytes; wide as for load4.
 */
__global__ static void narrow_k(__nv_bfloat16 *y, const float *x, size_t n, int C, int ld, int wide)
{
    size_t i = ((size_t)blockIdx.x * THREADS + threadIdx.x) * PAD;
    if (i >= n)
        return;
    const float *row = x + i / (size_t)ld * (size_t)C;
    int column = (int)(i % (size_t)ld);
    float4 p = make_float4(0, 0, 0, 0), q = p;
    if (column < C)
        p = load4(row, column, C, wide);
    if (column + 4 < C)
        q = load4(row, column + 4, C, wide);
    *(uint4 *)(y + i) = make_uint4(pack_bf16(p.x, p.y), pack_bf16(p.z, p.w), pack_bf16(q.x, q.y),
                                   pack_bf16(q.z, q.w));
}

void cuda_narrow(struct cuda *c, __nv_bfloat16 *y, const float *x, int R, int C)
{
    int ld = cuda_padded(C), wide = C % 4 == 0 && cuda_aligned(x, NULL, NULL);
    size_t n = (size_t)R * (size_t)ld;
    LAUNCH(narrow_k, cuda_blocks(n, THREADS * PAD), THREADS, 0, c, y, x, n, C, ld, wide);
}

/* ---- layers ---- */

struct linear *cuda_linear_new(struct device *d, const float *weight, const float *bias, int N,
                               int K, int directions)
{
    struct cuda *c = cuda_of(d);
    struct linear *w = (struct linear *)mem_zero(1, sizeof *w);
    size_t n = (size_t)N * (size_t)K;
    w->N = N;
    w->K = K;
    w->ld = K;
    if (bias)
        w->bias = device_put(d, bias, (size_t)N);
    if (!(directions & LINEAR_BF16)) {
        w->weight = device_put(d, weight, n);
        return w;
    }
    w->ld = cuda_padded(K);
    w->half = (__nv_bfloat16 *)cuda_alloc(d, (size_t)N * (size_t)w->ld * sizeof *w->half);
    float *whole = (float *)cuda_scratch(c, SCRATCH_WORK, n * sizeof(float));
    if (whole) {
        cuda_upload(d, whole, weight, n * sizeof(float));
        cuda_narrow(c, w->half, whole, N, K);
    }
    return w;
}

void cuda_linear_free(struct device *d, struct linear *w)
{
    if (!w)
        return;
    cuda_release(d, w->weight);
    cuda_release(d, w->half);
    cuda_release(d, w->bias);
    free(w);
}

const float *cuda_linear_bias(const struct linear *w)
{
    return w->bias;
}

/* What differs between a layer's products: its inputs x (R, C) in fp32 or bf16. */
static struct product layer_product(const struct linear *w)
{
    struct product q = {};
    q.type = w->weight ? CUDA_R_32F : CUDA_R_16BF;
    q.typed = CUDA_R_32F;
    q.lda = w->ld;
    q.transb = CUBLAS_OP_N;
    return q;
}

static const void *weights(const struct linear *w)
{
    return w->weight ? (const void *)w->weight : w->half;
}

/* x (R, C), or its narrowed copy, whose rows have cuda_padded(C) columns */
static const void *input(struct cuda *c, const struct linear *w, const float *x, int R, int C)
{
    if (w->weight)
        return x;
    __nv_bfloat16 *y = (__nv_bfloat16 *)cuda_scratch(
        c, SCRATCH_INPUT, (size_t)R * (size_t)cuda_padded(C) * sizeof *y);
    if (y)
        cuda_narrow(c, y, x, R, C);
    return y;
}

/* y (R, N) = x W^T */
static void forward(struct cuda *c, void *y, const void *x, const struct linear *w, int R,
                    int flags)
{
    struct product q = layer_product(w);
    q.m = w->N;
    q.n = R;
    q.k = w->K;
    q.ldb = w->ld;
    q.ldd = w->N;
    q.transa = CUBLAS_OP_T;
    if (flags & CHAIN_NARROW) {
        q.typed = CUDA_R_16BF;
        q.ldd = cuda_padded(w->N);
    }
    q.relu = flags & CHAIN_RELU;
    multiply(c, q, y, weights(w), x, flags & CHAIN_BIAS ? w->bias : NULL, 1,
             flags & CHAIN_ADD ? 1.0f : 0.0f);
}

void cuda_linear_fwd(struct device *d, float *y, const float *x, const struct linear *w, int R)
{
    struct cuda *c = cuda_of(d);
    forward(c, y, input(c, w, x, R, w->K), w, R, CHAIN_BIAS);
}

void cuda_linear_chain(struct cuda *c, void *y, const void *x, const struct linear *w, int R,
                       int flags)
{
    forward(c, y, x, w, R, flags);
}

void cuda_linear_bwd(struct device *d, float *dx, const float *dy, const struct linear *w, int R)
{
    struct cuda *c = cuda_of(d);
    struct product q = layer_product(w);
    q.m = w->K;
    q.n = R;
    q.k = w->N;
    q.ldb = w->weight ? w->N : cuda_padded(w->N);
    q.ldd = w->K;
    q.transa = CUBLAS_OP_N;
    multiply(c, q, dx, weights(w), input(c, w, dy, R, w->N), NULL, 1, 0);
}
