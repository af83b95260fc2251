/* The order of runs: see queue.h. */
#include "harness/queue.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdlib.h>

struct entry {
    size_t run;
    int stage; // of its job
    double seconds;
};

static int stage_of(const struct plan_run *r)
{
    static const char *const jobs[] = {"encode", "train", "eval"};
    const char *job = json_string_value(json_object_get(r->spec, "job"));
    int stage = 0;
    while (!str_eq(jobs[stage], job))
        stage++;
    return stage;
}

static int by_start(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->stage != y->stage)
        return x->stage < y->stage ? -1 : 1;
    if (x->seconds != y->seconds)
        return x->seconds > y->seconds ? -1 : 1;
    return x->run < y->run ? -1 : 1;
}

/* Does the run need one that is in `state`? */
static bool needs_one(const struct queue *q, size_t run, enum task_state state)
{
    for (int k = 0; k < NEEDS; k++) {
        int need = q->plan->runs[run].needs[k];
        if (need >= 0 && q->state[need] == state)
            return true;
    }
    return false;
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
        // What is needed comes before in the plan, so its state is known.
        if (q->state[i] == TASK_WAITING && needs_one(q, i, TASK_SKIPPED))
            q->state[i] = TASK_SKIPPED;
        if (q->state[i] == TASK_WAITING)
            entries[q->n++] = (struct entry){i, stage_of(r), r->seconds};
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
    for (int k = 0; k < NEEDS; k++) {
        int need = q->plan->runs[run].needs[k];
        if (need >= 0 && q->state[need] != TASK_DONE)
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
    for (size_t i = q->head; i < q->n; i++) { // in this order, what is needed comes first
        size_t one = q->order[i];
        if (q->state[one] == TASK_WAITING &&
            (needs_one(q, one, TASK_FAILED) || needs_one(q, one, TASK_SKIPPED)))
            set(q, one, TASK_SKIPPED);
    }
}
