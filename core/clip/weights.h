/*
 * A CLIP's tensors by OpenAI's names, whichever names its file has (spec/clip-model.md sections 7
 * and 8).
 *
 * Which file it is, its content tells. Hugging Face's CLIPModel has other names, keeps query, key
 * and value apart and both projections transposed; here all look like OpenAI's. Errors name a
 * tensor as the file has it, or would have it.
 */
#ifndef PROMPTGRID_CLIP_WEIGHTS_H
#define PROMPTGRID_CLIP_WEIGHTS_H

#include "core/base/err.h"
#include "core/clip/safetensors.h"

#include <stdbool.h>
#include <stddef.h>

struct weights {
    struct safetensors file;
    bool hf; // Hugging Face's names
};

/* ERR_MISSING when the file's tensors are no CLIP's. A config.json beside Hugging Face's tensors
 * must not ask for another arithmetic than CLIP's. */
int weights_open(struct weights *w, const char *path, struct err *e);
void weights_close(struct weights *w);

bool weights_has(const struct weights *w, const char *name);

/* Size along `axis` of tensor `name`, which must hold floating-point numbers in `dims` dimensions.
 */
int weights_size(const struct weights *w, const char *name, int dims, int axis, int *out,
                 struct err *e);

/* How many numbered parts begin with `prefix`: 1 + the highest n of "<prefix>n.". */
int weights_count(const struct weights *w, const char *prefix);

/* Tensor `name` of exactly the shape dims x shape, widened to float32; *out is yours to free(). */
int weights_floats(const struct weights *w, const char *name, int dims, const size_t *shape,
                   float **out, struct err *e);

/* `n` elements from `first` on of token_embedding.weight, widened: rows on demand. */
void weights_embedding(const struct weights *w, size_t first, size_t n, float *out);

#endif
