/*
 * Time, memory and disk of the wanted runs, as far as runs like them were done before: see
 * plan_expect.
 */
#include "harness/plan/plan.h"

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/plan/plan_facts.h"

#include <stdlib.h>

/* Do their specs, or these parts of them, differ in the seed and nothing else? */
static bool alike(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *value;
    if (a == b)
        return true;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, name, value)
    {
        if (!str_eq(name, "seed") && !json_equal(value, json_object_get(b, name)))
            return false;
    }
    return true;
}

/* Seeds come side by side and cost the same. */
static bool differ_in_seed_only(const struct plan_run *a, const struct plan_run *b)
{
    return a->shots == b->shots && alike(a->common, b->common) && alike(a->params, b->params);
}

/* Costs of shapes of work, each asked for once. */
struct shapes {
    struct map keys;
    struct store_cost *costs; // by number of key
    size_t n, capacity;
};

/* As store_cost_of_shape tells shapes apart. */
static void shape_key(const struct plan_run *run, struct str *key)
{
    static const char *const keys[] = {"job", "dataset", "method", "backbone", "protocol", "part"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *text = plan_text(run, keys[i]);
        str_addf(key, "%s\n", text ? text : "");
    }
    str_addf(key, "%d", run->shots);
}

static int cost_of_shape(struct shapes *shapes, const struct plan_past *past,
                         const struct plan_run *run, const json_t *spec, struct store_cost *out,
                         struct err *e)
{
    struct str key = STR_INIT;
    bool is_new;
    int rc = 0;
    shape_key(run, &key);
    size_t number = map_add_text(&shapes->keys, key.data, &is_new);
    str_release(&key);
    if (is_new) {
        struct store_cost cost = {0};
        rc = past->shape(past->arg, spec, &cost, e);
        MEM_PUSH(shapes->costs, shapes->n, shapes->capacity) = cost;
    }
    *out = shapes->costs[number];
    return rc;
}

static int expect_one(const struct plan *p, struct plan_run *run, const struct plan_past *past,
                      struct shapes *shapes, struct err *e)
{
    struct store_cost shape, family = {0};
    json_t *spec = plan_spec(p, run);
    int rc = cost_of_shape(shapes, past, run, spec, &shape, e);
    if (rc == 0 && shape.runs)
        rc = past->family(past->arg, spec, &family, e);
    run->seconds = family.runs ? family.seconds : shape.seconds;
    run->memory = shape.memory;
    run->bytes = shape.bytes;
    json_decref(spec);
    return rc;
}

int plan_expect_from(struct plan *p, const struct plan_past *past, struct err *e)
{
    const struct plan_run *last = NULL;
    struct shapes shapes = {0};
    int rc = 0;
    for (size_t i = 0; i < p->n && rc == 0; i++) {
        struct plan_run *run = &p->runs[i];
        if (run->state != PLAN_WANTED)
            continue;
        if (last && differ_in_seed_only(last, run)) {
            run->seconds = last->seconds;
            run->memory = last->memory;
            run->bytes = last->bytes;
        } else {
            rc = expect_one(p, run, past, &shapes, e);
        }
        last = run;
    }
    map_release(&shapes.keys);
    free(shapes.costs);
    return rc;
}

static int past_shape(void *arg, const json_t *spec, struct store_cost *out, struct err *e)
{
    return store_cost_of_shape(arg, spec, out, e);
}

static int past_family(void *arg, const json_t *spec, struct store_cost *out, struct err *e)
{
    return store_cost_of_family(arg, spec, out, e);
}

int plan_expect(struct plan *p, struct store *store, struct err *e)
{
    const struct plan_past past = {store, past_shape, past_family};
    int rc = store_snapshot(store, 0, e);
    if (rc < 0 || !store)
        return rc;
    rc = plan_expect_from(p, &past, e);
    store_snapshot_end(store);
    return rc;
}
