/*
 * The two kinds of image tower, each a row of functions: vit.c and resnet.c. model.c loads through
 * them and vision.c runs through them; nobody else needs to know which kind it is.
 */
#ifndef PROMPTGRID_CLIP_TOWER_H
#define PROMPTGRID_CLIP_TOWER_H

#include "core/clip/load.h"

struct tower {
    /* The image tower's sizes, read off the tensors' shapes. */
    int (*shape)(struct clip_shape *s, const struct weights *w, struct err *e);
    /* 32-bit draws that constructing the tower takes from torch's generator. */
    uint64_t (*draws)(const struct clip_shape *s);

    void (*load)(struct clip *m, struct loader *l);
    void (*unload)(struct clip *m); // fine when nothing was loaded

    /* Images that pass at once: as many as keep the activations near the cache, or, on a device
     * that works apart, as many as keep all of it busy. */
    int (*group)(const struct clip_shape *s, bool apart);
    /* Working memory for that many, NULL when there is not enough; end(NULL) is fine. */
    void *(*begin)(const struct clip *m, int group);
    void (*end)(void *work);
    /* features (group, E) = of images (group, 3, S, S), both on the device. */
    void (*forward)(void *work, float *features, const float *images);
};

extern const struct tower tower_vit, tower_resnet;

static inline const struct tower *tower_of(const struct clip_shape *s)
{
    return s->kind == CLIP_RESNET ? &tower_resnet : &tower_vit;
}

#endif
