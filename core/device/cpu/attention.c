/*
 * Attention: full, for image tokens; over a forest of rows, for prompts, where a row sees its
 * ancestors in the tree of prefixes (core/clip/text.h).
 */
#include "core/base/mem.h"
#include "core/device/cpu/cpu.h"
#include "core/device/cpu/vec.h"

#include <stdlib.h>
#include <string.h>

enum {
    D = DEVICE_HEAD,
    QUERY_CHUNK = 64,
};

static const float scale = 0.125f; // 1 / sqrt(64)

/* x (n) = softmax(x), padded to whole vectors by the caller with very small numbers. */
VEC_INLINE void softmax(float *x, int n)
{
    vec top = vec_load(x), total = {0};
    for (int i = LANES; i < n; i += LANES) {
        vec v = vec_load(x + i);
        top = vec_select(v > top, v, top);
    }
    float max = vec_max(top);
    for (int i = 0; i < n; i += LANES) {
        vec v = vec_exp(vec_load(x + i) - max);
        vec_store(x + i, v);
        total += v;
    }
    float inverse = 1.0f / vec_sum(total);
    for (int i = 0; i < n; i += LANES)
        vec_store(x + i, vec_load(x + i) * inverse);
}

struct full {
    struct cpu *c;
    float *out; // dqkv for the backward pass
    const float *qkv, *dout;
    int T, H;
};

CPU_CLONES static void softmax_rows(float *scores, int T, int ld)
{
    for (int t = 0; t < T; t++) {
        float *row = scores + (size_t)t * (size_t)ld;
        for (int i = T; i < ld; i++)
            row[i] = -1e30f;
        softmax(row, ld);
    }
}

/* One head of one image. */
static void full_chunk(void *arg, size_t chunk)
{
    struct full *a = arg;
    size_t b = chunk / (size_t)a->H, h = chunk % (size_t)a->H, T = (size_t)a->T;
    int C = a->H * D, ld = (a->T + LANES - 1) / LANES * LANES;
    const float *q = a->qkv + b * T * 3 * (size_t)C + h * D, *k = q + C, *v = k + C;
    float *scores = cpu_scratch(a->c, T * (size_t)ld);
    cpu_sgemm('N', 'T', a->T, a->T, D, scale, q, 3 * C, k, 3 * C, scores, ld);
    softmax_rows(scores, a->T, ld);
    cpu_sgemm('N', 'N', a->T, D, a->T, 1, scores, ld, v, 3 * C, a->out + b * T * (size_t)C + h * D,
              C);
}

void cpu_attention_fwd(struct device *d, float *out, const float *qkv, int B, int T, int H)
{
    struct full a = {.c = cpu_of(d), .out = out, .qkv = qkv, .T = T, .H = H};
    if (!a.c->error.code)
        thread_run(a.c->pool, (size_t)B * (size_t)H, full_chunk, &a);
}

/* ds (T, ld) = p (dp - sum(p dp)) of each row, in place of dp; columns from T on stay unused. */
CPU_CLONES static void softmax_back_rows(float *dp, const float *p, int T, int ld)
{
    for (int t = 0; t < T; t++, dp += ld, p += ld) {
        vec total = {0};
        for (int i = T; i < ld; i++)
            dp[i] = 0;
        for (int i = 0; i < ld; i += LANES)
            total += vec_load(p + i) * vec_load(dp + i);
        float sum = vec_sum(total);
        for (int i = 0; i < ld; i += LANES)
            vec_store(dp + i, vec_load(p + i) * (vec_load(dp + i) - sum));
    }
}

/* One head of one image: its columns of dq, dk and dv. */
static void full_back_chunk(void *arg, size_t chunk)
{
    struct full *a = arg;
    size_t b = chunk / (size_t)a->H, h = chunk % (size_t)a->H, T = (size_t)a->T;
    int C = a->H * D, ld = (a->T + LANES - 1) / LANES * LANES;
    size_t at = b * T * 3 * (size_t)C + h * D;
    const float *q = a->qkv + at, *k = q + C, *v = k + C;
    const float *dout = a->dout + b * T * (size_t)C + h * D;
    float *dq = a->out + at, *dk = dq + C, *dv = dk + C;
    float *p = cpu_scratch(a->c, 2 * T * (size_t)ld), *ds = p + T * (size_t)ld;
    cpu_sgemm('N', 'T', a->T, a->T, D, scale, q, 3 * C, k, 3 * C, p, ld);
    softmax_rows(p, a->T, ld);
    cpu_sgemm('T', 'N', a->T, D, a->T, 1, p, ld, dout, C, dv, 3 * C);
    cpu_sgemm('N', 'T', a->T, a->T, D, 1, dout, C, v, 3 * C, ds, ld);
    softmax_back_rows(ds, p, a->T, ld);
    cpu_sgemm('N', 'N', a->T, D, a->T, scale, ds, ld, k, 3 * C, dq, 3 * C);
    cpu_sgemm('T', 'N', a->T, D, a->T, scale, ds, ld, q, 3 * C, dk, 3 * C);
}

void cpu_attention_bwd(struct device *d, float *dqkv, const float *dout, const float *qkv, int B,
                       int T, int H)
{
    struct full a = {.c = cpu_of(d), .out = dqkv, .qkv = qkv, .dout = dout, .T = T, .H = H};
    if (!a.c->error.code)
        thread_run(a.c->pool, (size_t)B * (size_t)H, full_back_chunk, &a);
}

struct forest {
    struct device_tree t; // its arrays are this one's
    int longest;          // path, in scratch floats
};

struct tree {
    struct cpu *c;
    float *out, *p, *dq, *dk, *dv;
    const float *q, *k, *v, *dout, *p_in;
    int ldq, ldkv, H;
    const struct device_tree *t;
    int longest;
};

VEC_INLINE float dot(const float *a, const float *b)
{
    vec sum = {0};
    for (int i = 0; i < D; i += LANES)
        sum += vec_load(a + i) * vec_load(b + i);
    return vec_sum(sum);
}

/* y (D) += s x (D) */
VEC_INLINE void axpy(float *y, float s, const float *x)
{
    for (int i = 0; i < D; i += LANES)
        vec_store(y + i, vec_load(y + i) + s * vec_load(x + i));
}

CPU_CLONES static void tree_queries(struct tree *a, int first, int last, float *scores)
{
    const struct device_tree *t = a->t;
    int C = a->H * D;
    for (int i = first; i < last; i++) {
        int begin = t->start[i], n = t->start[i + 1] - begin;
        int padded = (n + LANES - 1) / LANES * LANES;
        for (int h = 0; h < a->H; h++) {
            const float *q = a->q + (size_t)i * (size_t)a->ldq + h * D;
            for (int j = 0; j < n; j++)
                scores[j] =
                    scale * dot(q, a->k + (size_t)t->path[begin + j] * (size_t)a->ldkv + h * D);
            for (int j = n; j < padded; j++)
                scores[j] = -1e30f;
            softmax(scores, padded);
            memcpy(a->p + (size_t)h * (size_t)t->start[t->queries] + begin, scores,
                   (size_t)n * sizeof *scores);
            float *out = a->out + (size_t)i * (size_t)C + h * D;
            vec sum[D / LANES] = {0};
            for (int j = 0; j < n; j++) {
                const float *v = a->v + (size_t)t->path[begin + j] * (size_t)a->ldkv + h * D;
                for (int l = 0; l < D / LANES; l++)
                    sum[l] += scores[j] * vec_load(v + l * LANES);
            }
            for (int l = 0; l < D / LANES; l++)
                vec_store(out + l * LANES, sum[l]);
        }
    }
}

static const int *copy_ints(const int *from, int n)
{
    int *to = mem_alloc((size_t)n, sizeof *to);
    memcpy(to, from, (size_t)n * sizeof *to);
    return to;
}

struct forest *cpu_forest_new(struct device *d, const struct device_tree *t)
{
    (void)d;
    struct forest *f = mem_zero(1, sizeof *f);
    f->t = (struct device_tree){.rows = t->rows,
                                .queries = t->queries,
                                .query = copy_ints(t->query, t->queries),
                                .start = copy_ints(t->start, t->queries + 1),
                                .path = copy_ints(t->path, t->start[t->queries])};
    f->longest = 1;
    for (int i = 0; i < t->queries; i++)
        if (t->start[i + 1] - t->start[i] > f->longest)
            f->longest = t->start[i + 1] - t->start[i];
    f->longest += LANES;
    return f;
}

void cpu_forest_free(struct device *d, struct forest *f)
{
    (void)d;
    if (!f)
        return;
    free((int *)f->t.query);
    free((int *)f->t.start);
    free((int *)f->t.path);
    free(f);
}

static void tree_chunk(void *arg, size_t chunk)
{
    struct tree *a = arg;
    int first = (int)chunk * QUERY_CHUNK, last = first + QUERY_CHUNK;
    tree_queries(a, first, last < a->t->queries ? last : a->t->queries,
                 cpu_scratch(a->c, (size_t)a->longest));
}

void cpu_tree_fwd(struct device *d, float *out, float *p, const float *q, int ldq, const float *k,
                  const float *v, int ldkv, const struct forest *f, int H)
{
    struct tree a = {.c = cpu_of(d),
                     .out = out,
                     .p = p,
                     .q = q,
                     .k = k,
                     .v = v,
                     .ldq = ldq,
                     .ldkv = ldkv,
                     .H = H,
                     .t = &f->t,
                     .longest = f->longest};
    if (!a.c->error.code)
        thread_run(a.c->pool, cpu_chunks((size_t)f->t.queries, QUERY_CHUNK), tree_chunk, &a);
}

/* One head over all queries, in order: shared keys and values collect from many queries, and the
 * order of those sums is part of the result. */
CPU_CLONES static void tree_head_back(struct tree *a, int h, float *ds)
{
    const struct device_tree *t = a->t;
    int C = a->H * D;
    for (int r = 0; r < t->rows; r++) {
        memset(a->dk + (size_t)r * (size_t)a->ldkv + h * D, 0, D * sizeof(float));
        memset(a->dv + (size_t)r * (size_t)a->ldkv + h * D, 0, D * sizeof(float));
    }
    for (int i = 0; i < t->queries; i++) {
        int begin = t->start[i], n = t->start[i + 1] - begin;
        const float *p = a->p_in + (size_t)h * (size_t)t->start[t->queries] + begin;
        const float *dout = a->dout + (size_t)i * (size_t)C + h * D;
        const float *q = a->q + (size_t)i * (size_t)a->ldq + h * D;
        float *dq = a->dq + (size_t)i * (size_t)a->ldq + h * D, sum = 0;
        for (int j = 0; j < n; j++) {
            size_t at = (size_t)t->path[begin + j] * (size_t)a->ldkv + (size_t)(h * D);
            ds[j] = dot(dout, a->v + at);
            sum += p[j] * ds[j];
            axpy(a->dv + at, p[j], dout);
        }
        memset(dq, 0, D * sizeof *dq);
        for (int j = 0; j < n; j++) {
            size_t at = (size_t)t->path[begin + j] * (size_t)a->ldkv + (size_t)(h * D);
            float s = scale * p[j] * (ds[j] - sum);
            axpy(dq, s, a->k + at);
            axpy(a->dk + at, s, q);
        }
    }
}

static void tree_back_chunk(void *arg, size_t head)
{
    struct tree *a = arg;
    tree_head_back(a, (int)head, cpu_scratch(a->c, (size_t)a->longest));
}

void cpu_tree_bwd(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                  const float *p, const float *q, int ldq, const float *k, const float *v, int ldkv,
                  const struct forest *f, int H)
{
    struct tree a = {.c = cpu_of(d),
                     .dq = dq,
                     .dk = dk,
                     .dv = dv,
                     .dout = dout,
                     .p_in = p,
                     .q = q,
                     .k = k,
                     .v = v,
                     .ldq = ldq,
                     .ldkv = ldkv,
                     .H = H,
                     .t = &f->t,
                     .longest = f->longest};
    if (!a.c->error.code)
        thread_run(a.c->pool, (size_t)H, tree_back_chunk, &a);
}
