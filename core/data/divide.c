/* See divide.h. */
#include "core/data/divide.h"

#include "core/base/mem.h"

#include <math.h>

size_t divide_part(size_t n, double part)
{
    return (size_t)nearbyint((double)n * part);
}

size_t *divide_shuffle(struct rng *r, const size_t *from, size_t n)
{
    size_t *order = mem_alloc(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = from ? from[i] : i;
    rng_py_shuffle(r, order, n);
    return order;
}
