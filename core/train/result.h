/*
 * A trained result as a safetensors file: the method's KEEP_RESULT arrays, and for a learned
 * context always "ctx" (contexts, C), merged as it is deployed: an ordinary CoOp prompt.
 */
#ifndef PROMPTGRID_TRAIN_RESULT_H
#define PROMPTGRID_TRAIN_RESULT_H

#include "core/method/method.h"

/* metadata: an object of strings for the header, borrowed. The same result gives the same bytes. */
int result_save(struct learner *l, const char *path, const json_t *metadata, struct err *e);

/* Read the arrays back into an initialised learner of the same spec. */
int result_load(struct learner *l, const char *path, struct err *e);

#endif
