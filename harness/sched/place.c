/* Slots of GPUs: see place.h. */
#include "harness/sched/place.h"

#include "core/base/mem.h"

#include <stdlib.h>

void places_init(struct places *p, const struct gpus *g, size_t slots)
{
    *p = (struct places){.slots = slots ? slots : PLACE_RUNS};
    p->items = mem_zero(g->n + 1, sizeof *p->items);
    for (; p->n < g->n; p->n++)
        p->items[p->n].gpu = &g->items[p->n];
}

void places_release(struct places *p)
{
    free(p->items);
    *p = (struct places){0};
}

static bool takes(const struct places *p, const struct place *at, double need, bool alone)
{
    if (at->lost || at->alone || at->running >= p->slots || (at->wanted && !alone))
        return false;
    return at->running == 0 || (!alone && at->used + need <= at->gpu->free);
}

/* Fewer runs first, then more memory that is left. */
static bool is_better(const struct place *a, const struct place *b)
{
    if (a->running != b->running)
        return a->running < b->running;
    return a->gpu->free - a->used > b->gpu->free - b->used;
}

int places_find(const struct places *p, double need, bool alone, int only)
{
    int best = -1;
    for (size_t i = 0; i < p->n; i++)
        if ((only < 0 || only == (int)i) && takes(p, &p->items[i], need, alone) &&
            (best < 0 || is_better(&p->items[i], &p->items[best])))
            best = (int)i;
    return best;
}

void places_want(struct places *p, int place, bool wanted)
{
    p->items[place].wanted = wanted;
}

void places_take(struct places *p, int place, double need, bool alone)
{
    p->items[place].running++;
    p->items[place].used += need;
    p->items[place].alone = alone;
}

void places_give(struct places *p, int place, double need)
{
    struct place *at = &p->items[place];
    BUG_IF(at->running == 0);
    at->running--;
    at->used = at->running ? at->used - need : 0;
    at->alone = false;
}

bool places_lose(struct places *p, int place)
{
    bool was = p->items[place].lost;
    p->items[place].lost = true;
    return !was;
}

size_t places_left(const struct places *p)
{
    size_t left = 0;
    for (size_t i = 0; i < p->n; i++)
        left += !p->items[i].lost;
    return left;
}

size_t places_all(const struct places *p)
{
    return p->slots * places_left(p);
}
