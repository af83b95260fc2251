/*
 * The linear probe's selection: see fewshot.h. For each label, numpy.random.choice without
 * replacement: the first of a permutation of its images.
 */
#include "core/data/fewshot.h"

#include "core/base/mem.h"
#include "core/base/rng.h"

#include <stdlib.h>

static int select_class(struct rng *r, const struct split *s, enum split_part part, int label,
                        size_t shots, size_t *members, size_t *order, size_t *out, struct err *e)
{
    const struct split_list *list = &s->part[part];
    size_t size = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].label == label)
            members[size++] = i;
    if (size < shots)
        return err_set(e, ERR_RANGE,
                       "class '%s' has %zu %s images, but %zu are asked for; numpy's picks take no "
                       "class whole",
                       s->names[label], size, split_part_names[part], shots);
    rng_np_permutation(r, size, order);
    for (size_t i = 0; i < shots; i++)
        out[i] = members[order[i]];
    return 0;
}

int fewshot_select_numpy(const struct split *s, enum split_part part, int shots, uint64_t seed,
                         size_t **out, size_t *n, struct err *e)
{
    BUG_IF(shots < 1 || (part != SPLIT_TRAIN && part != SPLIT_VAL));
    struct rng r;
    int rc = 0;
    rng_seed_torch(&r, seed); // numpy's legacy seeding is the same
    *out = NULL;
    // Train is drawn first even when only val is wanted: both share one stream.
    for (int p = SPLIT_TRAIN; p <= (int)part && rc == 0; p++) {
        size_t each = p == SPLIT_VAL && shots > 4 ? 4 : (size_t)shots, images = s->part[p].n;
        size_t *members = mem_alloc(images, sizeof *members);
        size_t *order = mem_alloc(images, sizeof *order);
        free(*out);
        *out = mem_alloc((size_t)s->classes * each, sizeof **out);
        *n = (size_t)s->classes * each;
        for (int k = 0; k < s->classes && rc == 0; k++)
            rc = select_class(&r, s, p, k, each, members, order, *out + (size_t)k * each, e);
        free(members);
        free(order);
    }
    if (rc < 0) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return rc;
}
