/* The widths of a model from the header of its weights; the trainer's own reader checks the file.
 */
#ifndef PROMPTGRID_HARNESS_WEIGHTS_SIZES_H
#define PROMPTGRID_HARNESS_WEIGHTS_SIZES_H

#include "core/proto/method_size.h"

#include <stdbool.h>

/* text_width, image_width and embed of a safetensors file, OpenAI's names or Hugging Face's; false
 * when it does not say. */
bool weights_sizes(struct method_sizes *s, const char *path);

#endif
