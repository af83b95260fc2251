/*
 * The guard: numbers that were made by other code, on another kind of device, from other data or
 * weights, in another precision or under another protocol version than most of the table carry a
 * mark, and a footnote says what differs. Weights are compared among runs of one backbone and data
 * among runs of one dataset, where they should be the same.
 */
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <stdlib.h>
#include <string.h>

void table_code_words(const struct store_code *code, struct str *out)
{
    if (*code->commit)
        str_addf(out, "%.10s", code->commit);
    else
        str_add(out, "outside a repository");
    if (code->dirty)
        str_add(out, " with uncommitted changes");
}

/* As the words, but telling apart what they do not: changes, programs outside a repository. */
static void code_text(const struct store_code *code, struct str *out)
{
    table_code_words(code, out);
    if (code->dirty && *code->diff)
        str_addf(out, " (%.8s)", code->diff);
    if (!*code->commit)
        str_addf(out, " (program %.8s)", code->runner);
}

static void code_fact(const struct table *t, const struct table_origin *o, struct str *out)
{
    code_text(&t->codes[o->code].code, out);
}

static void device_fact(const struct table *t, const struct table_origin *o, struct str *out)
{
    (void)t;
    str_add(out, o->device);
}

/* What is guarded: a key of the spec, compared among runs that agree in another one; or a fact of
 * the store, "" where it is not known. */
static const struct {
    const char *key, *among, *words;
    void (*text)(const struct table *t, const struct table_origin *o, struct str *out);
} guarded[] = {
    {"version", NULL, "version", NULL},       {"precision", NULL, "precision", NULL},
    {"weights", "backbone", "weights", NULL}, {"split", "dataset", "split", NULL},
    {NULL, NULL, "code", code_fact}, // of the store, not of the spec
    {NULL, NULL, "device", device_fact},
};
enum { GUARDED = sizeof guarded / sizeof guarded[0] };

static void value_text(const json_t *value, struct str *out)
{
    if (json_is_string(value))
        str_addf(out, "%.12s", json_string_value(value));
    else
        str_addf(out, "%lld", (long long)json_integer_value(value));
}

/* A value of what is guarded, and how many runs have it. */
struct fact {
    size_t f;
    const char *within, *text; // what it is compared within, "" = all; the value
    size_t runs;
    size_t most; // number of the fact that most runs have there; of equals the first seen
};

struct facts {
    struct map keys, texts; // keys: f, within, text
    struct fact *items;     // by number of key
    size_t n, capacity;
    struct last {
        const json_t *value, *among; // of the spec
        const struct table_origin *of;
        size_t number;
    } last[GUARDED];
};

static size_t add_fact(struct facts *facts, size_t f, const char *within, const char *text)
{
    bool is_new;
    char *key = str_format("%zu\x1f%s\x1f%s", f, within, text);
    size_t number = map_add_text(&facts->keys, key, &is_new);
    free(key);
    if (is_new)
        MEM_PUSH(facts->items, facts->n, facts->capacity) =
            (struct fact){.f = f,
                          .within = map_keep(&facts->texts, within),
                          .text = map_keep(&facts->texts, text)};
    return number;
}

/* Runs that stand side by side are mostly alike. */
static bool as_last(const struct last *last, const struct table_origin *o, const json_t *value,
                    const json_t *among)
{
    return last->of && last->value == value && last->among == among &&
           (value || (last->of->code == o->code && str_eq(last->of->device, o->device)));
}

/* The number of fact `f` of a done run; false: not known. */
static bool fact_of(struct facts *facts, const struct table *t, const struct table_origin *o,
                    size_t f, size_t *number)
{
    enum { UNKNOWN = -1 };
    struct last *last = &facts->last[f];
    if (!origin_done(o))
        return false;
    const json_t *value = guarded[f].key ? json_object_get(o->spec, guarded[f].key) : NULL;
    const json_t *among = guarded[f].among ? json_object_get(o->spec, guarded[f].among) : NULL;
    if (!as_last(last, o, value, among)) {
        struct str text = STR_INIT;
        if (guarded[f].text)
            guarded[f].text(t, o, &text);
        else if (value)
            value_text(value, &text);
        *last = (struct last){value, among, o, (size_t)UNKNOWN};
        if (text.size)
            last->number = add_fact(facts, f, among ? json_string_value(among) : "", text.data);
        str_release(&text);
    }
    *number = last->number;
    return last->number != (size_t)UNKNOWN;
}

typedef void (*visit)(struct table *t, struct table_cell *cell, struct facts *facts, size_t number);

/* Every known fact of every run. */
static void each_fact(struct table *t, struct facts *facts, visit f_visit)
{
    size_t number;
    for (size_t r = 0; r < t->n_ours; r++)
        for (size_t c = 0; c < t->n_columns; c++) {
            struct table_cell *cell = &t->rows[r].cells[c];
            for (size_t i = 0; i < cell->wanted; i++)
                for (size_t f = 0; f < GUARDED; f++)
                    if (fact_of(facts, t, &cell->origins[i], f, &number))
                        f_visit(t, cell, facts, number);
        }
}

static void count(struct table *t, struct table_cell *cell, struct facts *facts, size_t number)
{
    (void)t;
    (void)cell;
    facts->items[number].runs++;
}

static void find_most_common(struct facts *facts)
{
    for (size_t i = 0; i < facts->n; i++) {
        struct fact *fact = &facts->items[i];
        fact->most = i;
        for (size_t k = 0; k < facts->n; k++) {
            const struct fact *other = &facts->items[k], *most = &facts->items[fact->most];
            if (other->f == fact->f && other->within == fact->within &&
                (other->runs > most->runs || (other->runs == most->runs && k < fact->most)))
                fact->most = k;
        }
    }
}

/* The number of a mark with this text, a new one when there is none. */
static size_t find_mark(struct table *t, char *text)
{
    for (size_t i = 0; i < t->n_marks; i++)
        if (str_eq(t->marks[i], text)) {
            free(text);
            return i;
        }
    MEM_PUSH(t->marks, t->n_marks, t->marks_capacity) = text;
    return t->n_marks - 1;
}

static void add_mark(struct table_cell *cell, size_t mark)
{
    size_t at = 0;
    while (at < cell->n_marks && cell->marks[at] < mark)
        at++;
    if (at < cell->n_marks && cell->marks[at] == mark)
        return;
    cell->marks = mem_grow(cell->marks, cell->n_marks + 1, sizeof *cell->marks);
    memmove(cell->marks + at + 1, cell->marks + at, (cell->n_marks - at) * sizeof *cell->marks);
    cell->marks[at] = mark;
    cell->n_marks++;
}

static void mark(struct table *t, struct table_cell *cell, struct facts *facts, size_t number)
{
    const struct fact *fact = &facts->items[number];
    if (fact->most == number)
        return;
    add_mark(cell,
             find_mark(t, str_format("%s%s%s %s, where others have %s", guarded[fact->f].words,
                                     *fact->within ? " of " : "", fact->within, fact->text,
                                     facts->items[fact->most].text)));
}

void table_mark(struct table *t)
{
    struct facts facts = {0};
    each_fact(t, &facts, count);
    find_most_common(&facts);
    each_fact(t, &facts, mark);
    for (size_t r = 0; r < t->n_ours && t->average; r++)
        for (size_t c = t->averaged; c < t->n_columns; c++)
            for (size_t i = 0; i < t->rows[r].cells[c].n_marks; i++)
                add_mark(&t->rows[r].cells[t->n_columns], t->rows[r].cells[c].marks[i]);
    map_release(&facts.keys);
    map_release(&facts.texts);
    free(facts.items);
}

void table_mark_name(size_t number, char out[16])
{
    char reversed[8];
    size_t n = 0;
    for (number++; number && n < sizeof reversed; number = (number - 1) / 26)
        reversed[n++] = (char)('a' + (number - 1) % 26);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    out[n] = 0;
}
