/*
 * Prompts as the text tower takes them: sequences of token ids and context vectors.
 */
#ifndef PROMPTGRID_CLIP_TEXT_PROMPTS_H
#define PROMPTGRID_CLIP_TEXT_PROMPTS_H

#include <stddef.h>

/* The prompts of K classes: sequences of token ids (>= 0) and context vectors (TEXT_CONTEXT(i)),
 * each from SOT to EOT. Positions are counted from 0 at SOT. */
struct text_prompts {
    int *items; // all sequences, one after the other
    size_t n, capacity;
    size_t *ends; // (K) where each sequence ends in `items`
    size_t K, ends_capacity;
};

#define TEXT_CONTEXT(i) (-1 - (i))

void text_prompts_add(struct text_prompts *p, const int *items, size_t n); // one class more
void text_prompts_release(struct text_prompts *p);

#endif
