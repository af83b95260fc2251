/*
 * Rows, columns and cells: where each wanted run stands, what the store has of it, statistics over
 * the seeds of a cell.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the runs stand while the table is built. */
struct layout {
    const struct table_run *runs;
    size_t n;
    size_t *row, *column; // (n)
};

static bool all_are(const struct table_run *runs, size_t n, bool rows)
{
    for (size_t i = 0; i < n; i++)
        if (!str_eq(rows ? runs[i].row : runs[i].column, runs[i].dataset))
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

static char *dup_or_null(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

/* The number of `key` among those seen, in order of appearance; *is_new: this is the first one. */
static size_t number_of(json_t *seen, const char *key, bool *is_new)
{
    const json_t *known = json_object_get(seen, key);
    *is_new = !known;
    if (known)
        return (size_t)json_integer_value(known);
    json_object_set_new_nocheck(seen, key, json_integer((json_int_t)json_object_size(seen)));
    return json_object_size(seen) - 1;
}

static void lay_out_columns(struct table *t, struct layout *l)
{
    json_t *seen = json_object();
    size_t capacity = 0;
    bool is_new;
    for (size_t i = 0; i < l->n; i++) {
        const char *label = column_of(t, &l->runs[i]);
        l->column[i] = number_of(seen, label, &is_new);
        BUG_IF(is_new && l->runs[i].imported); // they stand beside ours, after them
        if (is_new)
            MEM_PUSH(t->columns, t->n_columns, capacity) = mem_strdup(label);
    }
    json_decref(seen);
}

/* The rows of ours, or of imported runs. */
static void lay_out_kind(struct table *t, struct layout *l, json_t *groups, json_t *seen,
                         bool imported)
{
    bool is_new;
    for (size_t g = 0; g < json_object_size(groups); g++)
        for (size_t i = 0; i < l->n; i++) {
            const struct table_run *run = &l->runs[i];
            const char *group = run->group ? run->group : "";
            if (run->imported != imported || number_of(groups, group, &is_new) != g)
                continue;
            char *key = str_format("%d\x1f%s\x1f%s", imported, group, row_of(t, run));
            l->row[i] = number_of(seen, key, &is_new);
            if (is_new)
                MEM_PUSH(t->rows, t->n_rows, t->rows_capacity) = (struct table_row){
                    .group = dup_or_null(run->group),
                    .label = mem_strdup(row_of(t, run)),
                    .method = mem_strdup(run->method),
                    .published = dup_or_null(run->published),
                };
            free(key);
        }
}

/* Rows of a group stand together, in the order in which groups appear; imported ones after ours. */
static void lay_out_rows(struct table *t, struct layout *l)
{
    json_t *groups = json_object(), *seen = json_object();
    bool is_new;
    for (size_t i = 0; i < l->n; i++)
        number_of(groups, l->runs[i].group ? l->runs[i].group : "", &is_new);
    lay_out_kind(t, l, groups, seen, false);
    t->n_ours = t->n_rows;
    lay_out_kind(t, l, groups, seen, true);
    t->n_imported = t->n_rows - t->n_ours;
    json_decref(groups);
    json_decref(seen);
}

/* The source's column comes first and is not averaged. Runs of several sources have no Average. */
static void place_source(struct table *t, struct layout *l)
{
    bool datasets = t->transposed || all_are(l->runs, l->n, false), several = false;
    for (size_t i = 0; i < l->n; i++) {
        several |= l->runs[i].source && !t->source;
        if (!datasets || !t->source || !l->runs[i].on_source || t->averaged)
            continue;
        size_t at = l->column[i];
        char *label = t->columns[at];
        memmove(t->columns + 1, t->columns, at * sizeof *t->columns);
        t->columns[0] = label;
        t->averaged = 1;
        for (size_t k = 0; k < l->n; k++)
            l->column[k] = l->column[k] == at ? 0 : l->column[k] + (l->column[k] < at);
    }
    t->average = datasets && !several && t->n_columns > t->averaged + 1;
}

/* ---- what the store has ---- */

/* The index of a revision among the table's codes. */
static int find_code(struct table *t, struct store *store, long revision, size_t *out,
                     struct err *e)
{
    for (*out = 0; *out < t->n_codes; ++*out)
        if (t->codes[*out].revision == revision)
            return 0;
    struct table_code code = {.revision = revision};
    int rc = store_code(store, revision, &code.code, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < t->n_codes; i++) // another build of the same text
        if (str_eq(t->codes[i].code.commit, code.code.commit) &&
            str_eq(t->codes[i].code.diff, code.code.diff) && *code.code.commit)
            *out = i;
    if (*out == t->n_codes)
        MEM_PUSH(t->codes, t->n_codes, t->codes_capacity) = code;
    return 0;
}

static void take_values(struct table_origin *o, const struct store_result *r)
{
    for (int m = 0; m < METRICS; m++)
        for (size_t i = 0; i < r->n && table_metrics[m].split; i++)
            if (str_eq(r->metrics[i].split, table_metrics[m].split) &&
                str_eq(r->metrics[i].name, table_metrics[m].stored))
                o->values[m] = r->metrics[i].value;
    o->values[METRIC_H] = stats_harmonic(o->values[METRIC_BASE], o->values[METRIC_NEW]);
    if (o->parameters >= 0)
        o->values[METRIC_PARAMETERS] = (double)o->parameters;
    o->values[METRIC_TIME] = o->seconds = r->seconds;
    memcpy(o->device, r->device, sizeof o->device);
}

static void add_failure(struct table *t, const struct table_run *run, const struct table_origin *o)
{
    json_array_append_new(t->failed, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "run", run->run,
                                               "row", run->row, "column", run->column, "seed",
                                               run->seed, "state", o->state, "reason", o->reason));
}

static int read_origin(struct table *t, struct store *store, const struct table_run *run,
                       struct table_origin *o, struct err *e)
{
    struct store_result r;
    *(run->imported ? &t->imported : &t->runs) += 1;
    if (!store || !*run->run)
        return 0;
    int rc = store_result(store, run->run, &r, e);
    if (rc < 0)
        return rc;
    if (*r.state)
        o->state = mem_strdup(r.state);
    if (r.reason || *r.class_)
        o->reason = mem_strdup(r.reason ? r.reason : r.class_);
    if (str_eq(r.state, "done") && run->imported) {
        t->imported_done++;
        take_values(o, &r);
        o->values[METRIC_TIME] = NAN; // of reading the log
        o->code = ORIGIN_IMPORTED;
    } else if (str_eq(r.state, "done")) {
        t->done++;
        take_values(o, &r);
        rc = find_code(t, store, r.revision, &o->code, e);
    } else if (*r.state && !str_eq(r.state, "running")) {
        if (!o->reason)
            o->reason = mem_strdup("");
        add_failure(t, run, o);
    }
    store_result_release(&r);
    return rc;
}

/* A run that stands in several cells (zero-shot beside every shot) is read once. */
static void copy_origin(struct table_origin *to, const struct table_origin *from)
{
    *to = *from;
    to->run = mem_strdup(from->run);
    to->state = dup_or_null(from->state);
    to->reason = dup_or_null(from->reason);
}

/* ---- cells ---- */

/* Runs of a cell differ in the seed and in nothing else, or their mean would mean nothing. */
static int check_cell(const struct table *t, const struct table_run *run,
                      const struct table_run *first, const struct table_cell *cell, size_t n,
                      struct err *e)
{
    bool differ = first && (first->shots != run->shots || !str_eq(first->method, run->method) ||
                            !str_eq(first->dataset, run->dataset));
    for (size_t i = 0; i < n; i++)
        differ |= cell->origins[i].seed == run->seed;
    if (!differ)
        return 0;
    return err_set(e, ERR_USAGE,
                   "table '%s' puts runs that differ in more than the seed into row '%s', column "
                   "'%s': choose rows and columns, or 'where', that tell them apart",
                   t->name, run->row, run->column);
}

/* Each cell's origins, not read yet. */
static int place_runs(struct table *t, const struct layout *l, struct err *e)
{
    size_t n_cells = t->n_rows * t->n_columns;
    const struct table_run **first = mem_zero(n_cells + 1, sizeof *first);
    size_t *filled = mem_zero(n_cells + 1, sizeof *filled);
    int rc = 0;
    for (size_t i = 0; i < l->n; i++)
        t->rows[l->row[i]].cells[l->column[i]].wanted++;
    for (size_t i = 0; i < l->n && rc == 0; i++) {
        const struct table_run *run = &l->runs[i];
        struct table_cell *cell = &t->rows[l->row[i]].cells[l->column[i]];
        size_t at = l->row[i] * t->n_columns + l->column[i];
        if (!cell->origins) {
            cell->origins = mem_zero(cell->wanted, sizeof *cell->origins);
            cell->dataset = mem_strdup(run->dataset);
            cell->shots = run->shots;
        }
        rc = check_cell(t, run, first[at], cell, filled[at], e);
        first[at] = first[at] ? first[at] : run;
        struct table_origin *o = &cell->origins[filled[at]++];
        *o = (struct table_origin){.run = mem_strdup(run->run),
                                   .seed = run->seed,
                                   .parameters = run->parameters,
                                   .code = SIZE_MAX,
                                   .spec = run->spec};
        for (int m = 0; m < METRICS; m++)
            o->values[m] = NAN;
    }
    free(filled);
    free(first);
    return rc;
}

static int read_runs(struct table *t, struct store *store, const struct layout *l, struct err *e)
{
    json_t *seen = json_object(); // run -> its number among the origins that were read
    const struct table_origin **read = mem_alloc(l->n + 1, sizeof *read);
    size_t *filled = mem_zero(t->n_rows * t->n_columns + 1, sizeof *filled), n_read = 0;
    int rc = 0;
    for (size_t i = 0; i < l->n && rc == 0; i++) {
        size_t at = l->row[i] * t->n_columns + l->column[i];
        struct table_origin *o = &t->rows[l->row[i]].cells[l->column[i]].origins[filled[at]++];
        bool is_new = true;
        size_t number = *o->run ? number_of(seen, o->run, &is_new) : 0;
        if (is_new) {
            rc = read_origin(t, store, &l->runs[i], o, e);
            if (*o->run)
                read[n_read++] = o;
        } else {
            free(o->run);
            copy_origin(o, read[number]);
        }
    }
    json_decref(seen);
    free(filled);
    free(read);
    return rc;
}

static bool is_whole(const struct table *t, const struct table_origin *o)
{
    for (size_t k = 0; k < t->n_metrics; k++) {
        int m = t->metrics[k];
        bool result = table_metrics[m].split || m == METRIC_H;
        if (result ? isnan(o->values[m]) : !origin_done(o))
            return false;
    }
    return true;
}

static void fill_cell(const struct table *t, struct table_cell *cell)
{
    double *values = mem_alloc(cell->wanted + 1, sizeof *values);
    for (int m = 0; m < METRICS; m++) {
        size_t n = 0;
        for (size_t i = 0; i < cell->wanted; i++)
            if (is_whole(t, &cell->origins[i])) // with all of the table's metrics or not at all
                values[n++] = cell->origins[i].values[m];
        cell->present = n;
        cell->value[m] =
            (struct table_value){.stats = stats_of(values, n), .delta = NAN, .difference = NAN};
    }
    // H of a cell is that of its means, as published tables have it; its deviation is that of the
    // seeds' own H.
    cell->value[METRIC_H].stats.mean =
        stats_harmonic(cell->value[METRIC_BASE].stats.mean, cell->value[METRIC_NEW].stats.mean);
    free(values);
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
    bool whole = cell_complete(average);
    for (int m = 0; m < METRICS; m++) {
        double mean = whole ? sum[m] / (double)average->wanted : NAN;
        average->value[m] =
            (struct table_value){.stats = {whole, mean, NAN}, .delta = NAN, .difference = NAN};
    }
    if (!t->mean_of_h)
        average->value[METRIC_H].stats.mean = stats_harmonic(average->value[METRIC_BASE].stats.mean,
                                                             average->value[METRIC_NEW].stats.mean);
}

int table_fill(struct table *t, struct store *store, const struct table_run *runs, size_t n,
               struct err *e)
{
    struct layout l = {runs, n, mem_alloc(n + 1, sizeof *l.row), mem_alloc(n + 1, sizeof *l.row)};
    t->transposed = !all_are(runs, n, false) && all_are(runs, n, true);
    lay_out_columns(t, &l);
    lay_out_rows(t, &l);
    place_source(t, &l);
    for (size_t r = 0; r < t->n_rows; r++)
        t->rows[r].cells = mem_zero(table_cells(t), sizeof *t->rows[r].cells);
    int rc = place_runs(t, &l, e);
    if (rc == 0 && (rc = store_snapshot(store, n, e)) == 0) {
        rc = read_runs(t, store, &l, e);
        store_snapshot_end(store);
    }
    for (size_t r = 0; r < t->n_rows && rc == 0; r++) {
        for (size_t c = 0; c < t->n_columns; c++)
            fill_cell(t, &t->rows[r].cells[c]);
        if (t->average)
            table_fill_average(t, &t->rows[r]);
    }
    free(l.row);
    free(l.column);
    return rc;
}
