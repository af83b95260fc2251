/* What orders and compares rows: the sort, ranks, differences from a baseline row. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sort ---- */

/* A row beside what it is sorted by. */
struct sorted {
    struct table_row row;
    size_t place; // before: keeps equal ones, and groups, in order
    size_t group;
    double value; // -INFINITY: not complete, last
};

static int by_value(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->group != y->group)
        return (x->group > y->group) - (x->group < y->group);
    if (x->value != y->value)
        return (x->value < y->value) - (x->value > y->value);
    return (x->place > y->place) - (x->place < y->place);
}

static int by_label(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->group != y->group)
        return (x->group > y->group) - (x->group < y->group);
    int order = strcmp(x->row.label, y->row.label);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static int find_metric(const struct table *t, const char *name, int *out, struct err *e)
{
    struct str known = STR_INIT;
    for (size_t k = 0; k < t->n_metrics; k++) {
        *out = t->metrics[k];
        if (str_eq(table_metrics[*out].name, name)) {
            str_release(&known);
            return 0;
        }
        str_addf(&known, "%s'%s'", k ? ", " : "", table_metrics[*out].name);
    }
    err_set(e, ERR_USAGE, "table '%s' does not show '%s'; it shows %s", t->name, name, known.data);
    str_release(&known);
    return e->code;
}

static int find_column(const struct table *t, const char *label, size_t *out, struct err *e)
{
    for (*out = 0; *out < table_cells(t); ++*out)
        if (str_eq(table_column(t, *out), label))
            return 0;
    const char **labels = mem_alloc(table_cells(t) + 1, sizeof *labels);
    for (size_t c = 0; c < table_cells(t); c++)
        labels[c] = table_column(t, c);
    const char *near = str_nearest(label, labels, table_cells(t), sizeof *labels);
    free(labels);
    return err_set(e, ERR_USAGE, "table '%s' has no column '%s'%s%s%s", t->name, label,
                   near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* "COLUMN:METRIC"; without a metric the last one, which is H where there is one. */
static int read_sort(const struct table *t, const char *by, size_t *column, int *metric,
                     struct err *e)
{
    const char *colon = strrchr(by, ':');
    *metric = t->metrics[t->n_metrics - 1];
    char *label = colon ? mem_strndup(by, (size_t)(colon - by)) : mem_strdup(by);
    int rc = colon ? find_metric(t, colon + 1, metric, e) : 0;
    if (rc == 0)
        rc = find_column(t, label, column, e);
    free(label);
    return rc;
}

int table_sort(struct table *t, const char *by, struct err *e)
{
    size_t column = 0, group = 0;
    int metric = 0;
    bool labels = str_eq(by, "row");
    int rc = labels ? 0 : read_sort(t, by, &column, &metric, e);
    if (rc < 0)
        return rc;
    struct sorted *rows = mem_alloc(t->n_ours + 1, sizeof *rows);
    for (size_t r = 0; r < t->n_ours; r++) {
        const struct table_cell *cell = &t->rows[r].cells[column];
        double value = cell->value[metric].stats.mean;
        bool known = cell_complete(cell) && !isnan(value);
        group += r && !str_eq(t->rows[r].group, t->rows[r - 1].group);
        rows[r] = (struct sorted){t->rows[r], r, group, known ? value : -INFINITY};
    }
    qsort(rows, t->n_ours, sizeof *rows, labels ? by_label : by_value);
    for (size_t r = 0; r < t->n_ours; r++)
        t->rows[r] = rows[r].row;
    free(rows);
    return 0;
}

/* ---- ranks ---- */

static bool is_ranked(const struct table_cell *cell, int m)
{
    return cell_complete(cell) && !isnan(cell->value[m].stats.mean);
}

/* Rows first..last-1, a group. */
static void rank_cells(struct table *t, size_t first, size_t last, size_t c, int m)
{
    double best = -1, second = -1;
    size_t complete = 0;
    for (size_t r = first; r < last; r++) {
        const struct table_cell *cell = &t->rows[r].cells[c];
        if (!is_ranked(cell, m))
            continue;
        double value = table_rounded(t, m, cell->value[m].stats.mean);
        complete++;
        if (value > best) {
            second = best;
            best = value;
        } else if (value < best && value > second) {
            second = value;
        }
    }
    for (size_t r = first; r < last && complete > 1; r++) {
        struct table_cell *cell = &t->rows[r].cells[c];
        if (!is_ranked(cell, m))
            continue;
        double value = table_rounded(t, m, cell->value[m].stats.mean);
        cell->value[m].rank = value == best ? 1 : value == second ? 2 : 0;
    }
}

void table_rank(struct table *t)
{
    for (size_t first = 0, last; first < t->n_ours; first = last) {
        for (last = first + 1;
             last < t->n_ours && str_eq(t->rows[last].group, t->rows[first].group);)
            last++;
        for (size_t c = 0; c < table_cells(t); c++)
            for (size_t k = 0; k < t->n_metrics; k++)
                if (table_metrics[t->metrics[k]].ranked)
                    rank_cells(t, first, last, c, t->metrics[k]);
    }
}

/* ---- differences ---- */

static bool is_named(const struct table_row *row, const char *name, bool by_method)
{
    return str_eq(by_method ? row->method : row->label, name);
}

/* The baseline of row `r`: the one of this name in its group, or the only one of the table. */
static const struct table_row *find_baseline(const struct table *t, size_t r, const char *name,
                                             bool by_method, bool *several)
{
    const struct table_row *here = NULL, *only = NULL;
    size_t n_here = 0, n = 0;
    for (size_t i = 0; i < t->n_ours; i++) {
        if (!is_named(&t->rows[i], name, by_method))
            continue;
        only = &t->rows[i];
        n++;
        if (str_eq(t->rows[i].group, t->rows[r].group)) {
            here = &t->rows[i];
            n_here++;
        }
    }
    *several = n_here > 1 || (n_here == 0 && n > 1);
    return n_here ? here : only;
}

static void compare_rows(const struct table *t, struct table_row *row,
                         const struct table_row *baseline)
{
    for (size_t c = 0; c < table_cells(t); c++) {
        const struct table_cell *from = &baseline->cells[c];
        struct table_cell *cell = &row->cells[c];
        for (int m = 0; m < METRICS && cell_complete(cell) && cell_complete(from); m++)
            cell->value[m].delta = cell->value[m].stats.mean - from->value[m].stats.mean;
    }
}

static int unknown_row(const struct table *t, const char *name, struct err *e)
{
    struct str rows = STR_INIT;
    for (size_t r = 0; r < t->n_ours; r++)
        str_addf(&rows, "%s'%s'", r ? ", " : "", t->rows[r].label);
    err_set(e, ERR_USAGE, "table '%s' has no row '%s'; its rows are %s", t->name, name, rows.data);
    str_release(&rows);
    return e->code;
}

int table_find_row(const struct table *t, const char *name, size_t *out, struct err *e)
{
    enum { BY_LABEL, BY_GROUP, BY_METHOD, WAYS };
    for (int way = 0; way < WAYS; way++) {
        size_t found = 0;
        for (size_t r = 0; r < t->n_ours; r++) {
            const struct table_row *row = &t->rows[r];
            char *full = str_format("%s: %s", row->group ? row->group : "", row->label);
            const char *const names[] = {row->label, full, row->method};
            if (str_eq(names[way], name)) {
                *out = r;
                found++;
            }
            free(full);
        }
        if (found == 1)
            return 0;
        if (found > 1)
            return err_set(
                e, ERR_USAGE, "%zu rows of table '%s' answer to '%s': name one of them%s", found,
                t->name, name, way == BY_LABEL ? " with its heading, as 'HEADING: ROW'" : "");
    }
    return unknown_row(t, name, e);
}

int table_compare(struct table *t, const char *name, struct err *e)
{
    bool by_method = true, known = false, several;
    for (size_t r = 0; r < t->n_ours; r++) {
        by_method &= !is_named(&t->rows[r], name, false);
        known |= is_named(&t->rows[r], name, false) || is_named(&t->rows[r], name, true);
    }
    if (!known)
        return unknown_row(t, name, e);
    for (size_t r = 0; r < table_first_published(t); r++) {
        const struct table_row *baseline = find_baseline(t, r, name, by_method, &several);
        if (several)
            return err_set(e, ERR_USAGE,
                           "several rows of table '%s' are of method '%s': name one of them",
                           t->name, name);
        t->rows[baseline - t->rows].is_baseline = true;
        if (baseline != &t->rows[r])
            compare_rows(t, &t->rows[r], baseline);
        if (!t->baseline)
            t->baseline = mem_strdup(baseline->label);
    }
    return 0;
}
