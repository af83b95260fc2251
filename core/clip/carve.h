/*
 * Many parts of one device allocation. The same function is run twice: with `base` NULL it only
 * counts, then, with the memory, it points.
 */
#ifndef PROMPTGRID_CLIP_CARVE_H
#define PROMPTGRID_CLIP_CARVE_H

#include <stddef.h>

struct carve {
    float *base;
    size_t used; // floats
};

static inline float *carve_take(struct carve *c, size_t n)
{
    float *part = c->base ? c->base + c->used : NULL;
    c->used += (n + 15) / 16 * 16; // parts start on 64 bytes
    return part;
}

#endif
