/*
 * The CUDA device: opening and closing, what its errors mean, and the table of operations.
 */
#include "core/device/cuda/cuda.cuh"

#include "core/device/cuda/open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
}

/* ---- errors ---- */

static const struct {
    cudaError_t status;
    int code;
    const char *hint;
} meanings[] = {
    {cudaErrorMemoryAllocation, ERR_MEMORY, "the GPU's memory is full"},
    {cudaErrorNoDevice, ERR_MISSING, "no GPU is visible; see nvidia-smi and CUDA_VISIBLE_DEVICES"},
    {cudaErrorInvalidDevice, ERR_USAGE, "there is no such GPU; see nvidia-smi"},
    {cudaErrorInsufficientDriver, ERR_MISSING, "the NVIDIA driver is missing or too old"},
    {cudaErrorSystemDriverMismatch, ERR_MISSING, "the driver and its libraries differ; restart"},
    {cudaErrorNoKernelImageForDevice, ERR_MISSING,
     "this build has no code for this GPU; see CMAKE_CUDA_ARCHITECTURES"},
    {cudaErrorDevicesUnavailable, ERR_DEVICE, "the GPU is lost or another process holds it"},
    {cudaErrorECCUncorrectable, ERR_DEVICE, "the GPU's memory is faulty until it is reset"},
    {cudaErrorHardwareStackError, ERR_DEVICE, "the GPU broke off"},
    {cudaErrorLaunchFailure, ERR_DEVICE, "the GPU broke off"},
    {cudaErrorUnknown, ERR_DEVICE, "the driver lost the GPU; see dmesg"},
    {cudaErrorLaunchTimeout, ERR_DEVICE, "the GPU also serves a display, which stops long kernels"},
};

int cuda_error(struct err *e, int index, cudaError_t status, const char *what)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].status == status)
            return err_set(e, meanings[i].code, "cuda:%d: %s: %s (%s)", index, what,
                           meanings[i].hint, cudaGetErrorName(status));
    return err_set(e, ERR_SYS, "cuda:%d: %s: %s (%s)", index, what, cudaGetErrorString(status),
                   cudaGetErrorName(status));
}

/* What a call gave, or what a test wants it to have given (core/base/sys.h). */
static cudaError_t given(struct cuda *c, cudaError_t status)
{
    if (!sys_armed() || !sys_fails(CALL_GPU))
        return status;
    if (errno == 0) {
        c->flip = true;
        return status;
    }
    return errno == ENOMEM   ? cudaErrorMemoryAllocation
           : errno == ENODEV ? cudaErrorDevicesUnavailable
                             : cudaErrorECCUncorrectable;
}

bool cuda_check(struct cuda *c, cudaError_t status, const char *what)
{
    status = given(c, status);
    if (status == cudaSuccess)
        return true;
    cudaGetLastError(); // a status that was returned is not to show up again
    if (!c->error.code)
        cuda_error(&c->error, c->index, status, what);
    return false;
}

/* One bit of a word, the highest of a float's mantissa. Grid 1, block 1. */
__global__ static void flip_k(unsigned *word)
{
    *word ^= 1u << 22;
}

void cuda_flip(struct cuda *c, void *result)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = config.blockDim = dim3(1);
    config.stream = c->stream;
    c->flip = false;
    cudaLaunchKernelEx(&config, flip_k, (unsigned *)result);
}

/* ---- opening ---- */

static void cuda_close(struct device *d)
{
    struct cuda *c = cuda_of(d);
    if (c->stream)
        cudaStreamSynchronize(c->stream);
    cuda_clock_free(c);
    if (c->blas)
        blas_free(c, c->blas);
    if (c->staging)
        staging_free(c->staging);
    cuda_memory_release(c);
    if (c->stream)
        cudaStreamDestroy(c->stream);
    free(c);
}

static char *cuda_describe(const struct device *d)
{
    const struct cuda *c = (const struct cuda *)d;
    const int blas = blas_version();
    int driver = 0;
    cudaDriverGetVersion(&driver);
    return str_format("cuda: %s, CUDA %d.%d, cuBLASLt %d.%d.%d, driver for %d.%d", c->name,
                      CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10, blas / 10000,
                      blas / 100 % 100, blas % 100, driver / 1000, driver % 1000 / 10);
}

static const struct device_ops ops = {
    .kind = "cuda",
    .apart = true,
    .close = cuda_close,
    .describe = cuda_describe,
    .alloc = cuda_alloc,
    .release = cuda_release,
    .upload = cuda_upload,
    .download = cuda_download,
    .copy = cuda_copy,
    .zero = cuda_zero,
    .sync = cuda_sync,
    .record_begin = cuda_record_begin,
    .record_end = cuda_record_end,
    .replay = cuda_replay,
    .record_free = cuda_record_free,
    .mark = cuda_mark,
    .elapsed = cuda_elapsed,
    .shuttle_new = cuda_shuttle_new,
    .shuttle_free = cuda_shuttle_free,
    .shuttle_host = cuda_shuttle_host,
    .shuttle_send = cuda_shuttle_send,
    .shuttle_done = cuda_shuttle_done,
    .shuttle_fetch = cuda_shuttle_fetch,
    .linear_new = cuda_linear_new,
    .linear_free = cuda_linear_free,
    .linear_fwd = cuda_linear_fwd,
    .linear_bwd = cuda_linear_bwd,
    .conv_new = cuda_conv_new,
    .conv_free = cuda_conv_free,
    .conv_fwd = cuda_conv_fwd,
    .avgpool = cuda_avgpool,
    .matmul_nt = cuda_matmul_nt,
    .matmul_tn = cuda_matmul_tn,
    .matmul_nn = cuda_matmul_nn,
    .layernorm_fwd = cuda_layernorm_fwd,
    .layernorm_bwd = cuda_layernorm_bwd,
    .quickgelu_fwd = cuda_quickgelu_fwd,
    .quickgelu_bwd = cuda_quickgelu_bwd,
    .attention_fwd = cuda_attention_fwd,
    .attention_bwd = cuda_attention_bwd,
    .image_block = cuda_image_block,
    .forest_new = cuda_forest_new,
    .forest_free = cuda_forest_free,
    .tree_fwd = cuda_tree_fwd,
    .tree_bwd = cuda_tree_bwd,
    .relu_fwd = cuda_relu_fwd,
    .relu_bwd = cuda_relu_bwd,
    .affinity_fwd = cuda_affinity_fwd,
    .affinity_bwd = cuda_affinity_bwd,
    .blend = cuda_blend,
    .round_half = cuda_round_half,
    .add = cuda_add,
    .gather = cuda_gather,
    .scatter_add = cuda_scatter_add,
    .scatter = cuda_scatter,
    .image_tokens = cuda_image_tokens,
    .patches = cuda_patches,
    .views = cuda_views,
    .l2norm_fwd = cuda_l2norm_fwd,
    .l2norm_bwd = cuda_l2norm_bwd,
    .cross_entropy = cuda_cross_entropy,
    .distill = cuda_distill,
    .l1 = cuda_l1,
    .deflect = cuda_deflect,
    .sgd = cuda_sgd,
    .adam = cuda_adam,
    .lowrank_fwd = cuda_lowrank_fwd,
    .lowrank_bwd = cuda_lowrank_bwd,
};

int cuda_open(struct device **out, int index, int threads, struct err *e)
{
    cudaDeviceProp p;
    (void)threads; // the host only gives orders
    *out = NULL;
    int rc = cuda_find(&index, &p, e);
    if (rc < 0)
        return rc;
    struct cuda *c = (struct cuda *)mem_zero(1, sizeof *c);
    c->device.ops = &ops;
    snprintf(c->device.name, sizeof c->device.name, "cuda:%d", index);
    c->index = index;
    c->processors = p.multiProcessorCount;
    c->capability = 10 * p.major + p.minor;
    c->shared_most = p.sharedMemPerBlockOptin;
    snprintf(c->name, sizeof c->name, "%.*s", (int)sizeof c->name - 1, p.name);
    if (cuda_check(c, cudaSetDevice(index), "opening") &&
        cuda_check(c, cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking), "opening")) {
        c->staging = staging_new(c);
        c->blas = blas_new(c);
    }
    if (c->error.code) {
        *e = c->error;
        cuda_close(&c->device);
        return e->code;
    }
    *out = &c->device;
    return 0;
}
