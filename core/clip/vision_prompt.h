/*
 * The ViT image tower with prompts inside it, forward and backward (spec/training.md sections 10
 * and 11; Jia et al., "Visual Prompt Tuning", ECCV 2022).
 *
 * M rows join every image's tokens, at their end: level 0 enters ln_pre beside the tokens, without
 * a position; before block l, 1 <= l < depth, the rows are replaced by level l. Frozen weights need
 * no gradient, so the backward pass goes to the prompts only.
 */
#ifndef PROMPTGRID_CLIP_VISION_PROMPT_H
#define PROMPTGRID_CLIP_VISION_PROMPT_H

#include "core/clip/model.h"

struct vision_prompt;

/* What a forward pass keeps for the backward pass. The bits are the same whichever is chosen. */
enum vision_mode {
    VISION_FORWARD,   // nothing: vision_prompt_backward is not called
    VISION_BACKWARD,  // VISION_KEEP while that is small, else VISION_RECOMPUTE
    VISION_KEEP,      // every activation
    VISION_RECOMPUTE, // the input of every block
};

/* Memory for `batch` images at once. M = 0: the plain tower, depth is 0 too. Otherwise 1 <= depth
 * <= blocks. Modes with a backward pass need a model opened with CLIP_VISION_BACKWARD. */
int vision_prompt_new(struct vision_prompt **out, const struct clip *m, int M, int depth, int batch,
                      enum vision_mode mode, struct err *e);
void vision_prompt_free(struct vision_prompt *v); // NULL is fine

/* features (n, E), not unit length =; images (n, 3, S, S), prompts (depth, M, C): device memory.
 * n <= batch, but VISION_FORWARD takes any number. */
void vision_prompt_forward(struct vision_prompt *v, const float *images, int n,
                           const float *prompts, float *features);

/* dprompts (depth, M, C) = gradient of the last forward's prompts, from its dfeatures (n, E). */
void vision_prompt_backward(struct vision_prompt *v, const float *dfeatures, float *dprompts);

#endif
