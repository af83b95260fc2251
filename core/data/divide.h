/*
 * n images of a class into train, val and test, as CoOp does (spec/fewshot-sampling.md section 6):
 * shuffled by Python's generator, then cut.
 */
#ifndef PROMPTGRID_DATA_DIVIDE_H
#define PROMPTGRID_DATA_DIVIDE_H

#include "core/base/rng.h"

#include <stddef.h>

/* round(n * part), as Python has it: to even at one half. */
size_t divide_part(size_t n, double part);

/* The numbers 0..n-1, or those of `from`, shuffled; yours to free(). */
size_t *divide_shuffle(struct rng *r, const size_t *from, size_t n);

#endif
