/* The prefix tree of a set of prompts: rows, who attends to whom, and where contexts and EOTs sit.
 */
#ifndef PROMPTGRID_CLIP_TEXT_TREE_H
#define PROMPTGRID_CLIP_TEXT_TREE_H

#include "core/clip/text_prompts.h"
#include "core/device/device.h"

struct text_tree {
    int R;             // rows, by depth: a row's parent comes before it
    int *item;         // (R) token id or TEXT_CONTEXT(i)
    int *depth;        // (R) position in the sequence
    int *eot;          // (K) row of each class's last token
    int slots;         // rows that hold a context vector
    int *slot_row;     // (slots) row
    int *slot_context; // (slots) context vector
    int lead; // rows that a gradient must reach in the first block: 1 + the last slot's row
    struct device_tree all;  // queries: every row
    struct device_tree last; // queries: the K EOT rows
};

/* Fails when a prompt has more than `limit` items. */
int text_tree_build(struct text_tree *t, const struct text_prompts *p, int limit, struct err *e);
void text_tree_release(struct text_tree *t);

#endif
