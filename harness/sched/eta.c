/* Expected durations: see eta.h. */
#include "harness/sched/eta.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdlib.h>

static char *group_key(const json_t *spec)
{
    static const char *const keys[] = {"job", "dataset", "method"};
    struct str key = STR_INIT;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *text = json_string_value(json_object_get(spec, keys[i]));
        str_addf(&key, "%s/", text ? text : "");
    }
    return str_detach(&key);
}

static int group_of(struct eta *t, const json_t *spec)
{
    char *key = group_key(spec);
    for (size_t i = t->n; i-- > 0;) // neighbours in a plan are of a kind
        if (str_eq(t->groups[i].key, key)) {
            free(key);
            return (int)i;
        }
    const char *job = json_string_value(json_object_get(spec, "job"));
    MEM_PUSH(t->groups, t->n, t->capacity) = (struct eta_group){.key = key, .job = job};
    return (int)t->n - 1;
}

void eta_init(struct eta *t, const struct plan *p)
{
    *t = (struct eta){.of = mem_alloc(p->n, sizeof *t->of)};
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_run *r = &p->runs[i];
        t->of[i] = group_of(t, r->common);
        struct eta_group *g = &t->groups[t->of[i]];
        if (r->seconds > 0) {
            g->expected++;
            g->expected_s += r->seconds;
        }
    }
}

void eta_release(struct eta *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->groups[i].key);
    free(t->groups);
    free(t->of);
    *t = (struct eta){0};
}

void eta_took(struct eta *t, size_t run, double seconds)
{
    t->groups[t->of[run]].measured++;
    t->groups[t->of[run]].measured_s += seconds;
}

static double of_group(const struct eta *t, const struct eta_group *g)
{
    if (g->measured)
        return g->measured_s / (double)g->measured;
    if (g->expected)
        return g->expected_s / (double)g->expected;
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->groups[i].job, g->job)) {
            sum += t->groups[i].measured_s;
            n += t->groups[i].measured;
        }
    return n ? sum / (double)n : -1;
}

double eta_run(const struct eta *t, size_t run)
{
    return of_group(t, &t->groups[t->of[run]]);
}

double eta_left(const struct eta *t, size_t run, double gone, long step, long of)
{
    double one = eta_run(t, run);
    if (one > gone)
        return one - gone;
    if (step > 0 && of >= step)
        return gone * (double)(of - step) / (double)step;
    return one < 0 ? -1 : 0;
}

double eta_waiting(struct eta *t, const struct queue *q)
{
    double sum = 0;
    for (size_t i = 0; i < t->n; i++)
        t->groups[i].waiting = 0;
    for (size_t i = 0; i < q->n; i++)
        t->groups[t->of[q->order[i]]].waiting += q->state[q->order[i]] == TASK_WAITING;
    for (size_t i = 0; i < t->n; i++) {
        if (!t->groups[i].waiting)
            continue;
        double one = of_group(t, &t->groups[i]);
        if (one < 0)
            return -1;
        sum += one * (double)t->groups[i].waiting;
    }
    return sum;
}
