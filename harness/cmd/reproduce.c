/* See reproduce.h. */
#include "harness/cmd/reproduce.h"

#include "core/base/str.h"
#include "core/proto/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const reproduced_names[REPRODUCED] = {"same bits", "within", "differs"};

bool reproduce_picks(size_t i, size_t total, size_t sample)
{
    if (sample >= total)
        return true;
    // one from each of `sample` equal parts, the first of the whole included
    return sample && i * sample % total < sample;
}

/* ---- the recipe ---- */

static json_t *grid_json(const json_t *spec, const char *backbone)
{
    static const char *const copied[] = {"protocol", "dataset", "views", "precision", NULL};
    json_t *grid = json_object(), *method = json_object();
    for (const char *const *key = copied; *key; key++)
        json_object_set(grid, *key, json_object_get(spec, *key));
    json_object_set_new(grid, "backbone", json_string(backbone));
    long shots = (long)json_integer_value(json_object_get(spec, "shots"));
    if (shots) { // a method that does not train has neither
        json_object_set_new(grid, "shots", json_integer(shots));
        json_object_set(grid, "seed", json_object_get(spec, "seed"));
    }
    json_object_set(method, json_string_value(json_object_get(spec, "method")),
                    json_object_get(spec, "params"));
    json_object_set_new(grid, "method", json_pack("[o]", method));
    return grid;
}

/* JSON is YAML. */
char *reproduce_recipe(const json_t *const *specs, const char *const *backbones, size_t n)
{
    json_t *grids = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(grids, grid_json(specs[i], backbones[i]));
    json_t *recipe = json_pack("{s:s, s:s, s:o}", "recipe", "reproduce", "about",
                               "runs that were recorded, to be run again", "grids", grids);
    char *text = json_dumps(recipe, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    json_decref(recipe);
    return text;
}

/* ---- comparison ---- */

static enum reproduced verdict_of(double a, double b, double within)
{
    if (memcmp(&a, &b, sizeof a) == 0)
        return REPRODUCED_SAME;
    return fabs(a - b) <= within ? REPRODUCED_WITHIN : REPRODUCED_DIFFERS;
}

static void worsen(enum reproduced *worst, enum reproduced verdict)
{
    *worst = verdict > *worst ? verdict : *worst;
}

static const double *find_metric(const struct store_result *r, const char *split, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (str_eq(r->metrics[i].split, split) && str_eq(r->metrics[i].name, name))
            return &r->metrics[i].value;
    return NULL;
}

/* Every metric of either side, in the order of `a` and then `b`. */
static json_t *metrics_json(const struct store_result *a, const struct store_result *b,
                            double within, enum reproduced *worst)
{
    json_t *all = json_array();
    for (int side = 0; side < 2; side++) {
        const struct store_result *from = side ? b : a;
        for (size_t i = 0; i < from->n; i++) {
            const char *split = from->metrics[i].split, *name = from->metrics[i].name;
            const double *x = find_metric(a, split, name), *y = find_metric(b, split, name);
            if (side && x)
                continue; // already said
            enum reproduced verdict = x && y ? verdict_of(*x, *y, within) : REPRODUCED_DIFFERS;
            worsen(worst, verdict);
            json_array_append_new(all,
                                  json_pack("{s:s, s:s, s:o, s:o, s:s}", "split", split, "name",
                                            name, "recorded", x ? json_real(*x) : json_null(),
                                            "now", y ? json_real(*y) : json_null(), "verdict",
                                            reproduced_names[verdict]));
        }
    }
    return all;
}

/* The learned prompt's file, by its hash; NULL where neither made one. Metrics within the tolerance
 * may come from other bits, so this does not count as a difference. */
static int compare_prompts(struct store *recorded, struct store *now, const char *run, json_t **out,
                           struct err *e)
{
    char a[HASH_HEX] = "", b[HASH_HEX] = "", *path = NULL;
    int rc = store_artifact(recorded, run, "prompt", &path, a, e);
    free(path);
    path = NULL;
    rc = rc < 0 ? rc : store_artifact(now, run, "prompt", &path, b, e);
    free(path);
    *out = !*a && !*b ? json_null() : json_string(str_eq(a, b) ? "same bits" : "differs");
    return rc < 0 ? rc : 0;
}

int reproduce_compare(struct store *recorded, struct store *now, const char *run, const char *label,
                      double within, enum reproduced *worst, json_t **out, struct err *e)
{
    struct store_result a = {0}, b = {0};
    enum reproduced here = REPRODUCED_SAME;
    json_t *metrics, *prompt = NULL;
    *out = NULL;
    int rc = store_result(recorded, run, &a, e);
    if (rc == 0)
        rc = store_result(now, run, &b, e);
    if (rc == 0)
        rc = compare_prompts(recorded, now, run, &prompt, e);
    if (rc == 0) {
        bool done = str_eq(b.state, "done");
        metrics = metrics_json(&a, &b, within, &here);
        if (!done)
            here = REPRODUCED_DIFFERS;
        *out = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o, s:o, s:{s:f, s:f}}", "run", run, "label",
                         label, "state", *b.state ? b.state : "never run", "reason", b.reason,
                         "verdict", reproduced_names[here], "metrics", metrics, "prompt", prompt,
                         "seconds", "recorded", a.seconds, "now", b.seconds);
        worsen(worst, here);
    } else {
        json_decref(prompt);
    }
    store_result_release(&a);
    store_result_release(&b);
    return rc;
}
