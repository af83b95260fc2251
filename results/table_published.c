/*
 * Published numbers beside ours: the same protocol, backbone, dataset, split and shots, or nothing.
 * A number under other conditions is no baseline.
 */
#include "results/table.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/baseline.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *protocol, *table;
} tables[] = {
    {"base-to-new", "base2new"},        {"few-shot", "fewshot"},
    {"cross-dataset", "cross_dataset"}, {"domain-generalization", "domain_gen"},
    {"zero-shot", "fewshot"}, // all classes; the rows with 0 shots
};

static const char *table_of(const char *protocol)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (str_eq(tables[i].protocol, protocol))
            return tables[i].table;
    return NULL;
}

/* "base2new_alt" is another listing of "base2new". */
static bool is_listing(const char *table, const char *plain)
{
    size_t length = strlen(plain);
    return strncmp(table, plain, length) == 0 && table[length] == '_';
}

static void push(struct table_cell *cell, int m, const struct baseline_row *row)
{
    size_t n = cell->n_published[m]++;
    cell->published[m] = mem_grow(cell->published[m], n + 1, sizeof *cell->published[m]);
    cell->published[m][n] =
        (struct table_published){row->method, row->source, row->table, row->shots, row->value};
}

static bool matches(const struct baseline_row *b, const char *backbone, const char *method,
                    const char *dataset, int m, int shots)
{
    return b->shots == shots && str_eq(b->split, table_metrics[m].published) &&
           str_eq(b->dataset, dataset) && str_eq(b->method, method) &&
           str_eq(b->backbone, backbone);
}

/* Everything published for a cell of `method`; the plain table's number comes first. */
static void look_up(const struct table *t, const char *plain, struct table_cell *cell,
                    const char *method, bool listings)
{
    for (int m = 0; m < METRICS; m++)
        for (int pass = 0; pass < 1 + listings && table_metrics[m].published; pass++)
            for (size_t i = 0; i < t->baselines->n; i++) {
                const struct baseline_row *b = &t->baselines->rows[i];
                bool here = pass ? is_listing(b->table, plain) : str_eq(b->table, plain);
                if (here && matches(b, t->backbone, method, cell->dataset, m, cell->shots))
                    push(cell, m, b);
            }
}

/* Means over the averaged columns of values[c][m], by the rule of our own Average. */
static void average(const struct table *t, double (*values)[METRICS], double mean[METRICS])
{
    for (int m = 0; m < METRICS; m++) {
        mean[m] = 0;
        for (size_t c = t->averaged; c < t->n_columns; c++)
            mean[m] += values[c][m] / (double)(t->n_columns - t->averaged);
    }
    if (!t->mean_of_h)
        mean[METRIC_H] = stats_harmonic(mean[METRIC_BASE], mean[METRIC_NEW]);
}

static double first_published(const struct table_cell *cell, int m)
{
    return cell->n_published[m] ? cell->published[m][0].value : NAN;
}

static void average_published(struct table *t, struct table_row *row)
{
    struct table_cell *cell = &row->cells[t->n_columns];
    const struct table_cell *first = &row->cells[t->averaged];
    double(*values)[METRICS] = mem_alloc(t->n_columns, sizeof *values), mean[METRICS];
    for (size_t c = 0; c < t->n_columns; c++)
        for (int m = 0; m < METRICS; m++)
            values[c][m] = first_published(&row->cells[c], m);
    average(t, values, mean);
    for (int m = 0; m < METRICS; m++) {
        if (isnan(mean[m]) || !first->n_published[m])
            continue;
        cell->published[m] = mem_dup(first->published[m], sizeof *cell->published[m]);
        cell->published[m]->value = mean[m];
        cell->n_published[m] = 1;
    }
    free(values);
}

/* ---- other sources of the same method's numbers ---- */

static struct table_listing *find_listing(const struct table *t, struct table_row *row,
                                          const struct table_published *p)
{
    for (size_t i = 0; i < row->n_listings; i++)
        if (str_eq(row->listings[i].table, p->table) && str_eq(row->listings[i].source, p->source))
            return &row->listings[i];
    struct table_listing *l = &MEM_PUSH(row->listings, row->n_listings, row->listings_capacity);
    *l = (struct table_listing){p->table, p->source, true,
                                mem_alloc(table_cells(t), sizeof *l->values)};
    for (size_t c = 0; c < table_cells(t); c++)
        for (int m = 0; m < METRICS; m++)
            l->values[c][m] = NAN;
    return l;
}

/* Rows of what others than the plain table print, and whether it is the same. */
static void list_sources(const struct table *t, struct table_row *row)
{
    for (size_t c = 0; c < t->n_columns; c++)
        for (int m = 0; m < METRICS; m++)
            for (size_t i = 1; i < row->cells[c].n_published[m]; i++) {
                const struct table_published *p = &row->cells[c].published[m][i];
                struct table_listing *l = find_listing(t, row, p);
                l->values[c][m] = p->value;
                if (table_shows(t, m) &&
                    fabs(p->value - row->cells[c].published[m][0].value) > 1e-9)
                    l->same = false;
            }
    for (size_t i = 0; i < row->n_listings && t->average; i++)
        average(t, row->listings[i].values, row->listings[i].values[t->n_columns]);
}

/* Shots that published rows need to stand under a column: those of our trained cells, if they
 * agree; -1 if they do not. */
static int column_shots(const struct table *t, size_t c)
{
    int shots = 0;
    for (size_t r = 0; r < t->n_ours; r++) {
        const struct table_cell *cell = &t->rows[r].cells[c];
        if (!cell->wanted || !cell->shots || cell->shots == shots)
            continue;
        if (shots)
            return -1;
        shots = cell->shots;
    }
    return shots;
}

/* The dataset that all of a column's cells are about, or NULL. */
static const char *column_dataset(const struct table *t, size_t c)
{
    const char *dataset = NULL;
    for (size_t r = 0; r < t->n_ours; r++) {
        const char *here = t->rows[r].cells[c].dataset;
        if (here && dataset && !str_eq(here, dataset))
            return NULL;
        dataset = here ? here : dataset;
    }
    return dataset;
}

/* A row for a method that none of ours stands for; left out when nothing is known of it. */
static void add_row(struct table *t, const char *plain, const char *method)
{
    struct table_row row = {.label = mem_strdup(method), .method = mem_strdup(method)};
    size_t found = 0;
    row.cells = mem_zero(table_cells(t), sizeof *row.cells);
    for (size_t c = 0; c < t->n_columns; c++) {
        struct table_cell *cell = &row.cells[c];
        const char *dataset = column_dataset(t, c);
        const int shots[] = {column_shots(t, c), 0}; // zero-shot CLIP stands under any shots
        bool whole = true;
        cell->dataset = dataset ? mem_strdup(dataset) : NULL;
        cell->wanted = 1;
        for (size_t s = 0; dataset && s < 2 && !cell->n_published[t->metrics[0]]; s++) {
            cell->shots = shots[s];
            look_up(t, plain, cell, method, false);
        }
        for (int m = 0; m < METRICS; m++) {
            double value = first_published(cell, m);
            cell->value[m] = (struct table_value){
                .stats = {cell->n_published[m] > 0, value, NAN}, .delta = NAN, .difference = NAN};
        }
        for (size_t k = 0; k < t->n_metrics; k++)
            whole &= cell->n_published[t->metrics[k]] > 0;
        cell->present = whole;
        found += whole;
    }
    if (t->average) {
        table_fill_average(t, &row);
        average_published(t, &row);
    }
    if (found)
        MEM_PUSH(t->rows, t->n_rows, t->rows_capacity) = row;
    else
        table_row_release(t, &row);
}

/* Is `method` in a row already, ours with its published numbers or a published one? */
static bool is_shown(const struct table *t, const char *method)
{
    for (size_t r = 0; r < t->n_rows; r++)
        if (str_eq(r < table_first_published(t) ? t->rows[r].published : t->rows[r].method, method))
            return true;
    return false;
}

int table_add_published(struct table *t, const struct table_options *o, struct err *e)
{
    const char *plain = table_of(t->protocol);
    if (!plain || !t->backbone) {
        t->note = mem_strdup("no published numbers: the runs of this table differ in protocol or "
                             "backbone");
        return 0;
    }
    if (!o->published_folder)
        return err_set(e, ERR_MISSING, "the folder of published numbers is not known");
    t->baselines = mem_zero(1, sizeof *t->baselines);
    int rc = baselines_load(t->baselines, o->published_folder, e);
    if (rc == 0 && o->knows_dataset)
        rc = baselines_check(t->baselines, o->knows_dataset, e);
    if (rc == 0) // import-csv checked these, perhaps with datasets that are not at hand now
        rc = baselines_load_own(t->baselines, o->own_folder, e);
    if (rc < 0)
        return rc;
    bool found = false;
    for (size_t r = 0; r < t->n_ours; r++) {
        struct table_row *row = &t->rows[r];
        for (size_t c = 0; row->published && c < t->n_columns; c++)
            if (row->cells[c].dataset)
                look_up(t, plain, &row->cells[c], row->published, true);
        if (row->published && t->average)
            average_published(t, row);
        list_sources(t, row);
        for (size_t c = 0; c < t->n_columns; c++)
            for (size_t k = 0; k < t->n_metrics; k++)
                found |= row->cells[c].n_published[t->metrics[k]] > 0;
    }
    for (size_t i = 0; i < t->baselines->n; i++) {
        const struct baseline_row *b = &t->baselines->rows[i];
        if (str_eq(b->table, plain) && str_eq(b->backbone, t->backbone) && !is_shown(t, b->method))
            add_row(t, plain, b->method);
    }
    if (!found && t->n_rows == table_first_published(t))
        t->note = str_format("nothing is published for %s on these datasets and shots (%s)",
                             t->backbone, t->protocol);
    return 0;
}
