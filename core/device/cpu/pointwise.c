/*
 * Operations on single elements and whole rows: QuickGELU, sums, gathers, image patches.
 */
#include "core/device/cpu/cpu.h"
#include "core/device/cpu/vec.h"

#include "core/base/half.h"

enum { ELEMENTS = 16384 };

struct span {
    float *y;
    const float *x, *dy;
    size_t n;
};

static void span_bounds(const struct span *s, size_t chunk, size_t *first, size_t *last)
{
    *first = chunk * ELEMENTS;
    *last = *first + ELEMENTS < s->n ? *first + ELEMENTS : s->n;
}

VEC_INLINE vec sigmoid(vec x)
{
    return 1.0f / (1.0f + vec_exp(x * -1.702f));
}

VEC_INLINE vec gelu(vec x)
{
    return x * sigmoid(x);
}

VEC_INLINE vec gelu_slope(vec x, vec dy)
{
    vec s = sigmoid(x);
    return dy * (s + 1.702f * x * s * (1.0f - s));
}

CPU_CLONES static void gelu_span(float *y, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(y + i, gelu(vec_load(x + i)));
    if (i < n) {
        float rest[LANES] = {0};
        memcpy(rest, x + i, (n - i) * sizeof *x);
        vec_store(rest, gelu(vec_load(rest)));
        memcpy(y + i, rest, (n - i) * sizeof *y);
    }
}

CPU_CLONES static void gelu_back_span(float *dx, const float *dy, const float *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(dx + i, gelu_slope(vec_load(x + i), vec_load(dy + i)));
    if (i < n) {
        float rest[LANES] = {0}, slope[LANES] = {0};
        memcpy(rest, x + i, (n - i) * sizeof *x);
        memcpy(slope, dy + i, (n - i) * sizeof *dy);
        vec_store(rest, gelu_slope(vec_load(rest), vec_load(slope)));
        memcpy(dx + i, rest, (n - i) * sizeof *dx);
    }
}

CPU_CLONES static void add_span(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void gelu_chunk(void *arg, size_t chunk)
{
    struct span *s = arg;
    size_t first, last;
    span_bounds(s, chunk, &first, &last);
    gelu_span(s->y + first, s->x + first, last - first);
}

static void gelu_back_chunk(void *arg, size_t chunk)
{
    struct span *s = arg;
    size_t first, last;
    span_bounds(s, chunk, &first, &last);
    gelu_back_span(s->y + first, s->dy + first, s->x + first, last - first);
}

static void add_chunk(void *arg, size_t chunk)
{
    struct span *s = arg;
    size_t first, last;
    span_bounds(s, chunk, &first, &last);
    add_span(s->y + first, s->x + first, last - first);
}

CPU_CLONES static void half_span(float *x, size_t n)
{
    half_round_all(x, n);
}

static void half_chunk(void *arg, size_t chunk)
{
    struct span *s = arg;
    size_t first, last;
    span_bounds(s, chunk, &first, &last);
    half_span(s->y + first, last - first);
}

static void span_run(struct device *d, struct span s, thread_chunk f)
{
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks(s.n, ELEMENTS), f, &s);
}

void cpu_quickgelu_fwd(struct device *d, float *y, const float *x, size_t n)
{
    span_run(d, (struct span){.y = y, .x = x, .n = n}, gelu_chunk);
}

void cpu_quickgelu_bwd(struct device *d, float *dx, const float *dy, const float *x, size_t n)
{
    span_run(d, (struct span){.y = dx, .dy = dy, .x = x, .n = n}, gelu_back_chunk);
}

void cpu_round_half(struct device *d, float *x, size_t n)
{
    span_run(d, (struct span){.y = x, .n = n}, half_chunk);
}

void cpu_add(struct device *d, float *y, const float *x, size_t n)
{
    span_run(d, (struct span){.y = y, .x = x, .n = n}, add_chunk);
}

void cpu_gather(struct device *d, float *y, const float *x, const int *index, int R, int C)
{
    if (cpu_of(d)->error.code)
        return;
    for (int r = 0; r < R; r++)
        memcpy(y + (size_t)r * (size_t)C, x + (size_t)index[r] * (size_t)C, (size_t)C * sizeof *y);
}

void cpu_scatter_add(struct device *d, float *y, const float *x, const int *index, int R, int C)
{
    if (cpu_of(d)->error.code)
        return;
    for (int r = 0; r < R; r++)
        add_span(y + (size_t)index[r] * (size_t)C, x + (size_t)r * (size_t)C, (size_t)C);
}

void cpu_scatter(struct device *d, float *y, const float *x, const int *index, int R, int C)
{
    if (cpu_of(d)->error.code)
        return;
    for (int r = 0; r < R; r++)
        memcpy(y + (size_t)index[r] * (size_t)C, x + (size_t)r * (size_t)C, (size_t)C * sizeof *y);
}

void cpu_image_tokens(struct device *d, float *y, const float *x, const float *class_embedding,
                      const float *position, int B, int T, int C)
{
    if (cpu_of(d)->error.code)
        return;
    size_t row = (size_t)C;
    for (int b = 0; b < B; b++)
        for (int t = 0; t < T; t++) {
            const float *from =
                t ? x + ((size_t)b * (size_t)(T - 1) + (size_t)(t - 1)) * row : class_embedding;
            float *to = y + ((size_t)b * (size_t)T + (size_t)t) * row;
            memcpy(to, from, row * sizeof *to);
            add_span(to, position + (size_t)t * row, row);
        }
}

struct patching {
    float *y;
    const float *x;
    int S, p;
};

/* One image: patch (gy, gx) -> channel, row, column, as a convolution's weight is laid out. */
static void patch_chunk(void *arg, size_t image)
{
    const struct patching *a = arg;
    size_t S = (size_t)a->S, p = (size_t)a->p, g = S / p;
    const float *x = a->x + image * 3 * S * S;
    float *y = a->y + image * 3 * S * S;
    for (size_t gy = 0; gy < g; gy++)
        for (size_t gx = 0; gx < g; gx++)
            for (size_t c = 0; c < 3; c++)
                for (size_t row = 0; row < p; row++, y += p)
                    memcpy(y, x + c * S * S + (gy * p + row) * S + gx * p, p * sizeof *y);
}

void cpu_patches(struct device *d, float *y, const float *x, int B, int S, int p)
{
    BUG_IF(S % p);
    struct patching a = {y, x, S, p};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, (size_t)B, patch_chunk, &a);
}
