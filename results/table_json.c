/* A table as JSON. The keys are documented in table.h and stable. */
#include "results/table.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *published_json(const struct table_published *p)
{
    return json_pack("{s:s, s:f, s:s, s:s, s:i}", "method", p->method, "value", p->value, "source",
                     p->source, "table", p->table, "shots", p->shots);
}

static json_t *marks_json(const struct table_cell *cell)
{
    json_t *marks = json_array();
    for (size_t i = 0; i < cell->n_marks; i++) {
        char name[16];
        table_mark_name(cell->marks[i], name);
        json_array_append_new(marks, json_string(name));
    }
    return marks;
}

static void set_value(json_t *row, const struct table_value *v)
{
    json_object_set_new(row, "mean", real_or_null(v->stats.mean));
    json_object_set_new(row, "std", real_or_null(v->stats.std));
    json_object_set_new(row, "interval", real_or_null(stats_t_half(&v->stats, 0.95)));
}

static void set_comparison(json_t *row, const struct table_cell *cell, int m)
{
    const struct table_value *v = &cell->value[m];
    json_t *published = json_array(), *runs = json_array();
    for (size_t i = 0; i < cell->n_published[m]; i++)
        json_array_append_new(published, published_json(&cell->published[m][i]));
    for (size_t i = 0; cell->origins && i < cell->wanted; i++)
        if (origin_done(&cell->origins[i]))
            json_array_append_new(runs, json_string(cell->origins[i].run));
    json_object_set_new(row, "delta", real_or_null(v->delta));
    json_object_set_new(row, "verdict", text_or_null(verdict_names[v->verdict]));
    json_object_set_new(row, "difference", real_or_null(v->difference));
    json_object_set_new(row, "marks", marks_json(cell));
    json_object_set_new(row, "runs", runs);
    json_object_set_new(row, "published", published);
}

static json_t *number_json(const struct table *t, size_t r, size_t c, int m)
{
    const struct table_cell *cell = &t->rows[r].cells[c];
    bool average = c == t->n_columns;
    json_t *row = json_pack("{s:s, s:s?, s:s, s:s, s:s, s:o, s:s}", "method", t->rows[r].method,
                            "group", t->rows[r].group, "row", t->rows[r].label, "column",
                            table_column(t, c), "dataset", average ? "Average" : cell->dataset,
                            "shots", average ? json_null() : json_integer(cell->shots), "metric",
                            table_metrics[m].name);
    set_value(row, &cell->value[m]);
    json_object_set_new(row, "n", json_integer((json_int_t)cell->present));
    json_object_set_new(row, "wanted", json_integer((json_int_t)cell->wanted));
    set_comparison(row, cell, m);
    json_object_set_new(row, "imported", json_boolean(r >= t->n_ours));
    return row;
}

json_t *table_json(const struct table *t)
{
    json_t *rows = json_array();
    for (size_t r = 0; r < table_first_published(t); r++)
        for (size_t c = 0; c < table_cells(t); c++)
            for (size_t k = 0; k < t->n_metrics; k++)
                if (t->rows[r].cells[c].wanted)
                    json_array_append_new(rows, number_json(t, r, c, t->metrics[k]));
    return rows;
}

json_t *table_published_json(const struct table *t)
{
    json_t *rows = json_array();
    for (size_t r = table_first_published(t); r < t->n_rows; r++)
        for (size_t c = 0; c < table_cells(t); c++)
            for (size_t k = 0; k < t->n_metrics; k++) {
                const struct table_cell *cell = &t->rows[r].cells[c];
                int m = t->metrics[k];
                if (!cell->n_published[m])
                    continue;
                json_t *row = published_json(&cell->published[m][0]);
                json_object_set_new(row, "dataset",
                                    json_string(c == t->n_columns ? "Average" : cell->dataset));
                json_object_set_new(row, "metric", json_string(table_metrics[m].name));
                json_array_append_new(rows, row);
            }
    return rows;
}

/* ---- where it comes from ---- */

static json_t *code_json(const struct store_code *code)
{
    return json_pack("{s:s, s:b, s:s, s:s}", "commit", code->commit, "dirty", code->dirty, "diff",
                     code->diff, "runner_sha256", code->runner);
}

static json_t *verdicts_json(const struct table *t)
{
    static const struct {
        const char *key;
        enum verdict verdict;
    } keys[] = {{"reproduced", VERDICT_REPRODUCED},
                {"higher", VERDICT_HIGHER},
                {"lower", VERDICT_LOWER},
                {"no_claim", VERDICT_NO_CLAIM},
                {"incomplete", VERDICT_INCOMPLETE}};
    if (!t->verdicts)
        return json_null();
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        json_object_set_new(all, keys[i].key,
                            json_integer((json_int_t)t->n_verdicts[keys[i].verdict]));
    return all;
}

json_t *table_origin_json(const struct table *t)
{
    struct str caption = STR_INIT;
    json_t *revisions = json_array(), *marks = json_object(), *claims = json_array();
    table_caption(t, &caption);
    for (size_t i = 0; i < t->n_codes; i++)
        json_array_append_new(revisions, code_json(&t->codes[i].code));
    for (size_t i = 0; i < t->n_marks; i++) {
        char name[16];
        table_mark_name(i, name);
        json_object_set_new(marks, name, json_string(t->marks[i]));
    }
    for (size_t i = 0; i < t->n_claims; i++) {
        const struct table_claim *c = &t->claims[i];
        json_array_append_new(claims, json_pack("{s:s, s:s, s:s, s:s}", "claim", c->claim, "source",
                                                c->source, "state", c->state, "text", c->text));
    }
    json_t *origin = json_pack(
        "{s:I, s:I, s:o, s:O, s:o, s:o, s:o, s:s, s:s?}", "runs", (json_int_t)t->runs, "done",
        (json_int_t)t->done, "revisions", revisions, "failed", t->failed, "marks", marks,
        "verdicts", verdicts_json(t), "claims", claims, "caption", caption.data, "note", t->note);
    str_release(&caption);
    return origin;
}

/* ---- the runs behind a cell ---- */

static json_t *origin_json(const struct table *t, size_t r, size_t c, const struct table_origin *o)
{
    json_t *values = json_object();
    for (size_t k = 0; k < t->n_metrics; k++)
        json_object_set_new(values, table_metrics[t->metrics[k]].name,
                            real_or_null(o->values[t->metrics[k]]));
    bool done = origin_done(o);
    return json_pack("{s:s, s:s?, s:s, s:s, s:i, s:s, s:s?, s:o, s:o, s:o, s:o, s:o}", "run",
                     o->run, "group", t->rows[r].group, "row", t->rows[r].label, "column",
                     table_column(t, c), "seed", o->seed, "state", o->state ? o->state : "",
                     "reason", o->reason, "seconds", done ? json_real(o->seconds) : json_null(),
                     "parameters", o->parameters < 0 ? json_null() : json_integer(o->parameters),
                     "code", done ? code_json(&t->codes[o->code].code) : json_null(), "marks",
                     marks_json(&t->rows[r].cells[c]), "values", values);
}

static void add_cell(const struct table *t, size_t r, size_t c, json_t *out)
{
    const struct table_cell *cell = &t->rows[r].cells[c];
    for (size_t i = 0; cell->origins && i < cell->wanted; i++)
        json_array_append_new(out, origin_json(t, r, c, &cell->origins[i]));
}

/* Rows and columns as printed: a name that is not there, with the nearest one. */
static int unknown(const struct table *t, const char *what, const char *name, char *const *labels,
                   size_t n, struct err *e)
{
    struct str known = STR_INIT;
    for (size_t i = 0; i < n; i++)
        str_addf(&known, "%s'%s'", i ? ", " : "", labels[i]);
    err_set(e, ERR_USAGE, "table '%s' has no %s '%s'; its %ss are %s", t->name, what, name, what,
            known.data);
    str_release(&known);
    return e->code;
}

int table_cell_runs(const struct table *t, const char *row, const char *column, json_t **out,
                    struct err *e)
{
    const char *in_row = t->turned ? column : row, *in_column = t->turned ? row : column;
    char **labels = mem_alloc(t->n_ours + 1, sizeof *labels);
    size_t c = 0, found = 0;
    int rc = 0;
    while (c < table_cells(t) && !str_eq(table_column(t, c), in_column))
        c++;
    *out = json_array();
    for (size_t r = 0; r < t->n_ours; r++) {
        labels[r] = t->rows[r].label;
        if (!str_eq(labels[r], in_row))
            continue;
        found++;
        for (size_t k = 0; k < t->n_columns; k++)
            if (k == c || c == t->n_columns)
                add_cell(t, r, k, *out);
    }
    if (!found)
        rc = unknown(t, t->turned ? "column" : "row", in_row, labels, t->n_ours, e);
    else if (c == table_cells(t))
        rc = unknown(t, t->turned ? "row" : "column", in_column, t->columns, t->n_columns, e);
    free(labels);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}
