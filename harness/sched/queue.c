/* The order of runs: see queue.h. */
#include "harness/sched/queue.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A run that is no bank. */
struct entry {
    size_t run;
    bool eval;
    uint64_t cell;  // the same for the seeds of one setting
    double seconds; // of the longest run of the cell
    size_t first;   // run of the cell
};

/* FNV-1a */
static uint64_t hash_text(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return (h ^ 0xff) * 0x100000001b3u;
}

static uint64_t hash_value(uint64_t h, const json_t *value);

/* Of a part of a spec, whatever the order of the keys. */
static uint64_t hash_object(const json_t *object)
{
    const char *key;
    json_t *value;
    uint64_t sum = 0;
    json_object_foreach((json_t *)object, key, value)
    {
        sum += hash_value(hash_text(0xcbf29ce484222325u, key), value);
    }
    return sum;
}

static uint64_t hash_value(uint64_t h, const json_t *value)
{
    char text[64] = "";
    if (json_is_string(value))
        return hash_text(h, json_string_value(value));
    if (json_is_object(value))
        return (h ^ hash_object(value)) * 0x100000001b3u;
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, sizeof text, "%.17g", json_real_value(value));
    return hash_text(h, text);
}

/* Of a spec but for the seed. */
static uint64_t hash_cell(const struct plan_run *r)
{
    uint64_t h = hash_object(r->common) ^ (uint64_t)r->shots;
    return h * 0x100000001b3u ^ hash_object(r->params);
}

static bool is_job(const struct plan_run *r, const char *job)
{
    return str_eq(plan_text(r, "job"), job);
}

static int by_cell(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->eval != y->eval)
        return x->eval < y->eval ? -1 : 1;
    if (x->cell != y->cell)
        return x->cell < y->cell ? -1 : 1;
    return x->run < y->run ? -1 : x->run > y->run;
}

static int by_start(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->eval != y->eval)
        return x->eval < y->eval ? -1 : 1;
    if (x->seconds != y->seconds)
        return x->seconds > y->seconds ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->run < y->run ? -1 : x->run > y->run;
}

/* The runs of a cell learn of each other: they stand side by side. */
static void join_cells(struct entry *entries, size_t n)
{
    for (size_t i = 0, end; i < n; i = end) {
        double longest = 0;
        for (end = i; end < n && entries[end].cell == entries[i].cell &&
                      entries[end].eval == entries[i].eval;
             end++)
            if (entries[end].seconds > longest)
                longest = entries[end].seconds;
        for (size_t k = i; k < end; k++) {
            entries[k].seconds = longest;
            entries[k].first = entries[i].run;
        }
    }
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

/* The bank, if it waits and stands nowhere yet. */
static void put_bank(struct queue *q, size_t run, bool *placed)
{
    if (q->state[run] != TASK_WAITING || placed[run])
        return;
    placed[run] = true;
    q->order[q->n++] = run;
}

/* Waiting runs in order, each cell after the banks that it is the first to need. */
static void put_in_order(struct queue *q, const struct entry *entries, size_t n)
{
    const struct plan *p = q->plan;
    bool *placed = mem_zero(p->n + 1, sizeof *placed);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && entries[end].first == entries[i].first; end++)
            for (int k = 0; k < NEED_PROMPT; k++)
                if (p->runs[entries[end].run].needs[k] >= 0)
                    put_bank(q, (size_t)p->runs[entries[end].run].needs[k], placed);
        for (; i < end; i++)
            q->order[q->n++] = entries[i].run;
    }
    for (size_t i = 0; i < p->n; i++) // wanted, but by none of the runs
        if (is_job(&p->runs[i], "encode"))
            put_bank(q, i, placed);
    free(placed);
}

void queue_init(struct queue *q, const struct plan *p)
{
    *q = (struct queue){.plan = p};
    q->state = mem_alloc(p->n, sizeof *q->state);
    q->order = mem_alloc(p->n, sizeof *q->order);
    struct entry *entries = mem_alloc(p->n, sizeof *entries);
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_run *r = &p->runs[i];
        q->state[i] = r->state == PLAN_DONE     ? TASK_DONE
                      : r->state == PLAN_WANTED ? TASK_WAITING
                                                : TASK_SKIPPED;
        // What is needed comes before in the plan, so its state is known.
        if (q->state[i] == TASK_WAITING && needs_one(q, i, TASK_SKIPPED))
            q->state[i] = TASK_SKIPPED;
        if (q->state[i] == TASK_WAITING && !is_job(r, "encode"))
            entries[n++] = (struct entry){
                .run = i, .eval = is_job(r, "eval"), .cell = hash_cell(r), .seconds = r->seconds};
    }
    if (n) {
        qsort(entries, n, sizeof *entries, by_cell);
        join_cells(entries, n);
        qsort(entries, n, sizeof *entries, by_start);
    }
    put_in_order(q, entries, n);
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

long queue_peek(struct queue *q)
{
    while (q->head < q->n && q->state[q->order[q->head]] != TASK_WAITING)
        q->head++;
    for (size_t i = q->head; i < q->n; i++)
        if (is_ready(q, q->order[i]))
            return (long)q->order[i];
    return -1;
}

void queue_take(struct queue *q, size_t run)
{
    BUG_IF(q->state[run] != TASK_WAITING);
    set(q, run, TASK_RUNNING);
}

long queue_next(struct queue *q)
{
    long run = queue_peek(q);
    if (run >= 0)
        queue_take(q, (size_t)run);
    return run;
}

long queue_ahead(struct queue *q)
{
    const char *present = NULL;
    long bank = -1;
    for (size_t i = q->head; i < q->n; i++) {
        size_t run = q->order[i];
        if (q->state[run] != TASK_WAITING)
            continue;
        if (run < q->plan->banks) {
            bank = bank < 0 ? (long)run : bank;
        } else if (is_ready(q, run)) {
            const char *dataset = plan_text(&q->plan->runs[run], "dataset");
            if (present && !str_eq(present, dataset))
                return -1;
            present = dataset;
        }
    }
    return present ? bank : -1;
}

void queue_back(struct queue *q, size_t run)
{
    BUG_IF(q->state[run] != TASK_RUNNING);
    set(q, run, TASK_WAITING);
    q->head = 0; // what waits is found anew
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
