/*
 * The weights of the ResNet image tower on a device (spec/clip-model.md section 5); the tower
 * itself is tower_resnet of tower.h. BatchNorm is part of the convolution before it.
 */
#ifndef PROMPTGRID_CLIP_RESNET_H
#define PROMPTGRID_CLIP_RESNET_H

#include "core/clip/model.h"

/* conv1 1 x 1, conv2 3 x 3, average pool when `pool` > 1, conv3 1 x 1; beside them the identity,
 * or average pool and `down`. */
struct bottleneck {
    struct conv *conv1, *conv2, *conv3;
    struct conv *down; // NULL: the identity
    int S;             // side of its input
    int planes;        // outputs of conv1 and conv2; its own output has four times as many
    int pool;          // 1 or 2
};

struct resnet {
    struct conv *stem[3];
    struct bottleneck *blocks; // (vision_layers)
    float *position;           // (T, F) F = 32 width, T = 1 + g g
    float *zero;               // (F) zeros
    struct linear *q, *kv;     // (F, F), (2F, F) of the attention pool
    struct linear *proj;       // (E, F)
};

#endif
