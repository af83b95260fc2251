/* Which of the published architectures a model's sizes are. */
#ifndef PROMPTGRID_CLIP_ARCHITECTURE_H
#define PROMPTGRID_CLIP_ARCHITECTURE_H

#include "core/clip/model.h"

/* "ViT-B/16"; NULL when it is none of OpenAI's. */
const char *architecture_label(const struct clip_shape *s);

/* In words: "ViT-B/16: images of 224 pixels in patches of 16, 12 blocks ...". Yours to free(). */
char *architecture_text(const struct clip_shape *s);

#endif
