/* Images by class: see group.h. */
#include "core/data/group.h"

#include "core/base/mem.h"

#include <stdlib.h>

void groups_make(struct groups *g, const struct split_list *list, int classes)
{
    size_t *count = mem_zero((size_t)classes, sizeof *count); // of each label, then where it goes
    *g = (struct groups){.label = mem_alloc((size_t)classes, sizeof *g->label),
                         .start = mem_zero((size_t)classes + 1, sizeof *g->start),
                         .members = mem_alloc(list->n, sizeof *g->members)};
    for (size_t i = 0; i < list->n; i++)
        if (!count[list->items[i].label]++)
            g->label[g->n++] = list->items[i].label;
    for (size_t k = 0; k < g->n; k++) {
        g->start[k + 1] = g->start[k] + count[g->label[k]];
        count[g->label[k]] = g->start[k];
    }
    for (size_t i = 0; i < list->n; i++)
        g->members[count[list->items[i].label]++] = i;
    free(count);
}

void groups_release(struct groups *g)
{
    free(g->label);
    free(g->start);
    free(g->members);
    *g = (struct groups){0};
}
