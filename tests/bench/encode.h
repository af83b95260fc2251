/* The encode job from decoded pixels on: see encode.c. */
#ifndef PROMPTGRID_TESTS_BENCH_ENCODE_H
#define PROMPTGRID_TESTS_BENCH_ENCODE_H

#include "core/clip/model.h"

/* seconds (steps) = of each batch, whose size is *images; `threads` of the host. */
int encode_time(const struct clip *m, int threads, int steps, double *seconds, size_t *images,
                struct err *e);

#endif
