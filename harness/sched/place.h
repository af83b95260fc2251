/*
 * Which GPU a run goes to, as a pure question: slots and memory of each, no processes, no clock.
 *
 * A GPU has a number of slots and the memory that was free at the start. A run goes to the GPU with
 * the fewest runs, if the memory that it is expected to take fits beside what is there; on an idle
 * GPU it may try in any case. A lost GPU is left alone for good.
 */
#ifndef PROMPTGRID_HARNESS_PLACE_H
#define PROMPTGRID_HARNESS_PLACE_H

#include "harness/sched/gpu.h"

enum { PLACE_RUNS = 4 }; // at most, on a GPU, unless told otherwise

struct place {
    const struct gpu *gpu; // borrowed
    size_t running;
    double used; // bytes that they are expected to take
    bool alone;  // what runs there wants nothing beside it
    bool wanted; // a run waits to be alone there: nothing else is started
    bool lost;
};

struct places {
    struct place *items; // (n)
    size_t n, slots;     // slots of each
};

/* slots 0: PLACE_RUNS. */
void places_init(struct places *p, const struct gpus *g, size_t slots);
void places_release(struct places *p);

/* The place for a run that is expected to take `need` bytes, or -1. alone: only an idle GPU. only:
 * this one and no other, -1 = any. */
int places_find(const struct places *p, double need, bool alone, int only);

/* A run waits to be alone there, or no longer. */
void places_want(struct places *p, int place, bool wanted);

void places_take(struct places *p, int place, double need, bool alone);
void places_give(struct places *p, int place, double need);

/* Nothing more goes there; false: it was lost before. */
bool places_lose(struct places *p, int place);

size_t places_left(const struct places *p); // GPUs that are not lost
size_t places_all(const struct places *p);  // slots of those together

#endif
