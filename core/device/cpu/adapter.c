/*
 * Element operations of the methods that adapt features: ReLU, blends, a cache's affinity.
 */
#include "core/device/cpu/cpu.h"
#include "core/device/cpu/vec.h"

enum { ELEMENTS = 16384 };

struct span {
    float *y;
    const float *x, *dy;
    float a, b;
    size_t n;
};

CPU_CLONES static void relu_span(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] <= 0 ? 0 : x[i]; // not a number stays not a number
}

CPU_CLONES static void relu_back_span(float *dx, const float *dy, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] > 0 ? dy[i] : 0;
}

CPU_CLONES static void blend_span(float *y, const float *x, size_t n, float a, float b)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a * y[i] + b * x[i];
}

CPU_CLONES static void affinity_span(float *y, const float *x, size_t n, float beta)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vec_store(y + i, vec_exp(beta * (vec_load(x + i) - 1.0f)));
    if (i < n) {
        float rest[LANES] = {0};
        memcpy(rest, x + i, (n - i) * sizeof *x);
        vec_store(rest, vec_exp(beta * (vec_load(rest) - 1.0f)));
        memcpy(y + i, rest, (n - i) * sizeof *y);
    }
}

CPU_CLONES static void affinity_back_span(float *dx, const float *dy, const float *y, size_t n,
                                          float beta)
{
    for (size_t i = 0; i < n; i++)
        dx[i] = beta * y[i] * dy[i];
}

static size_t length_of(const struct span *s, size_t first)
{
    return s->n - first < ELEMENTS ? s->n - first : ELEMENTS;
}

static void relu_chunk(void *arg, size_t chunk)
{
    const struct span *s = arg;
    size_t at = chunk * ELEMENTS;
    relu_span(s->y + at, s->x + at, length_of(s, at));
}

static void relu_back_chunk(void *arg, size_t chunk)
{
    const struct span *s = arg;
    size_t at = chunk * ELEMENTS;
    relu_back_span(s->y + at, s->dy + at, s->x + at, length_of(s, at));
}

static void blend_chunk(void *arg, size_t chunk)
{
    const struct span *s = arg;
    size_t at = chunk * ELEMENTS;
    blend_span(s->y + at, s->x + at, length_of(s, at), s->a, s->b);
}

static void affinity_chunk(void *arg, size_t chunk)
{
    const struct span *s = arg;
    size_t at = chunk * ELEMENTS;
    affinity_span(s->y + at, s->x + at, length_of(s, at), s->a);
}

static void affinity_back_chunk(void *arg, size_t chunk)
{
    const struct span *s = arg;
    size_t at = chunk * ELEMENTS;
    affinity_back_span(s->y + at, s->dy + at, s->x + at, length_of(s, at), s->a);
}

static void run(struct device *d, struct span s, thread_chunk f)
{
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, cpu_chunks(s.n, ELEMENTS), f, &s);
}

void cpu_relu_fwd(struct device *d, float *y, const float *x, size_t n)
{
    run(d, (struct span){.y = y, .x = x, .n = n}, relu_chunk);
}

void cpu_relu_bwd(struct device *d, float *dx, const float *dy, const float *y, size_t n)
{
    run(d, (struct span){.y = dx, .dy = dy, .x = y, .n = n}, relu_back_chunk);
}

void cpu_blend(struct device *d, float *y, float a, const float *x, float b, size_t n)
{
    run(d, (struct span){.y = y, .x = x, .a = a, .b = b, .n = n}, blend_chunk);
}

void cpu_affinity_fwd(struct device *d, float *y, const float *x, float beta, size_t n)
{
    run(d, (struct span){.y = y, .x = x, .a = beta, .n = n}, affinity_chunk);
}

void cpu_affinity_bwd(struct device *d, float *dx, const float *dy, const float *y, float beta,
                      size_t n)
{
    run(d, (struct span){.y = dx, .dy = dy, .x = y, .a = beta, .n = n}, affinity_back_chunk);
}
