/* A table as JSON. The keys are documented in table.h and stable. */
#include "results/table.h"

#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *published_json(const struct table_published *p)
{
    return json_pack("{s:s, s:f, s:s, s:s, s:i}", "method", p->method, "value", p->value, "source",
                     p->source, "table", p->table, "shots", p->shots);
}

json_t *table_json(const struct table *t)
{
    json_t *rows = json_array();
    for (size_t r = 0; r < t->n_ours; r++)
        for (size_t c = 0; c < table_cells(t); c++)
            for (size_t k = 0; k < t->n_metrics; k++) {
                const struct table_cell *cell = &t->rows[r].cells[c];
                int m = t->metrics[k];
                bool average = c == t->n_columns;
                if (!cell->wanted)
                    continue;
                json_t *published = json_array();
                for (size_t i = 0; i < cell->n_published[m]; i++)
                    json_array_append_new(published, published_json(&cell->published[m][i]));
                const char *column = average ? "Average" : t->columns[c];
                json_array_append_new(
                    rows, json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:I, s:I, s:o}",
                                    "method", t->rows[r].method, "row", t->rows[r].label, "column",
                                    column, "dataset", average ? "Average" : cell->dataset, "shots",
                                    average ? json_null() : json_integer(cell->shots), "metric",
                                    table_metrics[m].name, "mean",
                                    real_or_null(cell->value[m].stats.mean), "std",
                                    real_or_null(cell->value[m].stats.std), "n",
                                    (json_int_t)cell->present, "wanted", (json_int_t)cell->wanted,
                                    "published", published));
            }
    return rows;
}

json_t *table_published_json(const struct table *t)
{
    json_t *rows = json_array();
    for (size_t r = t->n_ours; r < t->n_rows; r++)
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

json_t *table_origin_json(const struct table *t)
{
    struct str caption = STR_INIT;
    table_caption(t, &caption);
    json_t *origin = json_pack("{s:I, s:I, s:O, s:O, s:s, s:s?}", "runs", (json_int_t)t->runs,
                               "done", (json_int_t)t->done, "revisions", t->revisions, "failed",
                               t->failed, "caption", caption.data, "note", t->note);
    str_release(&caption);
    return origin;
}
