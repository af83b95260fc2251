/*
 * How many runs of a recipe are done, by dataset and method, as a table of text; for `status` and
 * for the screen of `run`.
 */
#ifndef PROMPTGRID_HARNESS_TALLY_H
#define PROMPTGRID_HARNESS_TALLY_H

#include "core/base/map.h"
#include "core/base/str.h"
#include "harness/plan/plan.h"

struct tally {
    const struct plan *plan;      // borrowed
    struct map datasets, methods; // their labels
    size_t *cell;                 // (recipe->n) dataset * methods.n + method
};

void tally_init(struct tally *t, const struct plan *p);
void tally_release(struct tally *t); // fine when zero

/* A line of methods and one for each dataset, "3/9", in as many blocks as `columns` asks for (0 =
 * no limit); `done`: of each run of the plan. */
void tally_put(const struct tally *t, const bool *done, size_t columns, struct str *out);

/* Lines that tally_put writes. */
size_t tally_lines(const struct tally *t, size_t columns);

#endif
