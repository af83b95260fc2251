/*
 * The CPU device: memory, the sticky error, and the table of operations.
 */
#include "core/device/cpu/cpu.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/device/cpu/open.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void cpu_close(struct device *d)
{
    struct cpu *c = cpu_of(d);
    int threads = thread_pool_size(c->pool);
    thread_pool_free(c->pool);
    gemm_free(c->gemm);
    onednn_free(c->onednn);
    free(c->narrow);
    for (int i = 0; i < threads; i++)
        free(c->scratch[i]);
    free(c->scratch);
    free(c->scratch_size);
    free(c);
}

static char *cpu_describe(const struct device *d)
{
    char line[256], model[256] = "unknown";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %255[^\n]", model) == 1)
            break;
    if (f)
        fclose(f);
    return str_format("%s: %s, %s", d->ops->kind, model, onednn_version());
}

static void *cpu_alloc(struct device *d, size_t bytes)
{
    struct cpu *c = cpu_of(d);
    size_t rounded = (bytes + 63) & ~(size_t)63;
    void *block = rounded >= bytes ? aligned_alloc(64, rounded ? rounded : 64) : NULL;
    if (!block && !c->error.code)
        err_set(&c->error, ERR_MEMORY, "not enough memory: %zu bytes", bytes);
    return block;
}

static void cpu_release(struct device *d, void *block)
{
    (void)d;
    free(block);
}

static void cpu_transfer(struct device *d, void *to, const void *from, size_t bytes)
{
    (void)d;
    if (to && from && bytes)
        memcpy(to, from, bytes);
}

static void cpu_copy(struct device *d, void *to, const void *from, size_t bytes)
{
    if (!cpu_of(d)->error.code)
        memcpy(to, from, bytes);
}

static void cpu_zero(struct device *d, void *block, size_t bytes)
{
    (void)d;
    if (block)
        memset(block, 0, bytes);
}

static int cpu_sync(struct device *d, struct err *e)
{
    struct cpu *c = cpu_of(d);
    if (!c->error.code)
        return 0;
    *e = c->error;
    c->error.code = 0;
    return e->code;
}

/* ---- shuttles: one block is both sides ---- */

static struct shuttle *cpu_shuttle_new(struct device *d, size_t bytes)
{
    return cpu_alloc(d, bytes);
}

static void cpu_shuttle_free(struct device *d, struct shuttle *s)
{
    (void)d;
    free(s);
}

static void *cpu_shuttle_host(struct device *d, struct shuttle *s)
{
    return cpu_of(d)->error.code ? NULL : s;
}

static const void *cpu_shuttle_send(struct device *d, struct shuttle *s, size_t bytes)
{
    (void)bytes;
    return cpu_shuttle_host(d, s);
}

static void cpu_shuttle_done(struct device *d, struct shuttle *s)
{
    (void)d;
    (void)s;
}

static void cpu_shuttle_fetch(struct device *d, struct shuttle *s, const void *from, size_t bytes)
{
    cpu_transfer(d, s, from, bytes);
}

static const struct device_ops ops = {
    .kind = "cpu",
    .close = cpu_close,
    .describe = cpu_describe,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .upload = cpu_transfer,
    .download = cpu_transfer,
    .copy = cpu_copy,
    .zero = cpu_zero,
    .sync = cpu_sync,
    .shuttle_new = cpu_shuttle_new,
    .shuttle_free = cpu_shuttle_free,
    .shuttle_host = cpu_shuttle_host,
    .shuttle_send = cpu_shuttle_send,
    .shuttle_done = cpu_shuttle_done,
    .shuttle_fetch = cpu_shuttle_fetch,
    .linear_new = cpu_linear_new,
    .linear_free = cpu_linear_free,
    .linear_fwd = cpu_linear_fwd,
    .linear_bwd = cpu_linear_bwd,
    .conv_new = cpu_conv_new,
    .conv_free = cpu_conv_free,
    .conv_fwd = cpu_conv_fwd,
    .avgpool = cpu_avgpool,
    .matmul_nt = cpu_matmul_nt,
    .matmul_tn = cpu_matmul_tn,
    .matmul_nn = cpu_matmul_nn,
    .layernorm_fwd = cpu_layernorm_fwd,
    .layernorm_bwd = cpu_layernorm_bwd,
    .quickgelu_fwd = cpu_quickgelu_fwd,
    .quickgelu_bwd = cpu_quickgelu_bwd,
    .attention_fwd = cpu_attention_fwd,
    .attention_bwd = cpu_attention_bwd,
    .forest_new = cpu_forest_new,
    .forest_free = cpu_forest_free,
    .tree_fwd = cpu_tree_fwd,
    .tree_bwd = cpu_tree_bwd,
    .relu_fwd = cpu_relu_fwd,
    .relu_bwd = cpu_relu_bwd,
    .affinity_fwd = cpu_affinity_fwd,
    .affinity_bwd = cpu_affinity_bwd,
    .blend = cpu_blend,
    .round_half = cpu_round_half,
    .add = cpu_add,
    .gather = cpu_gather,
    .scatter_add = cpu_scatter_add,
    .scatter = cpu_scatter,
    .image_tokens = cpu_image_tokens,
    .patches = cpu_patches,
    .views = cpu_views,
    .l2norm_fwd = cpu_l2norm_fwd,
    .l2norm_bwd = cpu_l2norm_bwd,
    .cross_entropy = cpu_cross_entropy,
    .distill = cpu_distill,
    .l1 = cpu_l1,
    .deflect = cpu_deflect,
    .sgd = cpu_sgd,
    .adam = cpu_adam,
    .lowrank_fwd = cpu_lowrank_fwd,
    .lowrank_bwd = cpu_lowrank_bwd,
};

int cpu_open(struct device **out, int threads, struct err *e)
{
    // Large blocks stay with the process: giving pages back and faulting them in again can double
    // the time of a step.
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    struct onednn *onednn = onednn_new(threads, e);
    if (!onednn)
        return e->code;
    struct cpu *c = mem_zero(1, sizeof *c);
    c->device = (struct device){.ops = &ops, .name = "cpu"};
    c->onednn = onednn;
    c->gemm = gemm_new();
    c->pool = thread_pool_new(threads);
    c->scratch = mem_zero((size_t)threads, sizeof *c->scratch);
    c->scratch_size = mem_zero((size_t)threads, sizeof *c->scratch_size);
    *out = &c->device;
    return 0;
}
