/*
 * The text tower for prompts: forward to the text features, backward to the context vectors only.
 *
 * Four exact savings over running 77 tokens a class: rows stop at EOT; equal prefixes are
 * one row (a tree: SOT and a shared context are its trunk, classes its branches); rows are not
 * padded; in the last block only EOT rows have queries, projections and MLP. Frozen weights need no
 * gradient.
 */
#ifndef PROMPTGRID_CLIP_TEXT_H
#define PROMPTGRID_CLIP_TEXT_H

#include "core/clip/model.h"
#include "core/clip/text_prompts.h"

#include <stdbool.h>
#include <stddef.h>

struct text;

/* What a forward pass keeps for the backward pass. The bits are the same whichever is chosen. */
enum text_mode {
    TEXT_FORWARD,   // nothing: text_backward is not called
    TEXT_BACKWARD,  // TEXT_KEEP while that is small, else TEXT_RECOMPUTE
    TEXT_KEEP,      // every activation
    TEXT_RECOMPUTE, // the largest activations are computed again
};

/* Plan and memory for these prompts; `contexts` = number of context vectors they refer to.
 * ERR_RANGE when a prompt is longer than the model's context. */
int text_new(struct text **out, const struct clip *m, const struct text_prompts *p, int contexts,
             enum text_mode mode, struct err *e);
void text_free(struct text *t);

/*
 * Deep prompts: the contexts of text_forward and text_backward become (depth, contexts, C). Level 0
 * enters as ever; before block l, 1 <= l < depth, every context's row is replaced by its vector of
 * level l. 1 <= depth <= blocks; 1 = no more than the input.
 */
void text_deep(struct text *t, int depth);

int text_rows(const struct text *t); // rows of the tree, for the record

/* features (K, E), not unit length =; context (contexts, C), NULL if there are none, all levels of
 * deep ones. Device memory. */
void text_forward(struct text *t, const float *context, float *features);

/* dcontext (contexts, C) = gradient of the last forward's context, from dfeatures (K, E). May be
 * called again for the gradient of another loss. */
void text_backward(struct text *t, const float *dfeatures, float *dcontext);

#endif
