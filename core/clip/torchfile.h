/*
 * Tensors in torch's files: TorchScript archives (as OpenAI's CLIP .pt) and what torch.save writes
 * since torch 1.6 (spec/clip-model.md section 9).
 *
 * Both are ZIP archives of uncompressed entries: <top>/data.pkl describes, <top>/data/<key> hold
 * the storages. The pickle is read as data (pickle.h), nothing in it is executed. Names are the
 * keys on the way to a tensor, joined by '.'; of a checkpoint, those below its 'state_dict'.
 * Strides, offsets and sizes are checked against the storages, and these by their CRC-32.
 */
#ifndef PROMPTGRID_CLIP_TORCHFILE_H
#define PROMPTGRID_CLIP_TORCHFILE_H

#include "core/base/err.h"
#include "core/base/fs.h"
#include "core/clip/safetensors.h"

#include <stdbool.h>
#include <stddef.h>

struct torchfile {
    char *path;
    struct fs_map map;
    bool script; // TorchScript
    struct tensor
        *tensors; // sorted by name (owned), contiguous; data borrowed from the map or `copies`
    size_t n;
    void **copies;
    size_t n_copies;
};

/* Is it one, by its first bytes? A torch file of before 1.6 is one too, which opening refuses. */
bool torchfile_is(const unsigned char *data, size_t size);

int torchfile_open(struct torchfile *f, const char *path, struct err *e);
void torchfile_close(struct torchfile *f);

const struct tensor *torchfile_find(const struct torchfile *f, const char *name); // or NULL

#endif
