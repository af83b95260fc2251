/*
 * Row labels of tables and figures: see label.h. An axis is named only where it tells two runs of
 * one method apart.
 */
#include "harness/label.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/recipe.h"

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
    const struct dataset_row *dataset = dataset_find(r->dataset);
    const struct dataset_row *source = r->source ? dataset_find(r->source) : NULL;
    const struct backbone_row *backbone = backbone_find(r->backbone);
    const struct {
        const char *axis, *text;
    } texts[] = {
        {"dataset", dataset ? dataset->label : r->dataset},
        {"backbone", backbone ? backbone->label : r->backbone},
        {"protocol", r->protocol},
        {"precision", r->precision},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (str_eq(axis, texts[i].axis))
            return mem_strdup(texts[i].text);
    if (str_eq(axis, "source"))
        return source ? str_format("from %s", source->label) : mem_strdup("no source");
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

bool labels_same_kind(const struct grid_run *a, const struct grid_run *b)
{
    return str_eq(a->method, b->method) && str_eq(labels_kind(a), labels_kind(b));
}

/* Does the axis take two values among the runs of this kind? */
static bool varies(const struct grid_run *const *runs, size_t n, const struct grid_run *kind,
                   const char *axis)
{
    char *first = NULL;
    bool differ = false;
    for (size_t i = 0; i < n && !differ; i++) {
        if (!labels_same_kind(runs[i], kind))
            continue;
        char *text = labels_axis(runs[i], axis);
        differ = first && !str_eq(first, text);
        if (first)
            free(text);
        else
            first = text;
    }
    free(first);
    return differ;
}

/* What tells the runs of one kind apart: names of parameters, then of axes; NULL-terminated. */
static const char **varying(const struct grid_run *const *runs, size_t n,
                            const struct grid_run *kind, const char *const *ignore)
{
    const char **names = NULL;
    size_t used = 0, capacity = 0;
    for (const struct method_key *k = method_find(kind->method)->keys; k->name; k++)
        if (!is_ignored(ignore, k->name) && varies(runs, n, kind, k->name))
            MEM_PUSH(names, used, capacity) = k->name;
    for (const char *const *axis = axes; *axis; axis++)
        if (!is_ignored(ignore, *axis) && varies(runs, n, kind, *axis))
            MEM_PUSH(names, used, capacity) = *axis;
    MEM_PUSH(names, used, capacity) = NULL;
    return names;
}

char **labels_rows(const struct grid_run *const *runs, size_t n, const char *const *ignore)
{
    char **labels = mem_zero(n + 1, sizeof *labels);
    for (size_t first = 0; first < n; first++) {
        if (labels[first])
            continue;
        const char **names = varying(runs, n, runs[first], ignore);
        for (size_t i = first; i < n; i++) {
            if (!labels_same_kind(runs[i], runs[first]))
                continue;
            struct str label = STR_INIT;
            str_add(&label, labels_kind(runs[i]));
            for (const char **name = names; *name; name++) {
                char *text = labels_axis(runs[i], *name);
                str_addf(&label, ", %s", text);
                free(text);
            }
            labels[i] = str_detach(&label);
        }
        free(names);
    }
    return labels;
}
