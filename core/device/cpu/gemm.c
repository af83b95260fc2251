/*
 * Matrix products on the CPU through oneDNN.
 *
 * oneDNN runs single-threaded here: a product is cut into blocks of ROWS x COLUMNS, fixed whatever
 * the number of threads, and the pool computes each block on one thread. So the bits do not depend
 * on the threads. Frozen weights are packed once into the layout that oneDNN prefers, one packed
 * matrix per block of COLUMNS outputs.
 */
#include "core/device/cpu/cpu.h"

#include "core/base/mem.h"
#include "core/device/cpu/open.h"
#include "core/base/str.h"

#include <dnnl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 256,    // rows of a block
    COLUMNS = 256, // outputs of a block
    PACK_ROWS = 64 // rows that the packed layout is chosen for; the layout serves any number
};

/* A packed block: W's outputs first .. first + n - 1 for k inputs. */
struct packed {
    int first, n;
    dnnl_memory_t memory;
};

/* One direction of a layer: y (R, n) = x (R, k) W', W' (k, n). */
struct direction {
    int n, k, blocks;
    struct packed *block;
    float *bias; // (n) or NULL
};

struct linear {
    struct direction forward, backward; // blocks = 0: not packed
};

/* A prepared product of given sizes; shared by all layers of the same shape. */
struct kernel {
    int rows, n, k, ldy;
    bool bias;
    dnnl_memory_desc_t weight;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, b, y, scratch;
};

struct gemm {
    dnnl_engine_t engine;
    dnnl_stream_t *streams; // (threads)
    int threads;
    struct kernel **kernels;
    size_t n, capacity;
};

const char *cpu_library(void)
{
    static char text[64];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

static void fail(struct cpu *c, const char *what, dnnl_status_t status)
{
    if (!c->error.code)
        err_set(&c->error, status == dnnl_out_of_memory ? ERR_MEMORY : ERR_SYS,
                "oneDNN: %s failed with status %d", what, (int)status);
}

struct gemm *gemm_new(int threads, struct err *e)
{
    struct gemm *g = mem_zero(1, sizeof *g);
    g->streams = mem_zero((size_t)threads, sizeof *g->streams);
    dnnl_status_t status = dnnl_engine_create(&g->engine, dnnl_cpu, 0);
    for (; !status && g->threads < threads; g->threads++)
        status = dnnl_stream_create(&g->streams[g->threads], g->engine, dnnl_stream_default_flags);
    if (status) {
        err_set(e, ERR_SYS, "oneDNN: no CPU engine (status %d)", (int)status);
        gemm_free(g);
        return NULL;
    }
    return g;
}

void gemm_free(struct gemm *g)
{
    for (size_t i = 0; i < g->n; i++) {
        dnnl_primitive_destroy(g->kernels[i]->primitive);
        free(g->kernels[i]);
    }
    free(g->kernels);
    for (int i = 0; i < g->threads; i++)
        dnnl_stream_destroy(g->streams[i]);
    free(g->streams);
    dnnl_engine_destroy(g->engine);
    free(g);
}

static dnnl_memory_desc_t matrix(int rows, int columns, int ld)
{
    dnnl_memory_desc_t md;
    dnnl_memory_desc_init_by_strides(&md, 2, (dnnl_dims_t){rows, columns}, dnnl_f32,
                                     (dnnl_dims_t){ld, 1});
    return md;
}

/* weight NULL: let oneDNN choose the weight's layout. */
static dnnl_status_t kernel_init(struct gemm *g, struct kernel *kernel,
                                 const dnnl_memory_desc_t *weight)
{
    kernel->x = matrix(kernel->rows, kernel->k, kernel->k);
    kernel->y = matrix(kernel->rows, kernel->n, kernel->ldy);
    kernel->b = matrix(1, kernel->n, kernel->n);
    dnnl_memory_desc_t any;
    dnnl_memory_desc_init_by_tag(&any, 2, (dnnl_dims_t){kernel->k, kernel->n}, dnnl_f32,
                                 dnnl_format_tag_any);
    dnnl_matmul_desc_t desc;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = dnnl_matmul_desc_init(&desc, &kernel->x, weight ? weight : &any,
                                                 kernel->bias ? &kernel->b : NULL, &kernel->y);
    if (status)
        return status;
    dnnl_primitive_attr_create(&attr);
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    status = dnnl_primitive_desc_create(&pd, &desc, attr, g->engine, NULL);
    if (!status)
        status = dnnl_primitive_create(&kernel->primitive, pd);
    if (!status) {
        kernel->weight = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        kernel->scratch = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    }
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

/* The kernel for these sizes, made at first use; weight NULL = choose the layout. Caller's thread
 * only. */
static struct kernel *kernel_get(struct cpu *c, int rows, int n, int k, int ldy, bool bias,
                                 const dnnl_memory_desc_t *weight)
{
    struct gemm *g = c->gemm;
    for (size_t i = 0; i < g->n; i++) {
        struct kernel *have = g->kernels[i];
        if (have->rows == rows && have->n == n && have->k == k && have->ldy == ldy &&
            have->bias == bias && (!weight || dnnl_memory_desc_equal(&have->weight, weight)))
            return have;
    }
    struct kernel *kernel = mem_zero(1, sizeof *kernel);
    *kernel = (struct kernel){.rows = rows, .n = n, .k = k, .ldy = ldy, .bias = bias};
    omp_set_num_threads(1);
    dnnl_status_t status = kernel_init(g, kernel, weight);
    if (status) {
        free(kernel);
        fail(c, "preparing a matrix product", status);
        return NULL;
    }
    MEM_PUSH(g->kernels, g->n, g->capacity) = kernel;
    return kernel;
}

/* Pack `from`, seen as (k, n) with strides (row, column), into blocks of COLUMNS. */
static void direction_pack(struct cpu *c, struct direction *dir, const float *from, int k, int n,
                           int row, int column, const float *bias)
{
    *dir = (struct direction){.n = n, .k = k, .blocks = (int)cpu_chunks((size_t)n, COLUMNS)};
    dir->block = mem_zero((size_t)dir->blocks, sizeof *dir->block);
    if (bias)
        dir->bias = mem_dup(bias, (size_t)n * sizeof *bias);
    for (int i = 0; i < dir->blocks; i++) {
        struct packed *p = &dir->block[i];
        p->first = i * COLUMNS;
        p->n = n - p->first < COLUMNS ? n - p->first : COLUMNS;
        struct kernel *kernel = kernel_get(c, PACK_ROWS, p->n, k, n, bias != NULL, NULL);
        if (!kernel)
            return;
        dnnl_memory_desc_t plain;
        dnnl_memory_desc_init_by_strides(&plain, 2, (dnnl_dims_t){k, p->n}, dnnl_f32,
                                         (dnnl_dims_t){row, column});
        dnnl_memory_t source = NULL;
        dnnl_primitive_desc_t pd = NULL;
        dnnl_primitive_t reorder = NULL;
        struct gemm *g = c->gemm;
        dnnl_status_t status = dnnl_memory_create(
            &source, &plain, g->engine, (void *)(from + (size_t)p->first * (size_t)column));
        if (!status)
            status =
                dnnl_memory_create(&p->memory, &kernel->weight, g->engine, DNNL_MEMORY_ALLOCATE);
        if (!status)
            status = dnnl_reorder_primitive_desc_create(&pd, &plain, g->engine, &kernel->weight,
                                                        g->engine, NULL);
        if (!status)
            status = dnnl_primitive_create(&reorder, pd);
        if (!status) {
            dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, p->memory}};
            status = dnnl_primitive_execute(reorder, g->streams[0], 2, args);
        }
        if (status)
            fail(c, "packing weights", status);
        dnnl_primitive_destroy(reorder);
        dnnl_primitive_desc_destroy(pd);
        dnnl_memory_destroy(source);
    }
}

struct linear *cpu_linear_new(struct device *d, const float *weight, const float *bias, int N,
                              int K, int directions)
{
    struct linear *w = mem_zero(1, sizeof *w);
    if (directions & LINEAR_FORWARD)
        direction_pack(cpu_of(d), &w->forward, weight, K, N, 1, K, bias);
    if (directions & LINEAR_BACKWARD)
        direction_pack(cpu_of(d), &w->backward, weight, N, K, K, 1, NULL);
    return w;
}

void cpu_linear_free(struct device *d, struct linear *w)
{
    (void)d;
    if (!w)
        return;
    struct direction *both[] = {&w->forward, &w->backward};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < both[i]->blocks; j++)
            dnnl_memory_destroy(both[i]->block[j].memory);
        free(both[i]->block);
        free(both[i]->bias);
    }
    free(w);
}

struct product {
    struct cpu *c;
    const struct direction *dir;
    float *y;
    const float *x;
    int rows, row_blocks;
    struct kernel *kernel[2][2]; // [last row block][last column block]
};

static void product_chunk(void *arg, size_t chunk)
{
    struct product *p = arg;
    int rb = (int)(chunk % (size_t)p->row_blocks), cb = (int)(chunk / (size_t)p->row_blocks);
    const struct packed *block = &p->dir->block[cb];
    struct kernel *kernel = p->kernel[rb == p->row_blocks - 1][cb == p->dir->blocks - 1];
    dnnl_engine_t engine = p->c->gemm->engine;
    size_t row = (size_t)rb * ROWS;
    float *y = p->y + row * (size_t)p->dir->n + block->first;
    const float *x = p->x + row * (size_t)p->dir->k;
    void *scratch = cpu_scratch(p->c, dnnl_memory_desc_get_size(&kernel->scratch) / 4 + 1);
    dnnl_memory_t mx, my, mb = NULL, ms;
    omp_set_num_threads(1); // oneDNN's own threads would change the bits and crowd the cores
    dnnl_memory_create(&mx, &kernel->x, engine, (void *)x);
    dnnl_memory_create(&my, &kernel->y, engine, y);
    dnnl_memory_create(&ms, &kernel->scratch, engine, scratch);
    if (kernel->bias)
        dnnl_memory_create(&mb, &kernel->b, engine, p->dir->bias + block->first);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, mx},
                              {DNNL_ARG_WEIGHTS, block->memory},
                              {DNNL_ARG_DST, my},
                              {DNNL_ARG_SCRATCHPAD, ms},
                              {DNNL_ARG_BIAS, mb}};
    dnnl_status_t status = dnnl_primitive_execute(
        kernel->primitive, p->c->gemm->streams[thread_worker()], kernel->bias ? 5 : 4, args);
    if (status)
        BUG("oneDNN: a prepared matrix product failed with status %d", (int)status);
    dnnl_memory_destroy(mx);
    dnnl_memory_destroy(my);
    dnnl_memory_destroy(ms);
    dnnl_memory_destroy(mb);
}

static void direction_run(struct device *d, float *y, const float *x, const struct direction *dir,
                          int R)
{
    struct cpu *c = cpu_of(d);
    if (c->error.code || R == 0)
        return;
    BUG_IF(!dir->blocks);
    struct product p = {.c = c, .dir = dir, .y = y, .x = x, .rows = R};
    p.row_blocks = (int)cpu_chunks((size_t)R, ROWS);
    for (int lr = 0; lr < 2; lr++)
        for (int lc = 0; lc < 2; lc++) {
            const struct packed *block = &dir->block[lc ? dir->blocks - 1 : 0];
            int rows = lr ? R - (p.row_blocks - 1) * ROWS : ROWS;
            const dnnl_memory_desc_t *layout;
            dnnl_memory_get_memory_desc(block->memory, &layout);
            p.kernel[lr][lc] =
                kernel_get(c, rows, block->n, dir->k, dir->n, dir->bias != NULL, layout);
            if (!p.kernel[lr][lc])
                return;
        }
    thread_run(c->pool, (size_t)p.row_blocks * (size_t)dir->blocks, product_chunk, &p);
}

void cpu_linear_fwd(struct device *d, float *y, const float *x, const struct linear *w, int R)
{
    direction_run(d, y, x, &w->forward, R);
}

void cpu_linear_bwd(struct device *d, float *dx, const float *dy, const struct linear *w, int R)
{
    direction_run(d, dx, dy, &w->backward, R);
}

void cpu_sgemm(char transa, char transb, int M, int N, int K, float alpha, const float *a, int lda,
               const float *b, int ldb, float *c, int ldc)
{
    omp_set_num_threads(1);
    dnnl_status_t status = dnnl_sgemm(transa, transb, M, N, K, alpha, a, lda, b, ldb, 0, c, ldc);
    if (status)
        BUG("oneDNN: sgemm %d x %d x %d failed with status %d", M, N, K, (int)status);
}

struct matmul {
    float *c;
    const float *a, *b;
    int M, N, K;
    float alpha;
};

static void nt_chunk(void *arg, size_t chunk)
{
    struct matmul *m = arg;
    int first = (int)chunk * COLUMNS, n = m->N - first < COLUMNS ? m->N - first : COLUMNS;
    cpu_sgemm('N', 'T', m->M, n, m->K, m->alpha, m->a, m->K, m->b + (size_t)first * (size_t)m->K,
              m->K, m->c + first, m->N);
}

void cpu_matmul_nt(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                   float alpha)
{
    struct matmul m = {c, a, b, M, N, K, alpha};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks((size_t)N, COLUMNS), nt_chunk, &m);
}

static void tn_chunk(void *arg, size_t chunk)
{
    struct matmul *m = arg;
    int first = (int)chunk * ROWS, rows = m->M - first < ROWS ? m->M - first : ROWS;
    cpu_sgemm('T', 'N', rows, m->N, m->K, m->alpha, m->a + first, m->M, m->b, m->N,
              m->c + (size_t)first * (size_t)m->N, m->N);
}

void cpu_matmul_tn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                   float alpha)
{
    struct matmul m = {c, a, b, M, N, K, alpha};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks((size_t)M, ROWS), tn_chunk, &m);
}

static void nn_chunk(void *arg, size_t chunk)
{
    struct matmul *m = arg;
    int first = (int)chunk * COLUMNS, n = m->N - first < COLUMNS ? m->N - first : COLUMNS;
    cpu_sgemm('N', 'N', m->M, n, m->K, m->alpha, m->a, m->K, m->b + first, m->N, m->c + first,
              m->N);
}

void cpu_matmul_nn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                   float alpha)
{
    struct matmul m = {c, a, b, M, N, K, alpha};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks((size_t)N, COLUMNS), nn_chunk, &m);
}
