/*
 * The guard: numbers that were made by other code, on another kind of device, from other data or
 * weights, in another precision or under another protocol version than most of the table carry a
 * mark, and a footnote says what differs. Weights are compared among runs of one backbone and data
 * among runs of one dataset, where they should be the same.
 */
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

static bool code_fact(const struct table *t, const struct table_origin *o, struct str *out)
{
    code_text(&t->codes[o->code].code, out);
    return true;
}

static bool device_fact(const struct table *t, const struct table_origin *o, struct str *out)
{
    (void)t;
    str_add(out, o->device);
    return *o->device;
}

/* What is guarded: a key of the spec, compared among runs that agree in another one; or a fact of
 * the store, false where it is not known. */
static const struct {
    const char *key, *among, *words;
    bool (*text)(const struct table *t, const struct table_origin *o, struct str *out);
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

/* The value of fact `f` of a done run as text, and what it is compared within; false: not known. */
static bool fact_of(const struct table *t, const struct table_origin *o, size_t f,
                    struct str *within, struct str *text)
{
    str_clear(within);
    str_clear(text);
    if (!origin_done(o))
        return false;
    if (guarded[f].text)
        return guarded[f].text(t, o, text);
    const json_t *value = json_object_get(o->spec, guarded[f].key);
    const json_t *among = guarded[f].among ? json_object_get(o->spec, guarded[f].among) : NULL;
    if (!value)
        return false;
    if (among)
        str_add(within, json_string_value(among));
    value_text(value, text);
    return true;
}

typedef void (*visit)(struct table *t, struct table_cell *cell, size_t f, const char *within,
                      const char *text, json_t *counts);

/* Every known fact of every run. */
static void each_fact(struct table *t, json_t *const counts[GUARDED], visit f_visit)
{
    struct str within = STR_INIT, text = STR_INIT;
    for (size_t r = 0; r < t->n_ours; r++)
        for (size_t c = 0; c < t->n_columns; c++) {
            struct table_cell *cell = &t->rows[r].cells[c];
            for (size_t i = 0; i < cell->wanted; i++)
                for (size_t f = 0; f < GUARDED; f++)
                    if (fact_of(t, &cell->origins[i], f, &within, &text))
                        f_visit(t, cell, f, within.data, text.data, counts[f]);
        }
    str_release(&within);
    str_release(&text);
}

static void count(struct table *t, struct table_cell *cell, size_t f, const char *within,
                  const char *text, json_t *counts)
{
    (void)t;
    (void)cell;
    (void)f;
    json_t *values = json_object_get(counts, within);
    if (!values) {
        values = json_object();
        json_object_set_new(counts, within, values);
    }
    json_int_t n = json_integer_value(json_object_get(values, text));
    json_object_set_new(values, text, json_integer(n + 1));
}

/* The value that most runs have; of equals the first seen. */
static const char *most_common(json_t *values)
{
    const char *text, *most = NULL;
    json_t *n;
    json_int_t best = 0;
    json_object_foreach(values, text, n)
    {
        if (json_integer_value(n) > best) {
            best = json_integer_value(n);
            most = text;
        }
    }
    return most;
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

static void mark(struct table *t, struct table_cell *cell, size_t f, const char *within,
                 const char *text, json_t *counts)
{
    const char *most = most_common(json_object_get(counts, within));
    if (str_eq(most, text))
        return;
    add_mark(cell, find_mark(t, str_format("%s%s%s %s, where others have %s", guarded[f].words,
                                           *within ? " of " : "", within, text, most)));
}

void table_mark(struct table *t)
{
    json_t *counts[GUARDED];
    for (size_t f = 0; f < GUARDED; f++)
        counts[f] = json_object();
    each_fact(t, counts, count);
    each_fact(t, counts, mark);
    for (size_t r = 0; r < t->n_ours && t->average; r++)
        for (size_t c = t->averaged; c < t->n_columns; c++)
            for (size_t i = 0; i < t->rows[r].cells[c].n_marks; i++)
                add_mark(&t->rows[r].cells[t->n_columns], t->rows[r].cells[c].marks[i]);
    for (size_t f = 0; f < GUARDED; f++)
        json_decref(counts[f]);
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
