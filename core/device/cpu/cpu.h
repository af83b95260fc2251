/*
 * The CPU device's inside: its state, and the operations that cpu.c puts into the table.
 */
#ifndef PROMPTGRID_DEVICE_CPU_CPU_H
#define PROMPTGRID_DEVICE_CPU_CPU_H

#include "core/base/thread.h"
#include "core/device/device.h"

struct gemm;
struct onednn;

struct cpu {
    struct device device; // first: a struct device * is a struct cpu *
    struct thread_pool *pool;
    struct err error;      // the sticky one; code 0 = none
    struct onednn *onednn; // its engine and streams
    struct gemm *gemm;     // prepared products
    uint16_t *narrow;      // inputs of a bf16 product, see cpu_narrow
    size_t narrow_size;
    float **scratch; // (threads) one growing block each, see cpu_scratch
    size_t *scratch_size;
};

static inline struct cpu *cpu_of(struct device *d)
{
    return (struct cpu *)d;
}

/* n floats for the current chunk's own use; valid until the chunk's next call. */
float *cpu_scratch(struct cpu *c, size_t n);

/* Run f(arg, chunk) over ceil(n / size) chunks; size is fixed per operation, whatever the threads.
 */
static inline size_t cpu_chunks(size_t n, size_t size)
{
    return (n + size - 1) / size;
}

/* onednn.c: the library behind products and convolutions */
struct onednn *onednn_new(int threads, struct err *e);
void onednn_free(struct onednn *o);
const char *onednn_version(void); // "oneDNN 2.6.3"

/* gemm.c: matrix products */
struct gemm *gemm_new(void);
void gemm_free(struct gemm *g);
struct linear *cpu_linear_new(struct device *d, const float *weight, const float *bias, int N,
                              int K, int directions);
void cpu_linear_free(struct device *d, struct linear *w);
void cpu_linear_fwd(struct device *d, float *y, const float *x, const struct linear *w, int R);
void cpu_linear_bwd(struct device *d, float *dx, const float *dy, const struct linear *w, int R);
void cpu_matmul_nt(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                   float alpha);
void cpu_matmul_tn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                   float alpha);
void cpu_matmul_nn(struct device *d, float *c, const float *a, const float *b, int M, int N, int K,
                   float alpha);
/* c (M, N, ldc) = alpha op(a) op(b), one thread; for use inside a chunk. trans: 'N' or 'T'. */
void cpu_sgemm(char transa, char transb, int M, int N, int K, float alpha, const float *a, int lda,
               const float *b, int ldb, float *c, int ldc);

/* conv.c: images with channels last */
struct conv *cpu_conv_new(struct device *d, const float *weight, const float *bias,
                          const struct conv_shape *s, int flags);
void cpu_conv_free(struct device *d, struct conv *w);
void cpu_conv_fwd(struct device *d, float *y, const float *x, const struct conv *w, int B);
void cpu_avgpool(struct device *d, float *y, const float *x, int B, int S, int C, int k);

/* narrow.c: y (n) = x rounded to bf16, to nearest even; one thread */
void narrow_bf16(uint16_t *y, const float *x, size_t n);
/* x (n) in bf16, by the pool; valid until the next call. Caller's thread only. */
const uint16_t *cpu_narrow(struct cpu *c, const float *x, size_t n);

/* norm.c */
void cpu_layernorm_fwd(struct device *d, float *y, float *mean, float *rstd, const float *x,
                       const float *gamma, const float *beta, int R, int C);
void cpu_layernorm_bwd(struct device *d, float *dx, const float *dy, const float *x,
                       const float *mean, const float *rstd, const float *gamma, int R, int C);
void cpu_l2norm_fwd(struct device *d, float *y, float *norm, const float *x, int R, int C);
void cpu_l2norm_bwd(struct device *d, float *dx, const float *dy, const float *y, const float *norm,
                    int R, int C);

/* pointwise.c: elements and rows */
void cpu_quickgelu_fwd(struct device *d, float *y, const float *x, size_t n);
void cpu_quickgelu_bwd(struct device *d, float *dx, const float *dy, const float *x, size_t n);
void cpu_round_half(struct device *d, float *x, size_t n);
void cpu_add(struct device *d, float *y, const float *x, size_t n);
void cpu_gather(struct device *d, float *y, const float *x, const int *index, int R, int C);
void cpu_scatter_add(struct device *d, float *y, const float *x, const int *index, int R, int C);
void cpu_scatter(struct device *d, float *y, const float *x, const int *index, int R, int C);
void cpu_image_tokens(struct device *d, float *y, const float *x, const float *class_embedding,
                      const float *position, int B, int T, int C);
void cpu_patches(struct device *d, float *y, const float *x, int B, int S, int p);

/* views.c: what is seen of images */
void cpu_views(struct device *d, float *out, const float *value, const struct device_view *views,
               int n, int W, int H);

/* adapter.c: elements, for methods that adapt features */
void cpu_relu_fwd(struct device *d, float *y, const float *x, size_t n);
void cpu_relu_bwd(struct device *d, float *dx, const float *dy, const float *y, size_t n);
void cpu_blend(struct device *d, float *y, float a, const float *x, float b, size_t n);
void cpu_affinity_fwd(struct device *d, float *y, const float *x, float beta, size_t n);
void cpu_affinity_bwd(struct device *d, float *dx, const float *dy, const float *y, float beta,
                      size_t n);

/* attention.c */
void cpu_attention_fwd(struct device *d, float *out, const float *qkv, int B, int T, int H);
void cpu_attention_bwd(struct device *d, float *dqkv, const float *dout, const float *qkv, int B,
                       int T, int H);
struct forest *cpu_forest_new(struct device *d, const struct device_tree *t);
void cpu_forest_free(struct device *d, struct forest *f);
void cpu_tree_fwd(struct device *d, float *out, float *p, const float *q, int ldq, const float *k,
                  const float *v, int ldkv, const struct forest *f, int H);
void cpu_tree_bwd(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                  const float *p, const float *q, int ldq, const float *k, const float *v, int ldkv,
                  const struct forest *f, int H);

/* train.c: loss, optimizer, low rank */
void cpu_cross_entropy(struct device *d, float *loss, float *hit, float *dlogits,
                       const float *logits, const int *labels, int B, int K);
void cpu_distill(struct device *d, float *loss, float *dlogits, const float *logits,
                 const float *teacher, int B, int K, float temperature);
void cpu_l1(struct device *d, float *loss, float *dx, const float *x, const float *y, int R, int C,
            float weight, float slope);
void cpu_deflect(struct device *d, float *g, const float *against, size_t n, float strength);
void cpu_sgd(struct device *d, float *p, float *buf, const float *g, size_t n,
             const struct device_rates *rates, float momentum, float weight_decay, bool first);
void cpu_adam(struct device *d, float *p, float *m, float *v, const float *g, size_t n,
              const struct device_rates *rates, double epsilon, double weight_decay,
              bool decoupled);
void cpu_lowrank_fwd(struct device *d, float *p, const float *start, const float *A, const float *B,
                     const float *mask, int M, int R, int C);
void cpu_lowrank_bwd(struct device *d, float *dA, float *dB, const float *dp, const float *A,
                     const float *B, const float *mask, int M, int R, int C);

#endif
