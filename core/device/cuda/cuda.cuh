/*
 * The CUDA device's inside: its state, the checks, the launch, and the operations that cuda.cu puts
 * into the table.
 *
 * The .cu files are C in style. They compile for the GPU with nvcc and, for the tests, for the host
 * with the stand-ins of tests/emu. All work goes to one stream, in order; nothing waits but
 * download, sync, alloc and release. One thread uses a device.
 *
 * Every kernel says its grid, block, shared memory, bytes and operations. Sums have a fixed order:
 * no atomics on floats, so the same call gives the same bits.
 */
#ifndef PROMPTGRID_DEVICE_CUDA_CUDA_CUH
#define PROMPTGRID_DEVICE_CUDA_CUDA_CUH

#include <cuda_runtime.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _Noreturn __attribute__((noreturn)) // C++ has no such word
extern "C" {
#include "core/base/err.h"
#include "core/device/device.h"
}

struct blas; // blas.cu: handle, plans, workspace
struct staging;

/* Blocks that grow at need; what they hold does not outlive the operation that asked. */
enum cuda_scratch { SCRATCH_INPUT, SCRATCH_WORK, SCRATCHES };

struct cuda {
    struct device device; // first: a struct device * is a struct cuda *
    int index;            // of the GPU
    int processors;       // its multiprocessors
    int capability;       // 10 major + minor
    size_t shared_most;   // bytes of shared memory a block may ask for
    char name[128];
    cudaStream_t stream;
    struct err error;     // the sticky one; code 0 = none
    bool recording;       // between record_begin and record_end
    bool flip;            // a test wants the next result wrong
    cudaEvent_t marks[2]; // clock.cu; NULL before the first use
    struct blas *blas;
    struct staging *staging; // memory.cu: pinned memory between host and device
    struct {
        void *block;
        size_t bytes;
    } scratch[SCRATCHES];
    void **retired; // scratch that grew; a recording may still use it
    int retirees, retired_room;
};

static inline struct cuda *cuda_of(struct device *d)
{
    return (struct cuda *)d;
}

/* False after a failure: the first one sticks, with `what` was under way. */
bool cuda_check(struct cuda *c, cudaError_t status, const char *what);

/* For tests, after a call for which `flip` was set: the result that begins at this address has a
 * bit wrong once it is there, as if the GPU had computed it so. */
void cuda_flip(struct cuda *c, void *result);

/* Our code and one line for a CUDA error: what happened and what to do. */
int cuda_error(struct err *e, int index, cudaError_t status, const char *what);

/* Device memory for the current operation; NULL after a failure. It may grow only while nothing is
 * recorded: the same operation has run before. */
void *cuda_scratch(struct cuda *c, enum cuda_scratch which, size_t bytes);

/*
 * LAUNCH(kernel, grid, block, shared_bytes, c, result, arguments...): the one way to start a
 * kernel. grid and block are numbers or dim3; the kernel's first argument is where its result
 * begins. Nothing happens after a failure or with an empty grid.
 */
#define LAUNCH(kernel, grid, block, shared_bytes, c, result, ...)                                  \
    do {                                                                                           \
        cudaLaunchConfig_t launch_config = {};                                                     \
        launch_config.gridDim = dim3(grid);                                                        \
        launch_config.blockDim = dim3(block);                                                      \
        launch_config.dynamicSmemBytes = (shared_bytes);                                           \
        launch_config.stream = (c)->stream;                                                        \
        if (!(c)->error.code && launch_config.gridDim.x && launch_config.gridDim.y &&              \
            launch_config.gridDim.z &&                                                             \
            cuda_check((c), cudaLaunchKernelEx(&launch_config, kernel, result, __VA_ARGS__),       \
                       #kernel) &&                                                                 \
            (c)->flip)                                                                             \
            cuda_flip((c), (result));                                                              \
    } while (0)

/* Let a kernel have more than 48 KB of dynamic shared memory; once, before its first launch. */
#define ALLOW_SHARED(kernel, bytes, c)                                                             \
    cuda_check(                                                                                    \
        (c),                                                                                       \
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)(bytes)),   \
        "shared memory of " #kernel)

/* DYNAMIC_SHARED(type, name): the block's dynamic shared memory, 16-byte aligned (a kernel that
 * needs more rounds the pointer up). */
#ifdef __CUDACC__
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ __align__(16) unsigned char cuda_dynamic_shared[];                           \
    type *name = (type *)cuda_dynamic_shared
#else
#define DYNAMIC_SHARED(type, name) type *name = (type *)emu_shared()
#endif

/* ceil(n / size): blocks of a grid */
static inline unsigned cuda_blocks(size_t n, size_t size)
{
    return (unsigned)((n + size - 1) / size);
}

/* Whether 16-byte loads may be used on all of these; NULL is fine. */
static inline bool cuda_aligned(const void *a, const void *b, const void *c)
{
    return (((uintptr_t)a | (uintptr_t)b | (uintptr_t)c) & 15) == 0;
}

enum { WARP = 32 };
#define ALL_LANES 0xffffffffu

/* The sum of x over a warp, the same bits in every lane: pairs 16, 8, 4, 2, 1 apart. */
__device__ static __forceinline__ float warp_sum(float x)
{
    for (int apart = 16; apart; apart /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, apart);
    return x;
}

__device__ static __forceinline__ double warp_sum(double x)
{
    for (int apart = 16; apart; apart /= 2)
        x += __shfl_xor_sync(ALL_LANES, x, apart);
    return x;
}

__device__ static __forceinline__ float warp_max(float x)
{
    for (int apart = 16; apart; apart /= 2)
        x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, apart));
    return x;
}

/* probe.cu: the GPU that *index means (-1: the first usable one), or why there is none */
int cuda_find(int *index, cudaDeviceProp *p, struct err *e);

/* record.cu: operations noted and run again, as a CUDA graph */
void cuda_record_begin(struct device *d);
struct recording *cuda_record_end(struct device *d);
void cuda_replay(struct device *d, const struct recording *r);
void cuda_record_free(struct device *d, struct recording *r);

/* clock.cu */
void cuda_mark(struct device *d, int which);
double cuda_elapsed(struct device *d);
void cuda_clock_free(struct cuda *c);
/* True, and a sticky error, while something is recorded that `what` may not be part of. */
bool cuda_recording(struct cuda *c, const char *what);

/*
 * Four of a row's C columns from `column` on, as a warp or block walks along it: past the end they
 * read as 0 and are not written. wide: C is a multiple of 4 and the row aligned, so that 16 bytes
 * move at once; the same for all rows.
 */
__device__ static __forceinline__ float4 load4(const float *row, int column, int C, bool wide)
{
    if (wide)
        return *(const float4 *)(row + column);
    return make_float4(row[column], column + 1 < C ? row[column + 1] : 0,
                       column + 2 < C ? row[column + 2] : 0, column + 3 < C ? row[column + 3] : 0);
}

__device__ static __forceinline__ void store4(float *row, int column, int C, bool wide, float4 v)
{
    if (wide) {
        *(float4 *)(row + column) = v;
        return;
    }
    row[column] = v.x;
    if (column + 1 < C)
        row[column + 1] = v.y;
    if (column + 2 < C)
        row[column + 2] = v.z;
    if (column + 3 < C)
        row[column + 3] = v.w;
}

/* memory.cu: blocks, transfers, scratch */
struct staging *staging_new(struct cuda *c);
void staging_free(struct staging *s);
void cuda_memory_release(struct cuda *c); // scratch, at close
void *cuda_alloc(struct device *d, size_t bytes);
void cuda_release(struct device *d, void *block);
void cuda_upload(struct device *d, void *to, const void *from, size_t bytes);
void cuda_download(struct device *d, void *to, const void *from, size_t bytes);
void cuda_copy(struct device *d, void *to, const void *from, size_t bytes);
void cuda_zero(struct device *d, void *block, size_t bytes);
int cuda_sync(struct device *d, struct err *e);

/* blas.cu: matrix products */
int blas_version(void); // 130102 = 13.1.2
struct blas *blas_new(struct cuda *c);
void blas_free(struct cuda *c, struct blas *b);
struct linear *cuda_linear_new(struct device *d, const float *weight, const float *bias, int N,
                               int K, int directions);
void cuda_linear_free(struct device *d, struct linear *w);
void cuda_linear_fwd(struct device *d, float *y, const float *x, const struct linear *w, int R);
void cuda_linear_bwd(struct device *d, float *dx, const float *dy, const struct linear *w, int R);
void cuda_matmul_nt(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                    float alpha);
void cuda_matmul_tn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                    float alpha);
void cuda_matmul_nn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                    float alpha);

/* norm.cu */
void cuda_layernorm_fwd(struct device *d, float *y, float *mean, float *rstd, const float *x,
                        const float *gamma, const float *beta, int R, int C);
void cuda_layernorm_bwd(struct device *d, float *dx, const float *dy, const float *x,
                        const float *mean, const float *rstd, const float *gamma, int R, int C);
void cuda_l2norm_fwd(struct device *d, float *y, float *norm, const float *x, int R, int C);
void cuda_l2norm_bwd(struct device *d, float *dx, const float *dy, const float *y,
                     const float *norm, int R, int C);

/* rows.cu: rows by index, image tokens, patches */
void cuda_gather(struct device *d, float *y, const float *x, const int *index, int R, int C);
void cuda_scatter(struct device *d, float *y, const float *x, const int *index, int R, int C);
void cuda_scatter_add(struct device *d, float *y, const float *x, const int *index, int R, int C);
void cuda_image_tokens(struct device *d, float *y, const float *x, const float *class_embedding,
                       const float *position, int B, int T, int C);
void cuda_patches(struct device *d, float *y, const float *x, int B, int S, int p);

/* attention.cu: full attention */
void cuda_attention_fwd(struct device *d, float *out, const float *qkv, int B, int T, int H);
void cuda_attention_bwd(struct device *d, float *dqkv, const float *dout, const float *qkv, int B,
                        int T, int H);

/* block.cu: a block of the image tower in bf16 */
void cuda_image_block(struct device *d, float *x, float *first, const struct device_block *b, int B,
                      int T, int H);

/* forest.cu, tree.cu: attention over a forest of rows */
struct forest *cuda_forest_new(struct device *d, const struct device_tree *t);
void cuda_forest_free(struct device *d, struct forest *f);
void cuda_tree_fwd(struct device *d, float *out, float *p, const float *q, int ldq, const float *k,
                   const float *v, int ldkv, const struct forest *f, int H);
void cuda_tree_bwd(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                   const float *p, const float *q, int ldq, const float *k, const float *v,
                   int ldkv, const struct forest *f, int H);

/* pointwise.cu: elements */
void cuda_quickgelu_fwd(struct device *d, float *y, const float *x, size_t n);
void cuda_quickgelu_bwd(struct device *d, float *dx, const float *dy, const float *x, size_t n);
void cuda_relu_fwd(struct device *d, float *y, const float *x, size_t n);
void cuda_relu_bwd(struct device *d, float *dx, const float *dy, const float *y, size_t n);
void cuda_affinity_fwd(struct device *d, float *y, const float *x, float beta, size_t n);
void cuda_affinity_bwd(struct device *d, float *dx, const float *dy, const float *y, float beta,
                       size_t n);
void cuda_blend(struct device *d, float *y, float a, const float *x, float b, size_t n);
void cuda_round_half(struct device *d, float *x, size_t n);
void cuda_add(struct device *d, float *y, const float *x, size_t n);

/* conv.cu: images with channels last */
struct conv *cuda_conv_new(struct device *d, const float *weight, const float *bias,
                           const struct conv_shape *s, int flags);
void cuda_conv_free(struct device *d, struct conv *w);
void cuda_conv_fwd(struct device *d, float *y, const float *x, const struct conv *w, int B);
void cuda_avgpool(struct device *d, float *y, const float *x, int B, int S, int C, int k);

/* shuttle.cu: transfers beside the work */
struct shuttle *cuda_shuttle_new(struct device *d, size_t bytes);
void cuda_shuttle_free(struct device *d, struct shuttle *s);
void *cuda_shuttle_host(struct device *d, struct shuttle *s);
const void *cuda_shuttle_send(struct device *d, struct shuttle *s, size_t bytes);
void cuda_shuttle_done(struct device *d, struct shuttle *s);
void cuda_shuttle_fetch(struct device *d, struct shuttle *s, const void *from, size_t bytes);

/* views.cu: what is seen of images */
void cuda_views(struct device *d, float *out, const float *value, const struct device_view *views,
                int n, int W, int H);

/* train.cu: loss, optimizer, low rank */
void cuda_cross_entropy(struct device *d, float *loss, float *hit, float *dlogits,
                        const float *logits, const int *labels, int B, int K);
void cuda_distill(struct device *d, float *loss, float *dlogits, const float *logits,
                  const float *teacher, int B, int K, float temperature);
void cuda_l1(struct device *d, float *loss, float *dx, const float *x, const float *y, int R, int C,
             float weight, float slope);
void cuda_deflect(struct device *d, float *g, const float *against, size_t n, float strength);
void cuda_sgd(struct device *d, float *p, float *buf, const float *g, size_t n,
              const struct device_rates *rates, float momentum, float weight_decay, bool first);
void cuda_adam(struct device *d, float *p, float *m, float *v, const float *g, size_t n,
               const struct device_rates *rates, double epsilon, double weight_decay,
               bool decoupled);
void cuda_lowrank_fwd(struct device *d, float *p, const float *start, const float *A,
                      const float *B, const float *mask, int M, int R, int C);
void cuda_lowrank_bwd(struct device *d, float *dA, float *dB, const float *dp, const float *A,
                      const float *B, const float *mask, int M, int R, int C);

#endif
