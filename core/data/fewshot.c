/*
 * Few-shot selection: see fewshot.h. A label's group (group.h) of at least K images gives
 * random.sample(group, K), a smaller one all its images without a draw.
 */
#include "core/data/fewshot.h"

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/group.h"

#include <stdlib.h>

/* Append the selection of `shots` images per label of `list`. */
static void select_from(struct rng *r, const struct split_list *list, int classes, size_t shots,
                        size_t *out, size_t *n)
{
    struct groups g;
    size_t *pick = mem_alloc(shots < list->n ? shots : list->n, sizeof *pick);
    groups_make(&g, list, classes);
    for (size_t k = 0; k < g.n; k++) {
        const size_t *group = g.members + g.start[k], size = g.start[k + 1] - g.start[k];
        if (size >= shots)
            rng_py_sample(r, size, shots, pick);
        for (size_t i = 0; i < size && i < shots; i++)
            out[(*n)++] = size >= shots ? group[pick[i]] : group[i];
    }
    groups_release(&g);
    free(pick);
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
