/* See table_runs.h. */
#include "harness/show/table_runs.h"

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/plan/label.h"

#include <stdlib.h>
#include <string.h>

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
    char **labels = labels_in_columns(runs, n, others, ignore);
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
        char *label = labels_value(runs[i], axis);
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
    char *dataset = labels_target(grid);
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
