/*
 * Time, memory and disk of the wanted runs, as far as runs like them were done before: see
 * plan_expect.
 */
#include "harness/plan.h"

#include "core/base/str.h"
#include "harness/plan_facts.h"

/* Seeds come side by side and cost the same. */
static bool differ_in_seed_only(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, name, value)
    {
        bool seeded = str_eq(name, "seed") || str_eq(name, "train"); // the training run's id
        if (!seeded && !json_equal(value, json_object_get(b, name)))
            return false;
    }
    return true;
}

static int expect_one(struct plan_run *run, const struct plan_past *past, struct err *e)
{
    struct store_usage usage = {0};
    if (past->seconds(past->arg, run->spec, &run->seconds, e) < 0 ||
        past->usage(past->arg, run->spec, &usage, e) < 0)
        return e->code;
    run->memory = usage.memory;
    run->bytes = usage.bytes;
    return 0;
}

int plan_expect_from(struct plan *p, const struct plan_past *past, struct err *e)
{
    const struct plan_run *last = NULL;
    for (size_t i = 0; i < p->n; i++) {
        struct plan_run *run = &p->runs[i];
        if (run->state != PLAN_WANTED)
            continue;
        if (last && differ_in_seed_only(last->spec, run->spec)) {
            run->seconds = last->seconds;
            run->memory = last->memory;
            run->bytes = last->bytes;
        } else if (expect_one(run, past, e) < 0) {
            return e->code;
        }
        last = run;
    }
    return 0;
}

static int past_seconds(void *arg, const json_t *spec, double *seconds, struct err *e)
{
    return store_expected_seconds(arg, spec, seconds, e);
}

static int past_usage(void *arg, const json_t *spec, struct store_usage *usage, struct err *e)
{
    return store_expected_usage(arg, spec, usage, e);
}

int plan_expect(struct plan *p, struct store *store, struct err *e)
{
    const struct plan_past past = {store, past_seconds, past_usage};
    return store ? plan_expect_from(p, &past, e) : 0;
}
