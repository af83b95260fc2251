/* Memory that a worker uses within one operation: see cpu.h. */
#include "core/device/cpu/cpu.h"

#include "core/base/mem.h"

#include <stdlib.h>

float *cpu_scratch(struct cpu *c, size_t n)
{
    int worker = thread_worker();
    if (c->scratch_size[worker] < n) {
        free(c->scratch[worker]);
        c->scratch[worker] = mem_aligned(n, sizeof(float));
        c->scratch_size[worker] = n;
    }
    return c->scratch[worker];
}
