/* The widths and depths of a model from the header of its weights; the trainer's own reader checks
 * the file.
 */
#ifndef PROMPTGRID_HARNESS_WEIGHTS_SIZES_H
#define PROMPTGRID_HARNESS_WEIGHTS_SIZES_H

#include "core/proto/method_size.h"

#include <stdbool.h>

/* Of a safetensors file with OpenAI's names or Hugging Face's: everything of the model, nothing of
 * the data. False when it does not say its text_width and embed. */
bool weights_sizes(struct method_sizes *s, const char *path);

#endif
