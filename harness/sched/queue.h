/*
 * What to run next, as a pure question over a plan: no processes, no disk, no clock.
 *
 * Whole cells first: the seeds of one setting stand together, just after the banks that they are
 * the first to need; training before evaluations, and of each, long runs before short ones, so that
 * what is left at the end is short. A run is ready once what it needs is done; when that fails or
 * is skipped, so is the run.
 */
#ifndef PROMPTGRID_HARNESS_QUEUE_H
#define PROMPTGRID_HARNESS_QUEUE_H

#include "harness/plan/plan.h"

enum task_state {
    TASK_WAITING,
    TASK_RUNNING,
    TASK_DONE,
    TASK_FAILED,
    TASK_SKIPPED, // what it needs failed, or it cannot run here
    TASK_STATES,
};

struct queue {
    const struct plan *plan;   // borrowed
    enum task_state *state;    // (plan->n)
    size_t *order;             // (n) runs that were wanted, in the order to start them
    size_t n, head;            // order[0..head-1] no longer wait
    size_t count[TASK_STATES]; // of the n
};

void queue_init(struct queue *q, const struct plan *p);
void queue_release(struct queue *q);

/* The next ready run, -1 when none is; then it runs. queue_next does both. */
long queue_peek(struct queue *q);
void queue_take(struct queue *q, size_t run);
long queue_next(struct queue *q);

/* The next bank that waits, when the ready runs are all of one dataset: made now, it lets the next
 * dataset begin without a pause. -1: the next one is there already, or nothing is ready but banks.
 */
long queue_ahead(struct queue *q);

/* A running run waits again, in its old place. */
void queue_back(struct queue *q, size_t run);

/* Running and ready runs together, at most `limit`: how many could run at this moment. */
size_t queue_width(const struct queue *q, size_t limit);

/* The end of a running run. */
void queue_end(struct queue *q, size_t run, bool ok);

#endif
