/*
 * PromptSRC's frozen teacher, apart from the method so that a test can bring its own.
 */
#ifndef PROMPTGRID_METHOD_PROMPTSRC_H
#define PROMPTGRID_METHOD_PROMPTSRC_H

#include "core/method/method.h"

/* After context_plan for training: the image towers, and the teacher's text features (K, E), device
 * memory, any length; they are copied. */
int promptsrc_teach(struct learner *l, const float *features, struct err *e);

#endif
