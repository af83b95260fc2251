/* The order of runs: see queue.h. */
#include "harness/queue.h"

#include "core/base/mem.h"

#include <stdlib.h>

static bool is_bank(const struct plan_run *r)
{
    return r->banks[0] < 0 && r->banks[1] < 0;
}

struct entry {
    size_t run;
    bool bank;
    double seconds;
};

static int by_start(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->bank != y->bank)
        return x->bank ? -1 : 1;
    if (x->seconds != y->seconds)
        return x->seconds > y->seconds ? -1 : 1;
    return x->run < y->run ? -1 : 1;
}

void queue_init(struct queue *q, const struct plan *p)
{
    *q = (struct queue){.plan = p};
    q->state = mem_alloc(p->n, sizeof *q->state);
    q->order = mem_alloc(p->n, sizeof *q->order);
    struct entry *entries = mem_alloc(p->n, sizeof *entries);
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_run *r = &p->runs[i];
        q->state[i] = r->state == PLAN_DONE     ? TASK_DONE
                      : r->state == PLAN_WANTED ? TASK_WAITING
                                                : TASK_SKIPPED;
        for (int b = 0; b < 2; b++) // banks come first in the plan, so theirs is known
            if (r->banks[b] >= 0 && q->state[r->banks[b]] == TASK_SKIPPED &&
                q->state[i] == TASK_WAITING)
                q->state[i] = TASK_SKIPPED;
        if (q->state[i] == TASK_WAITING)
            entries[q->n++] = (struct entry){i, is_bank(r), r->seconds};
    }
    if (q->n)
        qsort(entries, q->n, sizeof *entries, by_start);
    for (size_t i = 0; i < q->n; i++)
        q->order[i] = entries[i].run;
    q->count[TASK_WAITING] = q->n;
    free(entries);
}

void queue_release(struct queue *q)
{
    free(q->state);
    free(q->order);
    *q = (struct queue){0};
}

static bool is_ready(const struct queue *q, size_t run)
{
    if (q->state[run] != TASK_WAITING)
        return false;
    for (int b = 0; b < 2; b++) {
        int bank = q->plan->runs[run].banks[b];
        if (bank >= 0 && q->state[bank] != TASK_DONE)
            return false;
    }
    return true;
}

static void set(struct queue *q, size_t run, enum task_state state)
{
    q->count[q->state[run]]--;
    q->count[state]++;
    q->state[run] = state;
}

long queue_next(struct queue *q)
{
    while (q->head < q->n && q->state[q->order[q->head]] != TASK_WAITING)
        q->head++;
    for (size_t i = q->head; i < q->n; i++)
        if (is_ready(q, q->order[i])) {
            set(q, q->order[i], TASK_RUNNING);
            return (long)q->order[i];
        }
    return -1;
}

size_t queue_width(const struct queue *q, size_t limit)
{
    size_t width = q->count[TASK_RUNNING];
    for (size_t i = q->head; i < q->n && width < limit; i++)
        width += is_ready(q, q->order[i]);
    return width < limit ? width : limit;
}

void queue_end(struct queue *q, size_t run, bool ok)
{
    BUG_IF(q->state[run] != TASK_RUNNING);
    set(q, run, ok ? TASK_DONE : TASK_FAILED);
    if (ok)
        return;
    for (size_t i = q->head; i < q->n; i++) {
        const struct plan_run *r = &q->plan->runs[q->order[i]];
        if (q->state[q->order[i]] == TASK_WAITING &&
            (r->banks[0] == (int)run || r->banks[1] == (int)run))
            set(q, q->order[i], TASK_SKIPPED);
    }
}
