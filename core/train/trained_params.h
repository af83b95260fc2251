/* What evaluates a trained prompt: method, parameters, seed. For trained.c. */
#ifndef PROMPTGRID_TRAIN_TRAINED_PARAMS_H
#define PROMPTGRID_TRAIN_TRAINED_PARAMS_H

#include "core/train/reference.h"
#include "core/train/trained.h"

/* Of a reference's checkpoint, from the shapes of its arrays. */
int trained_params_of(struct trained *t, const struct reference *r, const struct trained_options *o,
                      struct err *e);

/* Of a result of ours, from its header. Nothing in it is believed before it is checked. */
int trained_params_said(struct trained *t, struct err *e);

/* Then, from its arrays: the classes that it knows alone. */
int trained_params_classes(struct trained *t, struct err *e);

#endif
