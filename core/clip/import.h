/*
 * Weights from elsewhere, made into model.safetensors.
 *
 * Read are OpenAI's TorchScript archives, torch.save's state dicts and checkpoints (open_clip's
 * too), and safetensors by OpenAI's or Hugging Face's names. Tensors keep their type and bits;
 * numbers that are no floats (a counter, a size) are left out, and the prefix "module." of wrapped
 * models. The header says where they are from:
 *
 *   source, source_sha256   the file's name and hash
 *   kind                    "torchscript", "state-dict", "safetensors"
 *   content_sha256          of all tensors' bytes, in the file's order
 *   dtypes                  "as stored: 150 F16, 152 F32"
 *   known_as                OpenAI's name of the file, if its hash is that of one
 */
#ifndef PROMPTGRID_CLIP_IMPORT_H
#define PROMPTGRID_CLIP_IMPORT_H

#include "core/clip/model.h"

#include <jansson.h>

/* What a file is and is to be. */
struct import_source {
    const char *path, *sha256;
    const char *known_as; // NULL: none of OpenAI's
    const char *label;    // architecture that it must be (architecture.h); NULL: any
};

/* The result is loaded once (every shape) and its numbers looked at before it takes the name `to`.
 */
int import_weights(const struct import_source *from, const char *to, struct clip_shape *shape,
                   struct err *e);

/* Everything that can be told of a model's file: it loads, its numbers are finite, its content has
 * the hash of its header (*hashed: there is one). */
int import_check(const char *path, struct clip_shape *shape, bool *hashed, struct err *e);

#endif
