/* Row labels of runs that stand in columns: see label.h. */
#include "harness/plan/label.h"

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/recipe/recipe.h"

#include <stdlib.h>

char *labels_target(const struct grid_run *r)
{
    bool source = r->source && str_eq(r->source, r->dataset);
    return str_format("%s%s", dataset_label(r->dataset), source ? " (source)" : "");
}

char *labels_value(const struct grid_run *r, const char *axis)
{
    const struct {
        const char *axis, *text;
    } texts[] = {
        {"backbone", backbone_label(r->backbone)},
        {"protocol", r->protocol},
        {"precision", r->precision},
        {"views", r->views},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (str_eq(axis, texts[i].axis))
            return mem_strdup(texts[i].text);
    if (str_eq(axis, "dataset"))
        return labels_target(r);
    if (str_eq(axis, "source"))
        return r->source ? str_format("from %s", dataset_label(r->source)) : NULL;
    if (str_eq(axis, "shots"))
        return r->shots ? str_format("%d shot%s", r->shots, r->shots == 1 ? "" : "s") : NULL;
    if (str_eq(axis, "seed"))
        return r->shots ? str_format("seed %d", r->seed) : NULL;
    const json_t *value = json_object_get(r->params, axis);
    if (json_is_string(value))
        return mem_strdup(json_string_value(value));
    return json_is_number(value) ? str_format("%s %.15g", axis, json_number_value(value)) : NULL;
}

/* Which column each run stands in, by its values of all these axes; returns how many there are. */
static size_t number_columns(const struct grid_run *const *runs, size_t n,
                             const char *const *columns, size_t *column)
{
    enum { MOST = 8 };
    struct labels_look looks[MOST];
    size_t used = 0;
    struct map keys = {0};
    struct str key = STR_INIT;
    for (; columns[used]; used++) {
        BUG_IF(used == MOST);
        looks[used] = labels_look(columns[used]);
    }
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0;
        for (size_t k = 0; k < used && same; k++)
            same = labels_alike(&looks[k], runs[i], runs[i - 1]);
        str_clear(&key);
        for (size_t k = 0; k < used && !same; k++) {
            char *value = labels_value(runs[i], columns[k]);
            str_add(&key, value ? value : "");
            str_addc(&key, '\n');
            free(value);
        }
        column[i] = same ? column[i - 1] : map_add_text(&keys, key.data, NULL);
    }
    size_t n_columns = keys.n;
    str_release(&key);
    map_release(&keys);
    return n_columns;
}

/* Runs of one kind, and the column of each. */
struct kin {
    const struct grid_run **runs;
    size_t *at, *column; // at: place of each among all runs
    size_t n, n_columns;
};

/* Do two of the runs in one column differ in `axis`? */
static bool tells_apart(const struct kin *kin, const char *axis)
{
    const struct labels_look look = labels_look(axis);
    const struct grid_run **first = mem_zero(kin->n_columns + 1, sizeof *first); // by column
    bool differ = false;
    for (size_t i = 0; i < kin->n && !differ; i++) {
        const struct grid_run *run = kin->runs[i], *known = first[kin->column[i]];
        first[kin->column[i]] = known ? known : run;
        if (!known || labels_alike(&look, run, known))
            continue;
        char *a = labels_value(known, axis), *b = labels_value(run, axis);
        differ = !str_eq(a ? a : "", b ? b : "");
        free(a);
        free(b);
    }
    free(first);
    return differ;
}

/* Labels of the runs of one kind into labels[kin->at[i]]. */
static void label_kind(const struct kin *kin, const char *const *ignore, char **labels)
{
    static const char *const axes[] = {"dataset", "source", "protocol", "backbone", "precision",
                                       "views",   "shots",  "seed",     NULL};
    const char **silent = NULL; // what the labels do not name
    size_t n_silent = 0, capacity = 0;
    for (; ignore && *ignore; ignore++)
        MEM_PUSH(silent, n_silent, capacity) = *ignore;
    for (const char *const *axis = axes; *axis; axis++)
        if (!tells_apart(kin, *axis))
            MEM_PUSH(silent, n_silent, capacity) = *axis;
    for (const struct method_key *k = method_find(kin->runs[0]->method)->keys; k->name; k++)
        if (!tells_apart(kin, k->name))
            MEM_PUSH(silent, n_silent, capacity) = k->name;
    MEM_PUSH(silent, n_silent, capacity) = NULL;
    char **texts = labels_rows(kin->runs, kin->n, silent);
    for (size_t i = 0; i < kin->n; i++)
        labels[kin->at[i]] = texts[i];
    free(texts);
    free(silent);
}

char **labels_in_columns(const struct grid_run *const *runs, size_t n, const char *const *columns,
                         const char *const *ignore)
{
    char **labels = mem_zero(n + 1, sizeof *labels);
    size_t *kinds = mem_alloc(n + 1, sizeof *kinds), n_kinds = labels_kinds(runs, n, kinds);
    struct kin kin = {.runs = mem_alloc(n + 1, sizeof *kin.runs),
                      .at = mem_alloc(n + 1, sizeof *kin.at),
                      .column = mem_alloc(n + 1, sizeof *kin.column)};
    for (size_t kind = 0; kind < n_kinds; kind++) {
        kin.n = 0;
        for (size_t i = 0; i < n; i++)
            if (kinds[i] == kind) {
                kin.at[kin.n] = i;
                kin.runs[kin.n++] = runs[i];
            }
        kin.n_columns = number_columns(kin.runs, kin.n, columns, kin.column);
        label_kind(&kin, ignore, labels);
    }
    free(kin.runs);
    free(kin.at);
    free(kin.column);
    free(kinds);
    return labels;
}
