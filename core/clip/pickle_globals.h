/* The globals that a pickle may name, and what each stands for; of core/clip/pickle.c only. */
#ifndef PROMPTGRID_CLIP_PICKLE_GLOBALS_H
#define PROMPTGRID_CLIP_PICKLE_GLOBALS_H

#include "core/clip/safetensors.h"

/* What a global is good for. */
enum global_use {
    USE_STORAGE, // names the type of a storage
    USE_TENSOR,  // (storage, offset, shape, stride, ...)
    USE_FIRST,   // (value, ...): the value itself
    USE_DICT,
    USE_CLASS,  // objects that are their attributes
    USE_OPAQUE, // called with anything, gives PICKLE_OPAQUE
};

struct global {
    const char *module, *name; // name "*": all; a module that ends in '.': all that begin so
    enum global_use use;
    enum dtype dtype;
    size_t bytes;
};

const struct global *global_find(const char *module, const char *name); // or NULL

#endif
