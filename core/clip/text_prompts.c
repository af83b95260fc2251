/* Prompts, one class after the other: see text_prompts.h. */
#include "core/clip/text_prompts.h"

#include "core/base/mem.h"

#include <stdlib.h>

void text_prompts_add(struct text_prompts *p, const int *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        MEM_PUSH(p->items, p->n, p->capacity) = items[i];
    MEM_PUSH(p->ends, p->K, p->ends_capacity) = p->n;
}

void text_prompts_release(struct text_prompts *p)
{
    free(p->items);
    free(p->ends);
    *p = (struct text_prompts){0};
}
