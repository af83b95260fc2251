/* Curves from placed runs; for harness/show/figure_curve.c and figure_epochs.c. */
#ifndef PROMPTGRID_HARNESS_FIGURE_CURVE_H
#define PROMPTGRID_HARNESS_FIGURE_CURVE_H

#include "harness/show/figure_place.h"

void figure_curves(const struct figure_context *c, struct plot **out, size_t *n,
                   const struct figure_input *in, const char *x_label);

#endif
