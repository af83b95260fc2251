/* See table_runs.h. */
#include "harness/table_runs.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/label.h"

#include <stdlib.h>
#include <string.h>

static const char *dataset_label(const char *name)
{
    const struct dataset_row *row = dataset_find(name);
    return row ? row->label : name;
}

static const char *backbone_label(const char *name)
{
    const struct backbone_row *row = backbone_find(name);
    return row ? row->label : name;
}

/* "ImageNet (source)" for the dataset that the runs of a table are trained on, as papers have it;
 * yours to free(). */
static char *target_label(const struct grid_run *r)
{
    bool source = r->source && str_eq(r->source, r->dataset);
    return str_format("%s%s", dataset_label(r->dataset), source ? " (source)" : "");
}

/* Value of an axis other than "method" as a label, yours to free(); NULL: the run has none. */
static char *axis_value(const struct grid_run *r, const char *axis)
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
        return target_label(r);
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

/* ---- rows of methods ---- */

/* Which column a run stands in, by its values of all these axes; yours to free(). */
static char *column_key(const struct grid_run *r, const char *const *columns)
{
    struct str key = STR_INIT;
    for (; *columns; columns++) {
        char *value = axis_value(r, *columns);
        str_addf(&key, "%s\n", value ? value : "");
        free(value);
    }
    return str_detach(&key);
}

/* Do two of the runs in one column differ in `axis`? All are of one kind. */
static bool tells_apart(const struct grid_run *const *runs, size_t n, const char *axis,
                        const char *const *columns)
{
    json_t *first = json_object(); // value of `axis` by column
    bool differ = false;
    for (size_t i = 0; i < n && !differ; i++) {
        char *key = column_key(runs[i], columns), *value = axis_value(runs[i], axis);
        const char *text = value ? value : "";
        const char *known = json_string_value(json_object_get(first, key));
        differ = known && !str_eq(known, text);
        if (!known)
            json_object_set_new(first, key, json_string(text));
        free(key);
        free(value);
    }
    json_decref(first);
    return differ;
}

/* Labels of the runs of one kind into labels[at[i]]. */
static void label_kind(const struct grid_run *const *runs, const size_t *at, size_t n,
                       const char *const *columns, const char *const *ignore, char **labels)
{
    static const char *const axes[] = {"dataset", "source", "protocol", "backbone", "precision",
                                       "views",   "shots",  "seed",     NULL};
    const char **silent = NULL; // what the labels do not name
    size_t n_silent = 0, capacity = 0;
    for (; ignore && *ignore; ignore++)
        MEM_PUSH(silent, n_silent, capacity) = *ignore;
    for (const char *const *axis = axes; *axis; axis++)
        if (!tells_apart(runs, n, *axis, columns))
            MEM_PUSH(silent, n_silent, capacity) = *axis;
    for (const struct method_key *k = method_find(runs[0]->method)->keys; k->name; k++)
        if (!tells_apart(runs, n, k->name, columns))
            MEM_PUSH(silent, n_silent, capacity) = k->name;
    MEM_PUSH(silent, n_silent, capacity) = NULL;
    char **texts = labels_rows(runs, n, silent);
    for (size_t i = 0; i < n; i++)
        labels[at[i]] = texts[i];
    free(texts);
    free(silent);
}

char **table_row_labels(const struct grid_run *const *runs, size_t n, const char *const *columns,
                        const char *const *ignore)
{
    char **labels = mem_zero(n + 1, sizeof *labels);
    const struct grid_run **mine = mem_alloc(n + 1, sizeof *mine);
    size_t *at = mem_alloc(n + 1, sizeof *at);
    for (size_t first = 0; first < n; first++) {
        size_t found = 0;
        for (size_t i = first; i < n && !labels[first]; i++)
            if (labels_same_kind(runs[i], runs[first])) {
                at[found] = i;
                mine[found++] = runs[i];
            }
        if (found)
            label_kind(mine, at, found, columns, ignore, labels);
    }
    free(mine);
    free(at);
    return labels;
}

/* ---- places ---- */

/* The labels that one run has on one axis: one, or every value of the others. */
struct places {
    char **labels;
    size_t n, capacity;
};

static void add_place(struct places *p, char *label)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->labels[i], label)) {
            free(label);
            return;
        }
    MEM_PUSH(p->labels, p->n, p->capacity) = label;
}

static void release_places(struct places *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->labels[i]);
    free(p->labels);
}

/* places[i] of runs[i] on `axis`. */
/* `others`: the table's other axes, NULL-terminated. */
static struct places *place(const struct grid_run *const *runs, size_t n, const char *axis,
                            const char *const *others)
{
    struct places *places = mem_zero(n + 1, sizeof *places), all = {0};
    if (str_eq(axis, "method")) {
        static const char *const ignore[] = {"seed", NULL};
        char **labels = table_row_labels(runs, n, others, ignore);
        for (size_t i = 0; i < n; i++)
            add_place(&places[i], labels[i]);
        free(labels);
        return places;
    }
    for (size_t i = 0; i < n; i++) {
        char *label = axis_value(runs[i], axis);
        if (!label)
            continue;
        add_place(&places[i], label);
        add_place(&all, mem_strdup(label));
    }
    for (size_t i = 0; i < n; i++) {
        bool none = places[i].n == 0;
        for (size_t k = 0; none && k < all.n; k++)
            add_place(&places[i], mem_strdup(all.labels[k]));
        if (places[i].n == 0) // nobody has a value
            add_place(&places[i], mem_strdup("-"));
    }
    release_places(&all);
    return places;
}

static const char *keep_label(struct table_runs *t, const char *label)
{
    for (size_t i = 0; i < t->n_labels; i++)
        if (str_eq(t->labels[i], label))
            return t->labels[i];
    char *copy = mem_strdup(label);
    MEM_PUSH(t->labels, t->n_labels, t->labels_capacity) = copy;
    return copy;
}

/* What the run, or the training run whose result it tests, trains. */
static long parameters_of(const struct plan *p, const struct plan_run *run)
{
    int trained = run->needs[NEED_PROMPT];
    bool eval = str_eq(json_string_value(json_object_get(run->spec, "job")), "eval");
    return eval && trained >= 0 ? p->runs[trained].parameters : run->parameters;
}

/* Where one run stands: each of its groups x rows x columns. */
struct stand {
    const struct places *groups, *rows, *columns; // groups NULL: there are none
};

static void add_run(struct table_runs *t, const struct plan *p, const struct plan_run *run,
                    const struct grid_run *grid, const struct stand *at)
{
    const struct method_row *method = method_find(grid->method);
    size_t n_groups = at->groups ? at->groups->n : 1, columns = at->columns->n;
    char *dataset = target_label(grid);
    for (size_t g = 0; g < n_groups; g++)
        for (size_t i = 0; i < at->rows->n * columns; i++)
            MEM_PUSH(t->runs, t->n, t->capacity) = (struct table_run){
                .run = run->id,
                .group = at->groups ? keep_label(t, at->groups->labels[g]) : NULL,
                .row = keep_label(t, at->rows->labels[i / columns]),
                .column = keep_label(t, at->columns->labels[i % columns]),
                .method = grid->method,
                .published = method ? method->published : NULL,
                .dataset = keep_label(t, dataset),
                .source = grid->source ? dataset_label(grid->source) : NULL,
                .on_source = str_eq(grid->source, grid->dataset),
                .protocol = grid->protocol,
                .backbone = backbone_label(grid->backbone),
                .shots = grid->shots,
                .seed = grid->seed,
                .parameters = parameters_of(p, run),
                .spec = run->spec,
            };
    free(dataset);
}

static struct places *place_on(const struct grid_run *const *runs, size_t n, const char *axis,
                               const char *other, const char *another)
{
    const char *const others[] = {other ? other : another, other ? another : NULL, NULL};
    return axis ? place(runs, n, axis, others) : NULL;
}

static void free_places(struct places *places, size_t n)
{
    for (size_t i = 0; places && i < n; i++)
        release_places(&places[i]);
    free(places);
}

void table_runs_init(struct table_runs *out, const struct plan *p, const struct recipe_table *block,
                     const json_t *where)
{
    const struct recipe *recipe = p->recipe;
    const struct grid_run **selected = mem_alloc(recipe->n, sizeof *selected);
    const struct plan_run **runs = mem_alloc(recipe->n, sizeof *runs);
    size_t n = 0;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < recipe->n; i++)
        if (grid_run_matches(&recipe->runs[i], block->where) &&
            grid_run_matches(&recipe->runs[i], where)) {
            runs[n] = &p->runs[p->of[i]];
            selected[n++] = &recipe->runs[i];
        }
    struct places *rows = place_on(selected, n, block->rows, block->columns, block->group);
    struct places *columns = place_on(selected, n, block->columns, block->rows, block->group);
    struct places *groups = place_on(selected, n, block->group, block->rows, block->columns);
    for (size_t i = 0; i < n; i++) {
        const struct stand at = {groups ? &groups[i] : NULL, &rows[i], &columns[i]};
        add_run(out, p, runs[i], selected[i], &at);
    }
    free_places(rows, n);
    free_places(columns, n);
    free_places(groups, n);
    free(selected);
    free(runs);
}

void table_runs_release(struct table_runs *t)
{
    for (size_t i = 0; i < t->n_labels; i++)
        free(t->labels[i]);
    free(t->labels);
    free(t->runs);
    memset(t, 0, sizeof *t);
}
