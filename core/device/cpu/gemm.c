/*
 * Matrix products on the CPU through oneDNN.
 *
 * A product is cut into blocks of ROWS x COLUMNS, fixed whatever the number of threads, and the
 * pool computes each block on one thread. Frozen weights are packed once into the layout that
 * oneDNN prefers, one packed matrix per block of COLUMNS outputs. For bf16 products they are
 * rounded then, and the inputs before each product; a block there has all columns, because oneDNN's
 * best bf16 kernels write whole rows only.
 */
#include "core/device/cpu/onednn.h"

#include "core/base/mem.h"

#include <stdlib.h>

enum {
    ROWS = 256,      // rows of a block
    COLUMNS = 256,   // outputs of a block
    BF16_ROWS = 128, // rows of a block of a bf16 product
    PACK_ROWS = 64   // rows that the packed layout is chosen for; the layout serves any number
};

/* A packed block: W's outputs first .. first + n - 1 for k inputs. */
struct packed {
    int first, n;
    dnnl_memory_t memory;
};

/* One direction of a layer: y (R, n) = x (R, k) W', W' (k, n). */
struct direction {
    int n, k, blocks;
    int rows; // of a block
    bool bf16;
    struct packed *block;
    float *bias; // (n) or NULL
};

struct linear {
    struct direction forward, backward; // blocks = 0: not packed
};

/* A prepared product of given sizes; shared by all layers of the same shape. */
struct kernel {
    int rows, n, k, ldy;
    bool bias, bf16;
    dnnl_memory_desc_t weight;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, b, y, scratch;
};

struct gemm {
    struct kernel **kernels;
    size_t n, capacity;
};

struct gemm *gemm_new(void)
{
    return mem_zero(1, sizeof(struct gemm));
}

void gemm_free(struct gemm *g)
{
    for (size_t i = 0; i < g->n; i++) {
        dnnl_primitive_destroy(g->kernels[i]->primitive);
        free(g->kernels[i]);
    }
    free(g->kernels);
    free(g);
}

static dnnl_memory_desc_t matrix(int rows, int columns, int ld, dnnl_data_type_t type)
{
    dnnl_memory_desc_t md;
    dnnl_memory_desc_init_by_strides(&md, 2, (dnnl_dims_t){rows, columns}, type,
                                     (dnnl_dims_t){ld, 1});
    return md;
}

/* weight NULL: let oneDNN choose the weight's layout. */
static dnnl_status_t kernel_init(dnnl_engine_t engine, struct kernel *kernel,
                                 const dnnl_memory_desc_t *weight)
{
    const dnnl_data_type_t type = kernel->bf16 ? dnnl_bf16 : dnnl_f32;
    kernel->x = matrix(kernel->rows, kernel->k, kernel->k, type);
    kernel->y = matrix(kernel->rows, kernel->n, kernel->ldy, dnnl_f32);
    kernel->b = matrix(1, kernel->n, kernel->n, dnnl_f32);
    dnnl_memory_desc_t any;
    dnnl_memory_desc_init_by_tag(&any, 2, (dnnl_dims_t){kernel->k, kernel->n}, type,
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
    status = dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL);
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

/* The kernel of the sizes that `want` has, made at first use; weight NULL = choose the layout.
 * Caller's thread only. */
static struct kernel *kernel_get(struct cpu *c, const struct kernel *want,
                                 const dnnl_memory_desc_t *weight)
{
    struct gemm *g = c->gemm;
    for (size_t i = 0; i < g->n; i++) {
        struct kernel *have = g->kernels[i];
        if (have->rows == want->rows && have->n == want->n && have->k == want->k &&
            have->ldy == want->ldy && have->bias == want->bias && have->bf16 == want->bf16 &&
            (!weight || dnnl_memory_desc_equal(&have->weight, weight)))
            return have;
    }
    struct kernel *kernel = mem_dup(want, sizeof *want);
    onednn_alone();
    dnnl_status_t status = kernel_init(c->onednn->engine, kernel, weight);
    if (status) {
        free(kernel);
        onednn_fail(c, "preparing a matrix product", status);
        return NULL;
    }
    MEM_PUSH(g->kernels, g->n, g->capacity) = kernel;
    return kernel;
}

/* Pack `from`, seen as (k, n) with strides (row, column), into blocks of columns. */
static void direction_pack(struct cpu *c, struct direction *dir, const float *from, int k, int n,
                           int row, int column, const float *bias, bool bf16)
{
    if (bf16 && !onednn_bf16(c))
        return;
    const int columns = bf16 ? n : COLUMNS;
    *dir = (struct direction){.n = n,
                              .k = k,
                              .blocks = (int)cpu_chunks((size_t)n, (size_t)columns),
                              .rows = bf16 ? BF16_ROWS : ROWS,
                              .bf16 = bf16};
    dir->block = mem_zero((size_t)dir->blocks, sizeof *dir->block);
    if (bias)
        dir->bias = mem_dup(bias, (size_t)n * sizeof *bias);
    for (int i = 0; i < dir->blocks; i++) {
        struct packed *p = &dir->block[i];
        p->first = i * columns;
        p->n = n - p->first < columns ? n - p->first : columns;
        const struct kernel *kernel = kernel_get(
            c,
            &(struct kernel){
                .rows = PACK_ROWS, .n = p->n, .k = k, .ldy = n, .bias = bias != NULL, .bf16 = bf16},
            NULL);
        if (!kernel)
            return;
        dnnl_memory_desc_t plain;
        dnnl_memory_desc_init_by_strides(&plain, 2, (dnnl_dims_t){k, p->n}, dnnl_f32,
                                         (dnnl_dims_t){row, column});
        p->memory =
            onednn_pack(c, &plain, from + (size_t)p->first * (size_t)column, &kernel->weight);
    }
}

struct linear *cpu_linear_new(struct device *d, const float *weight, const float *bias, int N,
                              int K, int directions)
{
    struct linear *w = mem_zero(1, sizeof *w);
    const bool bf16 = directions & LINEAR_BF16;
    if (directions & LINEAR_FORWARD)
        direction_pack(cpu_of(d), &w->forward, weight, K, N, 1, K, bias, bf16);
    if (directions & LINEAR_BACKWARD)
        direction_pack(cpu_of(d), &w->backward, weight, N, K, K, 1, NULL, bf16);
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
    const uint16_t *x16; // x in bf16, for a bf16 product
    int rows, row_blocks;
    struct kernel *kernel[2][2]; // [last row block][last column block]
};

static void product_chunk(void *arg, size_t chunk)
{
    struct product *p = arg;
    int rb = (int)(chunk % (size_t)p->row_blocks), cb = (int)(chunk / (size_t)p->row_blocks);
    const struct packed *block = &p->dir->block[cb];
    struct kernel *kernel = p->kernel[rb == p->row_blocks - 1][cb == p->dir->blocks - 1];
    dnnl_engine_t engine = p->c->onednn->engine;
    size_t row = (size_t)rb * (size_t)p->dir->rows, in = row * (size_t)p->dir->k;
    float *y = p->y + row * (size_t)p->dir->n + block->first;
    const void *x = p->x16 ? (const void *)(p->x16 + in) : p->x + in;
    void *scratch = cpu_scratch(p->c, dnnl_memory_desc_get_size(&kernel->scratch) / 4 + 1);
    dnnl_memory_t mx, my, mb = NULL, ms;
    onednn_alone();
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
        kernel->primitive, p->c->onednn->streams[thread_worker()], kernel->bias ? 5 : 4, args);
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
    p.row_blocks = (int)cpu_chunks((size_t)R, (size_t)dir->rows);
    for (int lr = 0; lr < 2; lr++)
        for (int lc = 0; lc < 2; lc++) {
            const struct packed *block = &dir->block[lc ? dir->blocks - 1 : 0];
            int rows = lr ? R - (p.row_blocks - 1) * dir->rows : dir->rows;
            const dnnl_memory_desc_t *layout;
            dnnl_memory_get_memory_desc(block->memory, &layout);
            p.kernel[lr][lc] = kernel_get(c,
                                          &(struct kernel){.rows = rows,
                                                           .n = block->n,
                                                           .k = dir->k,
                                                           .ldy = dir->n,
                                                           .bias = dir->bias != NULL,
                                                           .bf16 = dir->bf16},
                                          layout);
            if (!p.kernel[lr][lc])
                return;
        }
    if (dir->bf16)
        p.x16 = cpu_narrow(c, x, (size_t)R * (size_t)dir->k);
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
    onednn_alone();
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
