/*
 * Numbers on a device: buffers and layer-level operations, one table, several implementations.
 *
 * Pointers that operations take are device memory from `alloc`, numbers and indices alike. All
 * tensors are row-major and dense unless a leading dimension (ld) is given. Outputs of "="
 * operations may hold anything before; "+=" adds. Operations are void and may still be under way
 * when they return, in order; the first failure sticks and device_sync returns it. The same call
 * gives the same bits for any number of threads (see core/base/thread.h).
 *
 * Dimensions: R rows, C width, H heads (C = 64 H), B batch, K classes, E joint dimension, T tokens.
 */
#ifndef PROMPTGRID_DEVICE_DEVICE_H
#define PROMPTGRID_DEVICE_DEVICE_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEVICE_HEAD = 64 }; // every attention head of CLIP is this wide

struct device;

/*
 * A frozen layer y = x W^T + b, packed by the device for one or both directions. LINEAR_BF16:
 * weights and inputs are rounded to bf16, sums and outputs are fp32; a sticky error where the
 * device has no such arithmetic.
 */
struct linear;
enum { LINEAR_FORWARD = 1, LINEAR_BACKWARD = 2, LINEAR_BF16 = 4 };

/* A frozen convolution of images with channels last, padding k / 2, then what the flags say. */
struct conv;
enum {
    CONV_ADD = 1,  // y's old values are added
    CONV_RELU = 2, // max(y, 0), after the sum
    CONV_BF16 = 4, // as LINEAR_BF16
};
struct conv_shape {
    int N, C;   // outputs, inputs
    int k;      // side of the kernel, odd
    int stride; // output is (S - 1) / stride + 1 wide
    int S;      // side of the image
};

/* A block of a frozen image tower of width C: vectors (C) on the device; layers of LINEAR_BF16,
 * with bias. */
struct device_block {
    const float *ln1_gamma, *ln1_beta, *ln2_gamma, *ln2_beta;
    const struct linear *qkv, *out, *fc, *proj; // (3C, C), (C, C), (4C, C), (C, 4C)
};

/*
 * Who attends to whom in a forest of token rows: query i sits at row `query[i]` and attends to the
 * rows path[start[i]] .. path[start[i + 1] - 1]: its ancestors and itself, root first.
 */
struct device_tree {  // host memory
    int rows;         // R
    int queries;      // Q
    const int *query; // (Q)
    const int *start; // (Q + 1)
    const int *path;  // (start[Q])
};

/* A device_tree as the device keeps it. */
struct forest;

/* What an optimizer step needs that changes from step to step; see device_rates. */
struct device_rates {
    double lr;
    double first, second; // 1 - beta^step of Adam's two moments
};

/*
 * How one axis of an image is resized: output i is the sum of weight[i taps + t] times input
 * first[i]
 * + t, t < count[i], in fixed point, rounded and clamped to a byte. `first` and `first + count` do
 * not fall.
 */
enum { DEVICE_WEIGHT_BITS = 22 }; // a weight of 1 is 1 << 22; no sum may leave 32 bits
struct device_axis {
    int taps;           // most of an output
    int *first, *count; // (outputs)
    int32_t *weight;    // (outputs, taps)
};

/* What is seen of a decoded image. Host memory but for rgb. */
struct device_view {
    const uint8_t *rgb;              // device memory: the first pixel that is seen, 3 bytes each
    size_t stride;                   // bytes from row to row
    struct device_axis across, down; // of columns, first; then of rows
    bool flip;                       // left-right, at the end
};

/* Operations that were noted to be run again. */
struct recording;

/* A block of host memory and one of the device for transfers beside the work; see shuttle_new. */
struct shuttle;

struct device_ops {
    const char *kind; // "cpu", "cuda"
    bool apart;       // it works while the host does, in memory of its own
    void (*close)(struct device *d);
    char *(*describe)(const struct device *d); // see device_describe

    /* Memory. alloc returns NULL and sets the sticky error when there is not enough. */
    void *(*alloc)(struct device *d, size_t bytes);
    void (*release)(struct device *d, void *block);                               // NULL is fine
    void (*upload)(struct device *d, void *to, const void *from, size_t bytes);   // from the host
    void (*download)(struct device *d, void *to, const void *from, size_t bytes); // to the host
    void (*copy)(struct device *d, void *to, const void *from, size_t bytes);     // within it
    void (*zero)(struct device *d, void *block, size_t bytes);
    int (*sync)(struct device *d, struct err *e); // wait; the first error since the last sync

    /*
     * Recording, where a device gains by it (NULL elsewhere, all four). Between record_begin and
     * record_end operations and copies are noted instead of run; replay runs them as one, with the
     * same pointers and sizes, on what the memory holds by then. The same operations must have run
     * once before, for their workspace. Not in between: alloc, release, transfers, sync, *_new.
     */
    void (*record_begin)(struct device *d);
    struct recording *(*record_end)(struct device *d); // NULL on a failure, which sticks
    void (*replay)(struct device *d, const struct recording *r);
    void (*record_free)(struct device *d, struct recording *r); // NULL is fine

    /* A clock of the device's own, where it has one (NULL elsewhere, both): mark 0 and mark 1 stand
     * between operations; elapsed waits and gives the seconds from the one to the other. */
    void (*mark)(struct device *d, int which);
    double (*elapsed)(struct device *d);

    /*
     * Transfers beside the work. shuttle_host waits until the shuttle has moved and returns its
     * host memory, pinned where that helps. shuttle_send moves it to the device and returns the
     * block there: operations called later find it; those called earlier go on meanwhile, but for
     * those up to the last shuttle_done, which says that all that read the block have been called.
     * shuttle_fetch moves `from`, as operations called so far leave it, to the host memory. All
     * return NULL after a failure, which sticks. On the CPU the two blocks are one.
     */
    struct shuttle *(*shuttle_new)(struct device *d, size_t bytes);
    void (*shuttle_free)(struct device *d, struct shuttle *s); // NULL is fine
    void *(*shuttle_host)(struct device *d, struct shuttle *s);
    const void *(*shuttle_send)(struct device *d, struct shuttle *s, size_t bytes);
    void (*shuttle_done)(struct device *d, struct shuttle *s);
    void (*shuttle_fetch)(struct device *d, struct shuttle *s, const void *from, size_t bytes);

    /* weight (N, K), bias (N) or NULL: host memory, not kept. */
    struct linear *(*linear_new)(struct device *d, const float *weight, const float *bias, int N,
                                 int K, int directions);
    void (*linear_free)(struct device *d, struct linear *w); // NULL is fine
    /* y (R, N) = x (R, K) W^T + b */
    void (*linear_fwd)(struct device *d, float *y, const float *x, const struct linear *w, int R);
    /* dx (R, K) = dy (R, N) W */
    void (*linear_bwd)(struct device *d, float *dx, const float *dy, const struct linear *w, int R);

    /* weight (N, C, k, k), bias (N): host memory, not kept. */
    struct conv *(*conv_new)(struct device *d, const float *weight, const float *bias,
                             const struct conv_shape *s, int flags);
    void (*conv_free)(struct device *d, struct conv *w); // NULL is fine
    /* y (B, So, So, N) = convolution of x (B, S, S, C) + b, [+ y], [ReLU]. An image's bits do not
     * depend on the others. */
    void (*conv_fwd)(struct device *d, float *y, const float *x, const struct conv *w, int B);
    /* y (B, S / k, S / k, C) = means of the k x k windows of x (B, S, S, C); S is a multiple of k
     */
    void (*avgpool)(struct device *d, float *y, const float *x, int B, int S, int C, int k);

    /* c (M, N) = alpha a (M, K) b (N, K)^T */
    void (*matmul_nt)(struct device *d, float *c, const float *a, const float *b, int M, int N,
                      int K, float alpha);
    /* c (M, N) = alpha a (K, M)^T b (K, N) */
    void (*matmul_tn)(struct device *d, float *c, const float *a, const float *b, int M, int N,
                      int K, float alpha);

    /* c (M, N) = alpha a (M, K) b (K, N) */
    void (*matmul_nn)(struct device *d, float *c, const float *a, const float *b, int M, int N,
                      int K, float alpha);

    /* y (R, C) = (x - mean) rstd gamma + beta, eps 1e-5; mean, rstd (R) are outputs */
    void (*layernorm_fwd)(struct device *d, float *y, float *mean, float *rstd, const float *x,
                          const float *gamma, const float *beta, int R, int C);
    /* dx (R, C) += */
    void (*layernorm_bwd)(struct device *d, float *dx, const float *dy, const float *x,
                          const float *mean, const float *rstd, const float *gamma, int R, int C);

    /* y (n) = x sigmoid(1.702 x); y may be x */
    void (*quickgelu_fwd)(struct device *d, float *y, const float *x, size_t n);
    /* dx (n) = dy (s + 1.702 x s (1 - s)), s = sigmoid(1.702 x); dx may be dy */
    void (*quickgelu_bwd)(struct device *d, float *dx, const float *dy, const float *x, size_t n);

    /* out (B, T, C) from qkv (B, T, 3C) rows q|k|v, no mask, scores / 8 */
    void (*attention_fwd)(struct device *d, float *out, const float *qkv, int B, int T, int H);
    /* dqkv (B, T, 3C) = from dout (B, T, C); the probabilities are computed again from qkv */
    void (*attention_bwd)(struct device *d, float *dqkv, const float *dout, const float *qkv, int B,
                          int T, int H);

    /*
     * Where a device gains by it (NULL elsewhere): x (B, T, C) += out(attention(qkv(LN1(x)))), then
     * += proj(QuickGELU(fc(LN2(x)))), with everything inside in bf16 and sums in fp32. first (B, C)
     * not NULL: only the rows of each image's token 0 go on; x stays, and first is added to
     * instead: it holds those rows of x.
     */
    void (*image_block)(struct device *d, float *x, float *first, const struct device_block *b,
                        int B, int T, int H);

    /* t is copied. */
    struct forest *(*forest_new)(struct device *d, const struct device_tree *t);
    void (*forest_free)(struct device *d, struct forest *f); // NULL is fine
    /* Attention over a forest of rows, scores / 8. q (Q, ldq), k and v (R, ldkv), the first C
     * columns of each; out (Q, C) =; p (H, start[Q]) = the probabilities, kept for the backward
     * pass. */
    void (*tree_fwd)(struct device *d, float *out, float *p, const float *q, int ldq,
                     const float *k, const float *v, int ldkv, const struct forest *f, int H);
    /* dq (Q, ldq) =; dk, dv (R, ldkv) =: every row's sum over the queries below it, in query order
     */
    void (*tree_bwd)(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                     const float *p, const float *q, int ldq, const float *k, const float *v,
                     int ldkv, const struct forest *f, int H);

    /* y (n) = max(x, 0); y may be x */
    void (*relu_fwd)(struct device *d, float *y, const float *x, size_t n);
    /* dx (n) = dy where y > 0, else 0; dx may be dy */
    void (*relu_bwd)(struct device *d, float *dx, const float *dy, const float *y, size_t n);
    /* y (n) = exp(beta (x - 1)): how near a cached image of similarity x is; y may be x */
    void (*affinity_fwd)(struct device *d, float *y, const float *x, float beta, size_t n);
    /* dx (n) = beta y dy; dx may be dy */
    void (*affinity_bwd)(struct device *d, float *dx, const float *dy, const float *y, float beta,
                         size_t n);
    /* y (n) = a y + b x */
    void (*blend)(struct device *d, float *y, float a, const float *x, float b, size_t n);

    /* x (n) = the nearest fp16 values; see device_half */
    void (*round_half)(struct device *d, float *x, size_t n);
    /* y (n) += x (n) */
    void (*add)(struct device *d, float *y, const float *x, size_t n);
    /* y (R, C) = x[index[r]] */
    void (*gather)(struct device *d, float *y, const float *x, const int *index, int R, int C);
    /* y[index[r]] += x (R, C), in the order of r: an index may repeat */
    void (*scatter_add)(struct device *d, float *y, const float *x, const int *index, int R, int C);
    /* y[index[r]] = x (R, C); no index repeats */
    void (*scatter)(struct device *d, float *y, const float *x, const int *index, int R, int C);
    /* y (B, T, C) = class_embedding in token 0, x (B, T - 1, C) after it; plus position (T, C) */
    void (*image_tokens)(struct device *d, float *y, const float *x, const float *class_embedding,
                         const float *position, int B, int T, int C);
    /* y (B, g * g, 3 * p * p) = patches of x (B, 3, S, S), S = g p, in conv1's weight order */
    void (*patches)(struct device *d, float *y, const float *x, int B, int S, int p);

    /* out (n, 3, H, W) = value (3, 256) of the bytes of n views: resized across, then down, bytes
     * in between, as Pillow does. views: host memory, not kept. */
    void (*views)(struct device *d, float *out, const float *value, const struct device_view *views,
                  int n, int W, int H);

    /* y (R, C) = x / |x|; norm (R) = |x|. On a `half` device both are fp16, y of the rounded norm
     */
    void (*l2norm_fwd)(struct device *d, float *y, float *norm, const float *x, int R, int C);
    /* dx (R, C) = (dy - y (y . dy)) / norm */
    void (*l2norm_bwd)(struct device *d, float *dx, const float *dy, const float *y,
                       const float *norm, int R, int C);

    /* loss (B) = cross entropy of each row; dlogits (B, K) = (softmax - onehot) / B; hit (B) = 1
     * where the first largest logit is the label. dlogits may be logits. */
    void (*cross_entropy)(struct device *d, float *loss, float *hit, float *dlogits,
                          const float *logits, const int *labels, int B, int K);

    /* Cross entropy against a teacher's softened classes: q, p = softmax of teacher / T, logits /
     * T; loss (B) = -T^2 sum_k q log p; dlogits (B, K) = T (p - q) / B. dlogits may be logits. */
    void (*distill)(struct device *d, float *loss, float *dlogits, const float *logits,
                    const float *teacher, int B, int K, float temperature);
    /* loss (R) = weight sum_c |x - y|; dx (R, C) += slope sign(x - y); x, y (R, C) */
    void (*l1)(struct device *d, float *loss, float *dx, const float *x, const float *y, int R,
               int C, float weight, float slope);
    /* g (n) -= strength (g . u) u, u = against / |against|, if g . against < 0: what of g works
     * against that direction is taken out. */
    void (*deflect)(struct device *d, float *g, const float *against, size_t n, float strength);

    /* torch's SGD: g += weight_decay p; buf = first ? g : momentum buf + g; p -= lr buf (all (n)),
     * lr rounded to fp32. On a `half` device the decayed gradient, momentum buf, its sum and p are
     * each rounded to fp16. rates: device memory, here and below. */
    void (*sgd)(struct device *d, float *p, float *buf, const float *g, size_t n,
                const struct device_rates *rates, float momentum, float weight_decay, bool first);

    /* torch's Adam, betas 0.9 and 0.999: weight decay is added to the gradient, or, decoupled
     * (AdamW), shrinks p first. m, v (n): the moments, zero before the first step. */
    void (*adam)(struct device *d, float *p, float *m, float *v, const float *g, size_t n,
                 const struct device_rates *rates, double epsilon, double weight_decay,
                 bool decoupled);

    /* p (M, C) = start + mask (A B); A (M, R), B (R, C), mask (M, C) or NULL = 1 */
    void (*lowrank_fwd)(struct device *d, float *p, const float *start, const float *A,
                        const float *B, const float *mask, int M, int R, int C);
    /* dA (M, R) = (mask dp) B^T; dB (R, C) = A^T (mask dp) */
    void (*lowrank_bwd)(struct device *d, float *dA, float *dB, const float *dp, const float *A,
                        const float *B, const float *mask, int M, int R, int C);
};

struct device {
    const struct device_ops *ops;
    char name[24]; // as messages call it: "cpu", "cuda:1"
    bool half;     // precision fp16-storage: what the reference stores in fp16 is rounded to it
    bool tf32;     // products of fp32 may round their inputs to tf32, where a device has it
};

/* An accelerator of this machine. */
struct device_info {
    char kind[16]; // for device_open: "cuda:0"
    char name[128];
    int major, minor;    // compute capability
    int driver, toolkit; // CUDA versions, 12040 = 12.4; driver: the newest it serves
    size_t memory, free; // bytes
    char problem[160];   // why it cannot be used, one line; "" = it can
};

/* The accelerators into info (most): their number. With 0, `why` (size) says in one line why there
 * is none: no driver, no device, a driver older than the toolkit, a build without CUDA. */
int device_probe(struct device_info *info, int most, char *why, size_t size);

/* kind "cpu", "cuda" (the first usable one) or "cuda:N"; threads >= 1, of work on the host. */
int device_open(struct device **out, const char *kind, int threads, struct err *e);
void device_close(struct device *d); // NULL is fine

/* What the device is and which libraries run it, for the record; yours to free(). */
char *device_describe(const struct device *d);

/* n floats, uninitialised; host arrays copied over. */
float *device_floats(struct device *d, size_t n);
float *device_put(struct device *d, const float *host, size_t n);
int *device_put_ints(struct device *d, const int *host, size_t n);

/* Of the 0-based step `number`; host memory. */
struct device_rates device_rates(double lr, uint64_t number);

static inline int device_sync(struct device *d, struct err *e)
{
    return d->ops->sync(d, e);
}

/* y (n) = x (n), floats */
static inline void device_copy(struct device *d, float *y, const float *x, size_t n)
{
    d->ops->copy(d, y, x, n * sizeof *y);
}

/* Where the reference would store x (n) in fp16. Nothing on a device that is not `half`. */
static inline void device_half(struct device *d, float *x, size_t n)
{
    if (d->half)
        d->ops->round_half(d, x, n);
}

static inline void device_release(struct device *d, void *block)
{
    d->ops->release(d, block);
}

#endif
