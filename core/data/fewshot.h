/*
 * CoOp's few-shot selection, bit-identical to the reference (spec/fewshot-sampling.md sections 1,
 * 2).
 *
 * Selection is over all classes; base/new only filters the result afterwards. `train` is drawn
 * first, `val` (min(shots, 4) per class) from the same stream after it.
 */
#ifndef PROMPTGRID_DATA_FEWSHOT_H
#define PROMPTGRID_DATA_FEWSHOT_H

#include "core/data/split.h"

#include <stddef.h>
#include <stdint.h>

/* Indices into split->part[part].items, in selection order; *out is yours to free(). part is
 * SPLIT_TRAIN or SPLIT_VAL. */
void fewshot_select(const struct split *s, enum split_part part, int shots, uint64_t seed,
                    size_t **out, size_t *n);

/* The selection of CoOp's linear probe (section 7): numpy's generator, classes in the order of
 * their labels, val min(shots, 4). ERR_RANGE when a class has fewer images. */
int fewshot_select_numpy(const struct split *s, enum split_part part, int shots, uint64_t seed,
                         size_t **out, size_t *n, struct err *e);

#endif
