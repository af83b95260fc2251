/* Waiting for the next try: see retry.h. */
#include "harness/sched/retry.h"

#include "core/base/mem.h"

#include <limits.h>
#include <stdlib.h>

void retry_init(struct retry *r, size_t runs)
{
    *r = (struct retry){.tries = mem_zero(runs + 1, 1)};
}

static void free_texts(struct retry_one *one)
{
    free((char *)one->reason);
    free((char *)one->log);
    one->reason = one->log = NULL;
}

void retry_release(struct retry *r)
{
    for (size_t i = 0; i < r->n; i++)
        free_texts(&r->waiting[i]);
    free(r->waiting);
    free(r->tries);
    *r = (struct retry){0};
}

bool retry_add(struct retry *r, const struct retry_one *one, int limit, double first, double now)
{
    unsigned char *tries = &r->tries[one->run];
    double wait = first;
    if (*tries >= limit || *tries == UCHAR_MAX)
        return false;
    for (int i = 0; i < *tries; i++)
        wait *= 2;
    (*tries)++;
    MEM_PUSH(r->waiting, r->n, r->capacity) = (struct retry_one){.run = one->run,
                                                                 .at = now + wait,
                                                                 .alone = one->alone,
                                                                 .gpu = one->gpu,
                                                                 .environment = one->environment,
                                                                 .reason = mem_strdup(one->reason),
                                                                 .log = mem_strdup(one->log)};
    return true;
}

bool retry_take(struct retry *r, double now, retry_fits *fits, void *arg, struct retry_one *out)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->waiting[i].at <= now && (!fits || fits(arg, &r->waiting[i]))) {
            free_texts(&r->waiting[i]);
            *out = r->waiting[i];
            for (r->n--; i < r->n; i++)
                r->waiting[i] = r->waiting[i + 1];
            return true;
        }
    return false;
}

double retry_next(const struct retry *r)
{
    double next = -1;
    for (size_t i = 0; i < r->n; i++)
        if (next < 0 || r->waiting[i].at < next)
            next = r->waiting[i].at;
    return next;
}
