/*
 * Building the prefix tree: two prompts share a row exactly as far as their items agree.
 */
#include "core/clip/text_tree.h"

#include "core/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* (parent row, item) -> row; open addressing, never more than half full. */
struct children {
    struct child {
        int parent, item, row; // row -1 = free
    } * slots;
    size_t mask;
};

static struct child *child_find(struct children *c, int parent, int item)
{
    uint64_t key = ((uint64_t)(uint32_t)parent << 32 | (uint32_t)item) * 0x9e3779b97f4a7c15u;
    for (size_t i = (size_t)(key >> 32);; i++) {
        struct child *child = &c->slots[i & c->mask];
        if (child->row < 0 || (child->parent == parent && child->item == item))
            return child;
    }
}

static void children_init(struct children *c, size_t rows)
{
    size_t size = 16;
    while (size < 2 * rows)
        size *= 2;
    c->slots = mem_alloc(size, sizeof *c->slots);
    for (size_t i = 0; i < size; i++)
        c->slots[i].row = -1;
    c->mask = size - 1;
}

/* Queries = the given rows, each with the path from its root. */
static void paths_build(struct device_tree *t, int rows, const int *query, int queries,
                        const int *parent, const int *depth)
{
    int *start = mem_alloc((size_t)queries + 1, sizeof *start), total = 0;
    for (int i = 0; i < queries; i++) {
        start[i] = total;
        total += depth[query[i]] + 1;
    }
    start[queries] = total;
    int *path = mem_alloc((size_t)total, sizeof *path);
    for (int i = 0; i < queries; i++)
        for (int row = query[i], at = start[i + 1] - 1; row >= 0; row = parent[row])
            path[at--] = row;
    *t = (struct device_tree){rows, queries, query, start, path};
}

int text_tree_build(struct text_tree *t, const struct text_prompts *p, int limit, struct err *e)
{
    *t = (struct text_tree){0};
    size_t longest = 0, K = p->K;
    for (size_t k = 0, from = 0; k < K; from = p->ends[k++]) {
        size_t length = p->ends[k] - from;
        BUG_IF(length == 0);
        if (length > (size_t)limit)
            return err_set(e, ERR_RANGE,
                           "the prompt of class %zu needs %zu tokens, the model's context has %d",
                           k, length, limit);
        longest = length > longest ? length : longest;
    }
    t->item = mem_alloc(p->n, sizeof *t->item);
    t->depth = mem_alloc(p->n, sizeof *t->depth);
    t->eot = mem_alloc(K, sizeof *t->eot);
    t->slot_row = mem_alloc(p->n, sizeof *t->slot_row);
    t->slot_context = mem_alloc(p->n, sizeof *t->slot_context);
    int *parent = mem_alloc(p->n, sizeof *parent);
    struct children children;
    children_init(&children, p->n);
    for (size_t k = 0; k < K; k++)
        t->eot[k] = -1; // the row reached so far

    for (size_t depth = 0; depth < longest; depth++)
        for (size_t k = 0; k < K; k++) {
            size_t from = k ? p->ends[k - 1] : 0;
            if (from + depth >= p->ends[k])
                continue;
            int item = p->items[from + depth];
            struct child *child = child_find(&children, t->eot[k], item);
            if (child->row < 0) {
                *child = (struct child){t->eot[k], item, t->R};
                parent[t->R] = t->eot[k];
                t->item[t->R] = item;
                t->depth[t->R] = (int)depth;
                if (item < 0) {
                    t->slot_row[t->slots] = t->R;
                    t->slot_context[t->slots++] = TEXT_CONTEXT(item);
                    t->lead = t->R + 1;
                }
                t->R++;
            }
            t->eot[k] = child->row;
        }
    free(children.slots);

    int *every = mem_alloc((size_t)t->R, sizeof *every);
    for (int r = 0; r < t->R; r++)
        every[r] = r;
    paths_build(&t->all, t->R, every, t->R, parent, t->depth);
    paths_build(&t->last, t->R, t->eot, (int)K, parent, t->depth);
    free(parent);
    return 0;
}

void text_tree_release(struct text_tree *t)
{
    free((int *)t->all.query);
    free((int *)t->all.start);
    free((int *)t->all.path);
    free((int *)t->last.start);
    free((int *)t->last.path);
    free(t->item);
    free(t->depth);
    free(t->eot);
    free(t->slot_row);
    free(t->slot_context);
    *t = (struct text_tree){0};
}
