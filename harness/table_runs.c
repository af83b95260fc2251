/* See table_runs.h. */
#include "harness/table_runs.h"

#include "core/base/map.h"
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
            char *value = axis_value(runs[i], columns[k]);
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
        char *a = axis_value(known, axis), *b = axis_value(run, axis);
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

char **table_row_labels(const struct grid_run *const *runs, size_t n, const char *const *columns,
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

/* ---- places ---- */

/* The labels that runs have on one axis: one each, or every label of the others. */
struct places {
    struct map labels;
    size_t *of; // (n) number of the run's label, or EVERY
};
enum { EVERY = -1 };

/* On "method": a label for each run. `others`: the table's other axes, NULL-terminated. */
static void place_methods(struct places *p, const struct grid_run *const *runs, size_t n,
                          const char *const *others)
{
    static const char *const ignore[] = {"seed", NULL};
    char **labels = table_row_labels(runs, n, others, ignore);
    for (size_t i = 0; i < n; i++) {
        p->of[i] = map_add_text(&p->labels, labels[i], NULL);
        free(labels[i]);
    }
    free(labels);
}

static void place_values(struct places *p, const struct grid_run *const *runs, size_t n,
                         const char *axis)
{
    const struct labels_look look = labels_look(axis);
    for (size_t i = 0; i < n; i++) {
        if (i && labels_alike(&look, runs[i], runs[i - 1])) {
            p->of[i] = p->of[i - 1];
            continue;
        }
        char *label = axis_value(runs[i], axis);
        p->of[i] = label ? map_add_text(&p->labels, label, NULL) : (size_t)EVERY;
        free(label);
    }
    if (!p->labels.n) // nobody has a value
        map_add_text(&p->labels, "-", NULL);
}

/* The labels of run i: from *first to before the returned one. */
static size_t labels_of(const struct places *p, size_t i, size_t *first)
{
    *first = p->of[i] == (size_t)EVERY ? 0 : p->of[i];
    return p->of[i] == (size_t)EVERY ? p->labels.n : p->of[i] + 1;
}

static void places_init(struct places *p, const struct grid_run *const *runs, size_t n,
                        const char *axis, const char *other, const char *another)
{
    const char *const others[] = {other ? other : another, other ? another : NULL, NULL};
    *p = (struct places){.of = mem_zero(n + 1, sizeof *p->of)};
    if (axis && str_eq(axis, "method"))
        place_methods(p, runs, n, others);
    else if (axis)
        place_values(p, runs, n, axis);
    else // one place without a name
        map_add_text(&p->labels, "", NULL);
}

static void places_release(struct places *p)
{
    map_release(&p->labels);
    free(p->of);
}

/* What the run, or the training run whose result it tests, trains. */
static long parameters_of(const struct plan *p, const struct plan_run *run)
{
    int trained = run->needs[NEED_PROMPT];
    bool eval = str_eq(plan_text(run, "job"), "eval");
    return eval && trained >= 0 ? p->runs[trained].parameters : run->parameters;
}

/* The axes of a table. */
struct stand {
    bool grouped;
    struct places groups, rows, columns;
};

/* The i-th run, on each of its groups x rows x columns. */
static void add_run(struct table_runs *t, const struct plan *p, const struct plan_run *run,
                    const struct grid_run *grid, const struct stand *stand, size_t i)
{
    const struct method_row *method = method_find(grid->method);
    char *dataset = target_label(grid);
    struct table_run made = {
        .run = run->id,
        .method = grid->method,
        .published = method ? method->published : NULL,
        .dataset = map_keep(&t->labels, dataset),
        .source = grid->source ? dataset_label(grid->source) : NULL,
        .on_source = str_eq(grid->source, grid->dataset),
        .protocol = grid->protocol,
        .backbone = backbone_label(grid->backbone),
        .shots = grid->shots,
        .seed = grid->seed,
        .parameters = parameters_of(p, run),
        .spec = run->common,
    };
    size_t g, r, c;
    for (size_t groups = labels_of(&stand->groups, i, &g); g < groups; g++) {
        if (stand->grouped)
            made.group = map_keep(&t->labels, map_text(&stand->groups.labels, g));
        for (size_t rows = labels_of(&stand->rows, i, &r); r < rows; r++) {
            made.row = map_keep(&t->labels, map_text(&stand->rows.labels, r));
            for (size_t columns = labels_of(&stand->columns, i, &c); c < columns; c++) {
                made.column = map_keep(&t->labels, map_text(&stand->columns.labels, c));
                MEM_PUSH(t->runs, t->n, t->capacity) = made;
            }
        }
    }
    free(dataset);
}

void table_runs_init(struct table_runs *out, const struct plan *p, const struct recipe_table *block,
                     const json_t *where)
{
    const struct recipe *recipe = p->recipe;
    const struct grid_run **selected = mem_alloc(recipe->n, sizeof *selected);
    const struct plan_run **runs = mem_alloc(recipe->n, sizeof *runs);
    struct stand stand = {.grouped = block->group != NULL};
    size_t n = 0;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < recipe->n; i++)
        if (grid_run_matches(&recipe->runs[i], block->where) &&
            grid_run_matches(&recipe->runs[i], where)) {
            runs[n] = &p->runs[p->of[i]];
            selected[n++] = &recipe->runs[i];
        }
    places_init(&stand.rows, selected, n, block->rows, block->columns, block->group);
    places_init(&stand.columns, selected, n, block->columns, block->rows, block->group);
    places_init(&stand.groups, selected, n, block->group, block->rows, block->columns);
    for (size_t i = 0; i < n; i++)
        add_run(out, p, runs[i], selected[i], &stand, i);
    places_release(&stand.rows);
    places_release(&stand.columns);
    places_release(&stand.groups);
    free(selected);
    free(runs);
}

void table_runs_release(struct table_runs *t)
{
    map_release(&t->labels);
    free(t->runs);
    json_decref(t->imported);
    memset(t, 0, sizeof *t);
}
