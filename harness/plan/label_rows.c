/*
 * Row labels of tables and figures: see label.h. An axis is named only where it tells two runs of
 * one method apart.
 */
#include "harness/plan/label.h"

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/recipe/recipe.h"

#include <stddef.h>
#include <stdlib.h>

/* Axes that every run has, in the order in which a label says them, after the parameters. */
static const char *const axes[] = {"dataset", "source", "protocol", "backbone", "precision",
                                   "views",   "shots",  "seed",     NULL};

static bool is_ignored(const char *const *ignore, const char *axis)
{
    for (; ignore && *ignore; ignore++)
        if (str_eq(*ignore, axis))
            return true;
    return false;
}

static char *param_text(const char *key, const json_t *value)
{
    if (json_is_integer(value))
        return str_format("%s %lld", key, (long long)json_integer_value(value));
    if (json_is_real(value))
        return str_format("%s %.15g", key, json_real_value(value));
    if (json_is_string(value))
        return str_format("%s \"%s\"", key, json_string_value(value));
    return str_format("no %s", key);
}

static char *views_text(const char *views)
{
    if (str_eq(views, "none"))
        return mem_strdup("no augmentation");
    return str_eq(views, "fresh") ? mem_strdup("fresh views") : str_format("%s views", views);
}

char *labels_axis(const struct grid_run *r, const char *axis)
{
    const struct {
        const char *axis, *text;
    } texts[] = {
        {"dataset", dataset_label(r->dataset)},
        {"backbone", backbone_label(r->backbone)},
        {"protocol", r->protocol},
        {"precision", r->precision},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (str_eq(axis, texts[i].axis))
            return mem_strdup(texts[i].text);
    if (str_eq(axis, "source"))
        return r->source ? str_format("from %s", dataset_label(r->source))
                         : mem_strdup("no source");
    if (str_eq(axis, "views"))
        return views_text(r->views);
    if (str_eq(axis, "shots"))
        return str_format("%d shot%s", r->shots, r->shots == 1 ? "" : "s");
    if (str_eq(axis, "seed"))
        return str_format("seed %d", r->seed);
    return param_text(axis, json_object_get(r->params, axis));
}

const char *labels_kind(const struct grid_run *r)
{
    const char *name = json_string_value(json_object_get(r->params, "name"));
    return name && *name ? name : method_find(r->method)->label;
}

size_t labels_kinds(const struct grid_run *const *runs, size_t n, size_t *kind)
{
    struct map seen = {0};
    struct str key = STR_INIT;
    for (size_t i = 0; i < n; i++) {
        const struct grid_run *r = runs[i], *last = i ? runs[i - 1] : NULL;
        if (last && r->params == last->params && r->method == last->method) {
            kind[i] = kind[i - 1];
            continue;
        }
        str_clear(&key);
        str_addf(&key, "%s\n%s", r->method, labels_kind(r));
        kind[i] = map_add_text(&seen, key.data, NULL);
    }
    size_t kinds = seen.n;
    str_release(&key);
    map_release(&seen);
    return kinds;
}

/* ---- what is the same ---- */

enum { LOOK_SHOTS = sizeof(struct grid_run), LOOK_SEED, LOOK_PARAM };

struct labels_look labels_look(const char *axis)
{
    static const struct labels_look fields[] = {
        {"dataset", offsetof(struct grid_run, dataset)},
        {"source", offsetof(struct grid_run, source)},
        {"protocol", offsetof(struct grid_run, protocol)},
        {"backbone", offsetof(struct grid_run, backbone)},
        {"precision", offsetof(struct grid_run, precision)},
        {"views", offsetof(struct grid_run, views)},
        {"shots", LOOK_SHOTS},
        {"seed", LOOK_SEED},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (str_eq(fields[i].axis, axis))
            return fields[i];
    return (struct labels_look){axis, LOOK_PARAM};
}

/* Runs borrow equal values from one place of their recipe. */
bool labels_alike(const struct labels_look *look, const struct grid_run *a,
                  const struct grid_run *b)
{
    if (a->source != b->source) // it has a say in what a dataset is called
        return false;
    switch (look->field) {
    case LOOK_SHOTS:
        return a->shots == b->shots;
    case LOOK_SEED:
        return a->seed == b->seed && a->shots == b->shots;
    case LOOK_PARAM:
        return a->params == b->params ||
               json_object_get(a->params, look->axis) == json_object_get(b->params, look->axis);
    default:
        return *(const char *const *)((const char *)a + look->field) ==
               *(const char *const *)((const char *)b + look->field);
    }
}

/* ---- rows ---- */

/* Does the axis take two values among the runs of this kind? */
static bool varies(const struct grid_run *const *runs, size_t n, const size_t *kinds, size_t first,
                   const char *axis)
{
    const struct labels_look look = labels_look(axis);
    char *text = labels_axis(runs[first], axis);
    bool differ = false;
    for (size_t i = first + 1; i < n && !differ; i++) {
        if (kinds[i] != kinds[first] || labels_alike(&look, runs[i], runs[first]))
            continue;
        char *other = labels_axis(runs[i], axis);
        differ = !str_eq(text, other);
        free(other);
    }
    free(text);
    return differ;
}

/* What tells the runs apart that are of the kind of the first: parameters, then axes. */
static struct labels_look *varying(const struct grid_run *const *runs, size_t n,
                                   const size_t *kinds, size_t first, const char *const *ignore,
                                   size_t *used)
{
    struct labels_look *names = NULL;
    size_t capacity = 0;
    *used = 0;
    for (const struct method_key *k = method_find(runs[first]->method)->keys; k->name; k++)
        if (!is_ignored(ignore, k->name) && varies(runs, n, kinds, first, k->name))
            MEM_PUSH(names, *used, capacity) = labels_look(k->name);
    for (const char *const *axis = axes; *axis; axis++)
        if (!is_ignored(ignore, *axis) && varies(runs, n, kinds, first, *axis))
            MEM_PUSH(names, *used, capacity) = labels_look(*axis);
    return names;
}

static char *row_label(const struct grid_run *r, const struct labels_look *names, size_t n)
{
    struct str label = STR_INIT;
    str_add(&label, labels_kind(r));
    for (size_t k = 0; k < n; k++) {
        char *text = labels_axis(r, names[k].axis);
        str_add(&label, ", ");
        str_add(&label, text);
        free(text);
    }
    return str_detach(&label);
}

char **labels_rows(const struct grid_run *const *runs, size_t n, const char *const *ignore)
{
    char **labels = mem_zero(n + 1, sizeof *labels);
    size_t *kinds = mem_alloc(n + 1, sizeof *kinds), used;
    labels_kinds(runs, n, kinds);
    for (size_t first = 0; first < n; first++) {
        if (labels[first])
            continue;
        struct labels_look *names = varying(runs, n, kinds, first, ignore, &used);
        for (size_t i = first, last = first; i < n; i++) {
            if (kinds[i] != kinds[first])
                continue;
            bool same = i > first;
            for (size_t k = 0; k < used && same; k++)
                same = labels_alike(&names[k], runs[i], runs[last]);
            labels[i] = same ? mem_strdup(labels[last]) : row_label(runs[i], names, used);
            last = i;
        }
        free(names);
    }
    free(kinds);
    return labels;
}
