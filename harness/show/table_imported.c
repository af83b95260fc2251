/* Imported runs beside a recipe's own in a table: see table_runs.h. */
#include "harness/show/table_runs.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"

#include <stdlib.h>
#include <string.h>

/* One imported run; all borrowed from its JSON and from the run of ours that it stands beside. */
struct one {
    const char *run, *trainer, *config;
    const json_t *spec;
    const struct table_run *beside; // of the same column
    int shots, seed;
};

struct several {
    struct one *items;
    size_t n, capacity;
    bool rows; // methods are the table's rows, not its columns
};

/* Do two runs stand in one place, but for the method? */
static bool is_place(const struct several *all, const struct table_run *a,
                     const struct table_run *b)
{
    return str_eq(a->group, b->group) &&
           (all->rows ? str_eq(a->column, b->column) : str_eq(a->row, b->row));
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int int_of(const json_t *object, const char *key)
{
    return (int)json_integer_value(json_object_get(object, key));
}

/* The label of our run's dataset without what a table adds to the source's. */
static bool is_dataset(const struct table_run *ours, const char *label)
{
    static const char source[] = " (source)";
    const size_t n = strlen(label);
    return strncmp(ours->dataset, label, n) == 0 &&
           (!ours->dataset[n] || (ours->on_source && str_eq(ours->dataset + n, source)));
}

/* Has any run of ours in this place shots? Where none has, any number stands beside them. */
static bool has_shots(const struct table_runs *t, const struct several *all,
                      const struct table_run *place)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->runs[i].shots && is_place(all, &t->runs[i], place) &&
            str_eq(t->runs[i].dataset, place->dataset))
            return true;
    return false;
}

/* Was it made under the conditions of this run of ours? The source's own test is a few-shot run. */
static bool fits(const struct table_runs *t, const struct several *all,
                 const struct table_run *ours, const json_t *spec)
{
    const char *source = dataset_label(text_of(spec, "source"));
    const char *protocol = text_of(spec, "protocol"),
               *dataset = dataset_label(text_of(spec, "dataset"));
    const int shots = int_of(spec, "shots");
    const bool same = ours->on_source
                          ? str_eq(protocol, "few-shot")
                          : str_eq(protocol, ours->protocol) && str_eq(source, ours->source);
    return same && dataset && is_dataset(ours, dataset) &&
           str_eq(backbone_label(text_of(spec, "backbone")), ours->backbone) &&
           (!shots || shots == ours->shots || !has_shots(t, all, ours));
}

/* Beside each of our columns and groups that it fits, once. */
static void find_places(const struct table_runs *t, const json_t *imported, struct several *out)
{
    const json_t *spec = json_object_get(imported, "spec");
    const size_t first = out->n;
    for (size_t i = 0; i < t->n; i++) {
        const struct table_run *ours = &t->runs[i];
        bool known = !fits(t, out, ours, spec);
        for (size_t k = first; k < out->n && !known; k++)
            known = is_place(out, out->items[k].beside, ours);
        if (!known)
            MEM_PUSH(out->items, out->n, out->capacity) =
                (struct one){text_of(imported, "run"),
                             text_of(spec, "method"),
                             text_of(json_object_get(spec, "params"), "config"),
                             spec,
                             ours,
                             int_of(spec, "shots"),
                             int_of(spec, "seed")};
    }
}

/* Do two runs of the trainer in one place differ in configuration, or in shots? */
static bool differ(const struct several *all, const struct one *x, bool shots)
{
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; k < i; k++) {
            const struct one *a = &all->items[i], *b = &all->items[k];
            if (str_eq(a->trainer, x->trainer) && str_eq(b->trainer, x->trainer) &&
                is_place(all, a->beside, b->beside) &&
                (shots ? a->shots != b->shots : !str_eq(a->config, b->config)))
                return true;
        }
    return false;
}

/* "CoCoOp, 4 shots (imported)": what tells it apart, as with our own. Yours to free(). */
static char *label_of(const struct several *all, const struct one *x)
{
    struct str s = STR_INIT;
    str_add(&s, x->trainer);
    if (x->config && *x->config && differ(all, x, false))
        str_addf(&s, ", %s", x->config);
    if (x->shots && differ(all, x, true))
        str_addf(&s, ", %d shot%s", x->shots, x->shots == 1 ? "" : "s");
    str_add(&s, " (imported)");
    return str_detach(&s);
}

/* Which of the table's axes is the method's; the others must be known of an imported run. */
static bool is_known_axis(const char *axis)
{
    static const char *const known[] = {"method",   "dataset", "shots",
                                        "protocol", "source",  "backbone"};
    for (size_t i = 0; axis && i < sizeof known / sizeof known[0]; i++)
        if (str_eq(axis, known[i]))
            return true;
    return !axis;
}

void table_runs_add_imported(struct table_runs *t, const struct recipe_table *block,
                             json_t *imported)
{
    const bool rows = str_eq(block->rows, "method"), columns = str_eq(block->columns, "method");
    struct several all = {.rows = rows};
    const size_t n = t->n;
    size_t i;
    json_t *one;
    t->imported = imported;
    if (!(rows || columns) || !is_known_axis(block->rows) || !is_known_axis(block->columns) ||
        !is_known_axis(block->group))
        return;
    json_array_foreach(imported, i, one)
    {
        find_places(t, one, &all);
    }
    // `beside` points into what grows below: nothing is added before all is known
    struct table_run *added = mem_alloc(all.n + 1, sizeof *added);
    for (size_t k = 0; k < all.n; k++) {
        const struct one *x = &all.items[k];
        char *label = label_of(&all, x);
        added[k] = *x->beside;
        added[k].run = x->run;
        added[k].method = x->trainer;
        added[k].published = NULL;
        added[k].imported = true;
        added[k].parameters = -1;
        added[k].shots = x->shots;
        added[k].seed = x->seed;
        added[k].spec = x->spec;
        *(rows ? &added[k].row : &added[k].column) = map_keep(&t->labels, label);
        free(label);
    }
    for (size_t k = 0; k < all.n; k++)
        MEM_PUSH(t->runs, t->n, t->capacity) = added[k];
    BUG_IF(t->n != n + all.n);
    free(added);
    free(all.items);
}
