/*
 * fp32 to bf16, the upper half of a float32, rounded to nearest even.
 */
#include "core/base/mem.h"
#include "core/device/cpu/cpu.h"
#include "core/device/cpu/vec.h"

#include <stdlib.h>

enum { ELEMENTS = 16384 };

CPU_CLONES static void narrow_span(uint16_t *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        const uint32_t nan = (bits & 0x7fffffff) > 0x7f800000; // must not round to infinity
        y[i] = (uint16_t)(nan ? bits >> 16 | 0x40 : rounded);
    }
}

void narrow_bf16(uint16_t *y, const float *x, size_t n)
{
    narrow_span(y, x, n);
}

struct narrowing {
    uint16_t *y;
    const float *x;
    size_t n;
};

static void narrow_chunk(void *arg, size_t chunk)
{
    const struct narrowing *a = arg;
    const size_t first = chunk * ELEMENTS, rest = a->n - first;
    narrow_bf16(a->y + first, a->x + first, rest < ELEMENTS ? rest : ELEMENTS);
}

const uint16_t *cpu_narrow(struct cpu *c, const float *x, size_t n)
{
    if (c->narrow_size < n) {
        free(c->narrow);
        c->narrow = mem_aligned(n, sizeof *c->narrow);
        c->narrow_size = n;
    }
    struct narrowing a = {c->narrow, x, n};
    thread_run(c->pool, cpu_chunks(n, ELEMENTS), narrow_chunk, &a);
    return c->narrow;
}
