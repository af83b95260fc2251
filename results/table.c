/*
 * From wanted runs to cells: one look-up per run and metric in the store, statistics over seeds,
 * the Average, ranks. Nothing here formats a number.
 */
#include "results/table.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/baseline.h"
#include "results/table_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct table_metric table_metrics[METRICS] = {
    [METRIC_BASE] = {"base", "base", "base"},
    [METRIC_NEW] = {"new", "new", "new"},
    [METRIC_H] = {"H", NULL, "H"},
    [METRIC_ACCURACY] = {"accuracy", "test", "all"},
};

void table_decimal(const struct table *t, double value, const char *prefix, char *out, size_t size)
{
    struct str s = STR_INIT;
    str_add_decimal(&s, value, t->decimals);
    snprintf(out, size, "%s%s", prefix, s.data);
    str_release(&s);
}

double table_rounded(const struct table *t, double value)
{
    char text[32];
    table_decimal(t, value, "", text, sizeof text);
    return strtod(text, NULL);
}

/* ---- layout: which rows and columns there are ---- */

static int read_metrics(struct table *t, const char *const *names, struct err *e)
{
    for (; *names; names++) {
        int m = 0;
        while (m < METRICS && !str_eq(table_metrics[m].name, *names))
            m++;
        if (m == METRICS)
            return err_set(e, ERR_USAGE, "unknown metric '%s': expected base, new, H or accuracy",
                           *names);
        for (size_t i = 0; i < t->n_metrics; i++)
            if (t->metrics[i] == m)
                return err_set(e, ERR_USAGE, "metric '%s' is given twice", *names);
        t->metrics[t->n_metrics++] = m;
    }
    return t->n_metrics ? 0 : err_set(e, ERR_USAGE, "table '%s' has no metrics", t->name);
}

static bool columns_are_datasets(const struct table_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!str_eq(runs[i].column, runs[i].dataset))
            return false;
    return n > 0;
}

static bool rows_are_datasets(const struct table_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!str_eq(runs[i].row, runs[i].dataset))
            return false;
    return n > 0;
}

/* Inside, datasets are columns whenever they are an axis; print turns them back. */
static const char *row_of(const struct table *t, const struct table_run *run)
{
    return t->transposed ? run->column : run->row;
}

static const char *column_of(const struct table *t, const struct table_run *run)
{
    return t->transposed ? run->row : run->column;
}

static size_t find_column(const struct table *t, const char *label)
{
    size_t i = 0;
    while (i < t->n_columns && !str_eq(t->columns[i], label))
        i++;
    return i;
}

static size_t find_row(const struct table *t, const char *label)
{
    size_t i = 0;
    while (i < t->n_rows && !str_eq(t->rows[i].label, label))
        i++;
    return i;
}

static char *dup_or_null(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

/* The source's column comes first and is not averaged. Runs of several sources have no Average. */
static void place_source(struct table *t, const struct table_run *runs, size_t n)
{
    bool datasets = t->transposed || columns_are_datasets(runs, n), several = false;
    for (size_t i = 0; i < n; i++) {
        several |= runs[i].source && !t->source;
        if (!datasets || !t->source || !runs[i].on_source || t->averaged)
            continue;
        size_t at = find_column(t, column_of(t, &runs[i]));
        char *label = t->columns[at];
        memmove(t->columns + 1, t->columns, at * sizeof *t->columns);
        t->columns[0] = label;
        t->averaged = 1;
    }
    t->average = datasets && !several && t->n_columns > t->averaged + 1;
}

static void lay_out(struct table *t, const struct table_run *runs, size_t n)
{
    size_t capacity = 0;
    t->transposed = !columns_are_datasets(runs, n) && rows_are_datasets(runs, n);
    for (size_t i = 0; i < n; i++) {
        if (find_column(t, column_of(t, &runs[i])) == t->n_columns)
            MEM_PUSH(t->columns, t->n_columns, capacity) = mem_strdup(column_of(t, &runs[i]));
        if (find_row(t, row_of(t, &runs[i])) == t->n_rows)
            MEM_PUSH(t->rows, t->n_rows, t->rows_capacity) = (struct table_row){
                .label = mem_strdup(row_of(t, &runs[i])),
                .method = mem_strdup(runs[i].method),
                .published = dup_or_null(runs[i].published),
            };
    }
    place_source(t, runs, n);
    t->n_ours = t->n_rows;
    for (size_t r = 0; r < t->n_rows; r++)
        t->rows[r].cells = mem_zero(table_cells(t), sizeof *t->rows[r].cells);
}

/* ---- cells ---- */

/* What the store has for one run: NAN where a metric is not there. */
static int read_run(const struct table *t, struct store *store, const char *run,
                    double values[METRICS], struct err *e)
{
    for (int m = 0; m < METRICS; m++) {
        values[m] = NAN;
        bool wanted = false;
        for (size_t i = 0; i < t->n_metrics; i++)
            wanted |= t->metrics[i] == m || t->metrics[i] == METRIC_H;
        const char *split = table_metrics[m].split;
        if (!store || !*run || !wanted || !split)
            continue;
        double value;
        int rc = store_metric(store, run, split, "accuracy", &value, e);
        if (rc < 0)
            return rc;
        if (rc == 1)
            values[m] = value;
    }
    values[METRIC_H] = stats_harmonic(values[METRIC_BASE], values[METRIC_NEW]);
    return 0;
}

static int fill_cell(struct table *t, size_t r, size_t c, struct store *store,
                     const struct table_run *runs, size_t n, struct err *e)
{
    struct table_cell *cell = &t->rows[r].cells[c];
    double *values[METRICS];
    int rc = 0;
    const struct table_run *first = NULL;
    for (int m = 0; m < METRICS; m++)
        values[m] = mem_alloc(n, sizeof(double));
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct table_run *run = &runs[i];
        double got[METRICS];
        if (!str_eq(row_of(t, run), t->rows[r].label) || !str_eq(column_of(t, run), t->columns[c]))
            continue;
        first = first ? first : run;
        cell->wanted++;
        rc = read_run(t, store, run->run, got, e);
        bool whole = true;
        for (size_t k = 0; k < t->n_metrics; k++)
            whole &= !isnan(got[t->metrics[k]]);
        if (rc < 0 || !whole)
            continue; // a run counts with all of the table's metrics or not at all
        for (int m = 0; m < METRICS; m++)
            values[m][cell->present] = got[m];
        cell->present++;
    }
    for (int m = 0; m < METRICS; m++)
        cell->value[m].stats = stats_of(values[m], cell->present);
    // H of a cell is that of its means, as published tables have it; its deviation is that of the
    // seeds' own H.
    cell->value[METRIC_H].stats.mean =
        stats_harmonic(cell->value[METRIC_BASE].stats.mean, cell->value[METRIC_NEW].stats.mean);
    if (first) {
        cell->dataset = mem_strdup(first->dataset);
        cell->shots = first->shots;
    }
    for (int m = 0; m < METRICS; m++)
        free(values[m]);
    return rc;
}

/* Runs of a cell differ in the seed and in nothing else, or their mean would mean nothing. */
static int check_cells(const struct table *t, const struct table_run *runs, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            bool differ = runs[i].seed == runs[j].seed || runs[i].shots != runs[j].shots ||
                          !str_eq(runs[i].method, runs[j].method) ||
                          !str_eq(runs[i].dataset, runs[j].dataset);
            if (differ && str_eq(runs[i].row, runs[j].row) &&
                str_eq(runs[i].column, runs[j].column))
                return err_set(e, ERR_USAGE,
                               "table '%s' puts runs that differ in more than the seed into row "
                               "'%s', column '%s': choose rows and columns, or 'where', that tell "
                               "them apart",
                               t->name, runs[i].row, runs[i].column);
        }
    return 0;
}

void table_fill_average(const struct table *t, struct table_row *row)
{
    struct table_cell *average = &row->cells[t->n_columns];
    double sum[METRICS] = {0};
    for (size_t c = t->averaged; c < t->n_columns; c++) {
        average->wanted++;
        average->present += cell_complete(&row->cells[c]);
        for (int m = 0; m < METRICS; m++)
            sum[m] += row->cells[c].value[m].stats.mean;
    }
    for (int m = 0; m < METRICS; m++)
        average->value[m].stats = (struct stats){0, NAN, NAN};
    if (!cell_complete(average))
        return;
    for (int m = 0; m < METRICS; m++)
        average->value[m].stats = (struct stats){1, sum[m] / (double)average->wanted, NAN};
    average->value[METRIC_H].stats.mean = stats_harmonic(average->value[METRIC_BASE].stats.mean,
                                                         average->value[METRIC_NEW].stats.mean);
}

/* ---- ranks ---- */

static void rank_cells(struct table *t, size_t c, int m)
{
    double best = -1, second = -1;
    size_t complete = 0;
    for (size_t r = 0; r < t->n_ours; r++) {
        const struct table_cell *cell = &t->rows[r].cells[c];
        if (!cell_complete(cell))
            continue;
        double value = table_rounded(t, cell->value[m].stats.mean);
        complete++;
        if (value > best) {
            second = best;
            best = value;
        } else if (value < best && value > second) {
            second = value;
        }
    }
    for (size_t r = 0; r < t->n_ours && complete > 1; r++) {
        struct table_cell *cell = &t->rows[r].cells[c];
        double value = table_rounded(t, cell->value[m].stats.mean);
        if (cell_complete(cell))
            cell->value[m].rank = value == best ? 1 : value == second ? 2 : 0;
    }
}

/* ---- where the numbers come from ---- */

static void add_revision(struct table *t, const struct store_state *state)
{
    size_t i;
    json_t *known,
        *revision = json_pack("{s:s, s:b}", "commit", state->commit, "dirty", state->dirty);
    json_array_foreach(t->revisions, i, known)
    {
        if (json_equal(known, revision)) {
            json_decref(revision);
            return;
        }
    }
    json_array_append_new(t->revisions, revision);
}

static void add_failure(struct table *t, const struct table_run *run,
                        const struct store_state *state)
{
    json_array_append_new(t->failed, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "run", run->run,
                                               "row", run->row, "column", run->column, "seed",
                                               run->seed, "state", state->state, "reason",
                                               state->reason ? state->reason : state->class_));
}

static int read_origins(struct table *t, struct store *store, const struct table_run *runs,
                        size_t n, struct err *e)
{
    json_t *seen = json_object(); // a run may stand in several cells: zero-shot beside every shot
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct store_state state = {0};
        if (*runs[i].run && json_object_get(seen, runs[i].run))
            continue;
        t->runs++;
        if (!store || !*runs[i].run)
            continue;
        json_object_set_new(seen, runs[i].run, json_true());
        rc = store_state(store, runs[i].run, &state, e);
        if (rc < 0)
            break;
        if (str_eq(state.state, "done")) {
            t->done++;
            add_revision(t, &state);
        } else if (*state.state && !str_eq(state.state, "running")) {
            add_failure(t, &runs[i], &state);
        }
        store_state_release(&state);
    }
    json_decref(seen);
    return rc;
}

/* The value all runs share, or NULL. */
static char *common(const struct table_run *runs, size_t n, size_t offset)
{
    const char *first = n ? *(const char *const *)((const char *)&runs[0] + offset) : NULL;
    for (size_t i = 1; i < n; i++)
        if (!str_eq(first, *(const char *const *)((const char *)&runs[i] + offset)))
            return NULL;
    return dup_or_null(first);
}

int table_build(struct table **out, struct store *store, const struct table_run *runs, size_t n,
                const struct table_options *options, struct err *e)
{
    struct table *t = mem_zero(1, sizeof *t);
    t->name = mem_strdup(options->name);
    t->title = mem_strdup(options->title ? options->title : options->name);
    t->protocol = common(runs, n, offsetof(struct table_run, protocol));
    t->backbone = common(runs, n, offsetof(struct table_run, backbone));
    t->source = common(runs, n, offsetof(struct table_run, source));
    t->store = store ? mem_strdup(store_path(store)) : NULL;
    t->revisions = json_array();
    t->failed = json_array();
    int rc = read_metrics(t, options->metrics, e);
    if (rc == 0)
        rc = check_cells(t, runs, n, e);
    if (rc < 0)
        goto out;
    lay_out(t, runs, n);
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t c = 0; c < t->n_columns; c++) {
            rc = fill_cell(t, r, c, store, runs, n, e);
            if (rc < 0)
                goto out;
        }
        if (t->average)
            table_fill_average(t, &t->rows[r]);
    }
    rc = read_origins(t, store, runs, n, e);
    if (rc == 0 && options->against_published)
        rc = table_add_published(t, options->published_folder, e);
    t->decimals = t->baselines && !t->note ? 2 : 1; // published tables have two
    for (size_t c = 0; c < table_cells(t); c++)
        for (size_t k = 0; k < t->n_metrics; k++)
            rank_cells(t, c, t->metrics[k]);
out:
    if (rc < 0) {
        table_free(t);
        t = NULL;
    }
    *out = t;
    return rc;
}

void table_row_release(const struct table *t, struct table_row *row)
{
    for (size_t c = 0; row->cells && c < table_cells(t); c++) {
        free(row->cells[c].dataset);
        for (int m = 0; m < METRICS; m++)
            free(row->cells[c].published[m]);
    }
    free(row->cells);
    free(row->label);
    free(row->method);
    free(row->published);
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t r = 0; r < t->n_rows; r++)
        table_row_release(t, &t->rows[r]);
    for (size_t c = 0; c < t->n_columns; c++)
        free(t->columns[c]);
    if (t->baselines)
        baselines_release(t->baselines);
    free(t->baselines);
    free(t->columns);
    free(t->rows);
    free(t->name);
    free(t->title);
    free(t->protocol);
    free(t->backbone);
    free(t->source);
    free(t->store);
    free(t->note);
    json_decref(t->revisions);
    json_decref(t->failed);
    free(t);
}
