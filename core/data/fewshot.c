/*
 * Few-shot selection: see fewshot.h. A label's images form a group; groups stand in the order in
 * which their labels first appear. A group of at least K images gives random.sample(group, K), a
 * smaller one all its images without a draw.
 */
#include "core/data/fewshot.h"

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/rng.h"

#include <stdlib.h>

/* Append the selection of `shots` images per label of `list`. */
static void select_from(struct rng *r, const struct split_list *list, int classes, size_t shots,
                        size_t *out, size_t *n)
{
    size_t *start = mem_zero((size_t)classes + 1, sizeof *start); // of each label in `members`
    size_t *fill = mem_zero((size_t)classes, sizeof *fill);
    size_t *members = mem_alloc(list->n, sizeof *members);
    size_t *pick = mem_alloc(shots < list->n ? shots : list->n, sizeof *pick);
    int *order = mem_alloc((size_t)classes, sizeof *order), groups = 0;
    for (size_t i = 0; i < list->n; i++)
        if (!start[list->items[i].label + 1]++)
            order[groups++] = list->items[i].label;
    for (int k = 0; k < classes; k++)
        start[k + 1] += start[k];
    for (size_t i = 0; i < list->n; i++) {
        int k = list->items[i].label;
        members[start[k] + fill[k]++] = i;
    }
    for (int g = 0; g < groups; g++) {
        const size_t *group = members + start[order[g]], size = fill[order[g]];
        if (size >= shots)
            rng_py_sample(r, size, shots, pick);
        for (size_t i = 0; i < size && i < shots; i++)
            out[(*n)++] = size >= shots ? group[pick[i]] : group[i];
    }
    free(start);
    free(fill);
    free(members);
    free(pick);
    free(order);
}

void fewshot_select(const struct split *s, enum split_part part, int shots, uint64_t seed,
                    size_t **out, size_t *n)
{
    BUG_IF(shots < 1 || (part != SPLIT_TRAIN && part != SPLIT_VAL));
    struct rng r;
    rng_seed_py(&r, seed);
    // The train draws come first even when only val is wanted: both share one stream.
    *out = NULL;
    for (int p = SPLIT_TRAIN; p <= (int)part; p++) {
        int each = p == SPLIT_VAL && shots > 4 ? 4 : shots;
        free(*out);
        *out = mem_alloc(s->part[p].n, sizeof **out);
        *n = 0;
        select_from(&r, &s->part[p], s->classes, (size_t)each, *out, n);
    }
}
