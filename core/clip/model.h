/*
 * CLIP's weights on a device (spec/clip-model.md sections 1 to 5, 7, 8).
 *
 * Sizes are read off the tensors' shapes. Stored fp16/bf16 weights are widened to fp32. The two
 * towers load separately: encoding needs only the image tower, training only the text tower.
 */
#ifndef PROMPTGRID_CLIP_MODEL_H
#define PROMPTGRID_CLIP_MODEL_H

#include "core/base/err.h"
#include "core/clip/weights.h"
#include "core/device/device.h"

#include <stdint.h>

enum clip_kind { CLIP_VIT, CLIP_RESNET }; // of the image tower

struct clip_shape {
    int image_size, patch, vision_width, vision_layers; // S, p; heads = width / 64
    int text_width, text_layers, context, vocab;        // C, L, tokens (77), rows of the embedding
    int embed;                                          // E
    enum clip_kind kind;
    int stages[4]; // ResNet: blocks of layer1..4, vision_layers in all; its patch is 32 pixels, its
                   // width layer1's: the pooled features are 32 times as wide
};

/* One transformer block, width C. */
struct clip_block {
    float *ln1_gamma, *ln1_beta, *ln2_gamma, *ln2_beta; // (C)
    struct linear *qkv;                                 // (3C, C)
    struct linear *q, *kv; // (C, C), (2C, C): the text tower's last block only, instead of qkv
    struct linear *out;    // (C, C)
    struct linear *fc;     // (4C, C)
    struct linear *proj;   // (C, 4C)
};

struct clip {
    struct clip_shape shape;
    struct device *device; // borrowed
    float logit_scale;     // exp of the stored value

    struct weights weights; // open as long as the model: token embeddings are read on demand

    /* text tower */
    float *text_position;            // host, (context, C)
    struct clip_block *text;         // (L)
    float *final_gamma, *final_beta; // (C)
    struct linear *text_proj;        // (E, C): text_projection transposed

    /* image tower, a ViT */
    struct linear *conv1;                                 // (C, 3 p p)
    float *class_embedding;                               // (C)
    float *vision_position;                               // (T, C), T = 1 + g g
    float *pre_gamma, *pre_beta, *post_gamma, *post_beta; // (C)
    struct clip_block *vision;
    bool vision_whole;          // they are for device_ops.image_block
    struct linear *vision_proj; // (E, C)

    /* image tower, a ResNet; NULL unless loaded */
    struct resnet *resnet;
};

/* What clip_open loads. CLIP_VISION_BACKWARD: a ViT packed for gradients to prompts inside it as
 * well. CLIP_BF16: the image tower's products in bf16, sums in fp32; an error on CPUs that have no
 * such instructions. */
enum { CLIP_TEXT = 1, CLIP_VISION = 2, CLIP_VISION_BACKWARD = 4, CLIP_BF16 = 8 };

int clip_open(struct clip *m, const char *path, struct device *d, int what, struct err *e);
void clip_close(struct clip *m);

/* Only the sizes. */
int clip_shape_read(struct clip_shape *shape, const struct weights *w, struct err *e);

/* Embeddings of tokens: out (n, C), host. */
void clip_embed_tokens(const struct clip *m, const int *ids, size_t n, float *out);

/* 32-bit draws that constructing this model takes from torch's generator before a prompt is
 * initialised (spec/training.md section 3). */
uint64_t clip_init_draws(const struct clip_shape *shape);

#endif
