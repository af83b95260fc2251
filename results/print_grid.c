/*
 * A table as a grid of texts: which label stands where, what a cell says when runs are missing,
 * which source a number has, what a verdict looks like. Formats only set these texts.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_text(struct grid_cell *cell, const char *text)
{
    free(cell->text);
    cell->text = mem_strdup(text);
}

static struct grid_part *add_part(const struct table *t, struct grid_cell *cell, int m,
                                  double value, const char *prefix)
{
    struct grid_part *part = &cell->parts[cell->n_parts++];
    if (isnan(value))
        snprintf(part->mean, sizeof part->mean, "-");
    else
        table_decimal(t, m, value, prefix, part->mean, sizeof part->mean);
    return part;
}

/* "+1.2", with its sign also for colours; what prints as 0 has neither. */
static struct grid_part *add_difference(const struct table *t, struct grid_cell *cell, int m,
                                        double value)
{
    double printed = isnan(value) ? 0 : table_rounded(t, m, value);
    struct grid_part *part =
        add_part(t, cell, m, printed == 0 ? fabs(value) : value, printed > 0 ? "+" : "");
    part->sign = (printed > 0) - (printed < 0);
    return part;
}

/* Numbers of ours: a mean with its spread, or a difference from the baseline. */
static void add_ours(const struct table *t, struct grid_cell *out, const struct table_cell *cell,
                     int m, bool baseline)
{
    const struct table_value *v = &cell->value[m];
    if (t->baseline && !baseline) {
        add_difference(t, out, m, v->delta)->rank = v->rank;
        return;
    }
    struct grid_part *part = add_part(t, out, m, v->stats.mean, "");
    // H of one table cell has no spread of its own to show beside base and new; nor has a
    // number that training does not change
    bool spread = (m != METRIC_H || t->n_metrics == 1) && m != METRIC_PARAMETERS;
    double half = spread ? table_spread(t, &v->stats) : NAN;
    if (!isnan(half))
        table_decimal(t, m, half, "±", part->std, sizeof part->std);
    part->rank = v->rank;
}

static void set_marks(struct grid_cell *out, const struct table_cell *cell)
{
    struct str marks = STR_INIT;
    for (size_t i = 0; i < cell->n_marks; i++) {
        char name[16];
        table_mark_name(cell->marks[i], name);
        str_addf(&marks, "%s%s", i ? "," : "", name);
    }
    free(out->marks);
    out->marks = str_detach(&marks);
}

/* Ours: numbers, then "(2/3)" when runs are missing; "0/3" when all are; "4/5 columns" for an
 * Average that cannot be. */
static void fill_ours(const struct table *t, struct grid_cell *out, const struct table_row *row,
                      size_t c)
{
    const struct table_cell *cell = &row->cells[c];
    char text[64] = "";
    bool complete = cell_complete(cell), average = c == t->n_columns;
    out->of = cell;
    if (cell->wanted == 0)
        return;
    for (size_t k = 0; k < t->n_metrics && cell->present && (complete || !average); k++)
        add_ours(t, out, cell, t->metrics[k], row->is_baseline);
    if (!complete && average)
        snprintf(text, sizeof text, "%zu/%zu columns", cell->present, cell->wanted);
    else if (!complete)
        snprintf(text, sizeof text, cell->present ? "(%zu/%zu)" : "%zu/%zu", cell->present,
                 cell->wanted);
    set_text(out, text);
    set_marks(out, cell);
}

static void fill_values(const struct table *t, struct grid_cell *out, const double *values)
{
    size_t known = 0;
    for (size_t k = 0; k < t->n_metrics; k++)
        known += !isnan(values[t->metrics[k]]);
    for (size_t k = 0; k < t->n_metrics && known; k++)
        add_part(t, out, t->metrics[k], values[t->metrics[k]], "");
    if (!known)
        set_text(out, "-");
}

static void fill_published(const struct table *t, struct grid_cell *out,
                           const struct table_cell *cell)
{
    double values[METRICS];
    for (int m = 0; m < METRICS; m++)
        values[m] = cell->n_published[m] ? cell->published[m][0].value : NAN;
    fill_values(t, out, values);
}

static void fill_verdict(const struct table *t, struct grid_cell *out,
                         const struct table_cell *cell)
{
    for (size_t k = 0; k < t->n_metrics; k++) {
        int m = t->metrics[k];
        const struct table_value *v = &cell->value[m];
        if (v->verdict == VERDICT_HIGHER || v->verdict == VERDICT_LOWER)
            add_difference(t, out, m, v->difference);
        else
            snprintf(add_part(t, out, m, NAN, "")->mean, sizeof out->parts->mean, "%s",
                     v->verdict == VERDICT_REPRODUCED ? "=" : "-");
    }
}

/* ---- labels ---- */

static size_t source_number(struct print_grid *g, const char *source)
{
    for (size_t i = 0; i < g->n_sources; i++)
        if (str_eq(g->sources[i], source))
            return i + 1;
    MEM_PUSH(g->sources, g->n_sources, g->sources_capacity) = source;
    return g->n_sources;
}

/* "KgCoOp [2][3]": every source of the row's numbers once, in order of appearance, then those that
 * print the same. */
static void label_published(struct print_grid *g, const struct table *t, const char *label,
                            const struct table_row *row, struct grid_cell *out)
{
    struct str text = STR_INIT;
    json_t *said = json_object();
    str_addf(&text, "%s ", label);
    for (size_t c = 0; c < table_cells(t); c++)
        for (size_t k = 0; k < t->n_metrics; k++) {
            int m = t->metrics[k];
            const char *source =
                row->cells[c].n_published[m] ? row->cells[c].published[m][0].source : NULL;
            if (source && !json_object_get(said, source)) {
                str_addf(&text, "[%zu]", source_number(g, source));
                json_object_set_new_nocheck(said, source, json_true());
            }
        }
    for (size_t i = 0; i < row->n_listings; i++)
        if (row->listings[i].same && !json_object_get(said, row->listings[i].source)) {
            str_addf(&text, "[%zu]", source_number(g, row->listings[i].source));
            json_object_set_new_nocheck(said, row->listings[i].source, json_true());
        }
    set_text(out, text.data);
    json_decref(said);
    str_release(&text);
}

static bool has_published(const struct table *t, const struct table_row *row)
{
    for (size_t c = 0; c < table_cells(t); c++)
        for (size_t k = 0; k < t->n_metrics; k++)
            if (row->cells[c].n_published[t->metrics[k]])
                return true;
    return false;
}

static struct grid_cell *start_row(struct print_grid *g, enum grid_kind kind)
{
    g->kinds[g->n_rows] = kind;
    return grid_at(g, g->n_rows++, 0);
}

static void add_ours_row(struct print_grid *g, const struct table *t, const struct table_row *row,
                         enum grid_kind kind)
{
    struct grid_cell *cells = start_row(g, kind);
    char *label = row->group && t->turned ? str_format("%s: %s", row->group, row->label)
                  : row->group            ? str_format("  %s", row->label)
                                          : mem_strdup(row->label);
    set_text(cells, label);
    free(label);
    for (size_t c = 0; c < table_cells(t); c++)
        fill_ours(t, &cells[c + 1], row, c);
}

/* `number` in another source than the plain table's: -1 = the plain table's. */
static void add_published_row(struct print_grid *g, const struct table *t,
                              const struct table_row *row, const char *label, long number)
{
    struct grid_cell *cells = start_row(g, GRID_PUBLISHED);
    if (number < 0) {
        label_published(g, t, label, row, cells);
    } else {
        char *text = str_format("%s [%zu]", label, source_number(g, row->listings[number].source));
        set_text(cells, text);
        free(text);
    }
    for (size_t c = 0; c < table_cells(t); c++)
        if (number < 0)
            fill_published(t, &cells[c + 1], &row->cells[c]);
        else
            fill_values(t, &cells[c + 1], row->listings[number].values[c]);
}

/* Below a row of ours: its method's published numbers, the verdicts, other sources that differ. */
static void add_comparison(struct print_grid *g, const struct table *t, const struct table_row *row)
{
    char *label = str_format("%s, published", row->published);
    add_published_row(g, t, row, label, -1);
    free(label);
    if (t->verdicts) {
        struct grid_cell *cells = start_row(g, GRID_VERDICT);
        set_text(cells, "verdict");
        for (size_t c = 0; c < table_cells(t); c++)
            if (row->cells[c].wanted)
                fill_verdict(t, &cells[c + 1], &row->cells[c]);
    }
    label = str_format("%s, elsewhere", row->published);
    for (size_t i = 0; i < row->n_listings; i++)
        if (!row->listings[i].same)
            add_published_row(g, t, row, label, (long)i);
    free(label);
}

static void turn(struct print_grid *g)
{
    struct grid_cell *turned = mem_zero(g->n_rows * g->n_columns, sizeof *turned);
    for (size_t r = 0; r < g->n_rows; r++)
        for (size_t c = 0; c < g->n_columns; c++)
            turned[c * g->n_rows + r] = *grid_at(g, r, c);
    free(g->cells);
    g->cells = turned;
    size_t rows = g->n_rows;
    g->n_rows = g->n_columns;
    g->n_columns = rows;
    g->rule = 0;
}

static size_t most_rows(const struct table *t)
{
    size_t n = 1 + t->n_rows;
    for (size_t r = 0; r < table_first_published(t); r++)
        n += 3 + t->rows[r].n_listings; // heading, published, verdict
    return n;
}

void print_grid_init(struct print_grid *g, const struct table *t)
{
    memset(g, 0, sizeof *g);
    g->n_columns = 1 + table_cells(t);
    size_t most = most_rows(t);
    g->kinds = mem_zero(most, sizeof *g->kinds);
    g->cells = mem_zero(most * g->n_columns, sizeof *g->cells);
    for (size_t i = 0; i < most * g->n_columns; i++) {
        g->cells[i].text = mem_strdup("");
        g->cells[i].marks = mem_strdup("");
    }
    struct grid_cell *labels = start_row(g, GRID_LABELS);
    for (size_t c = 0; c < table_cells(t); c++)
        set_text(&labels[c + 1], table_column(t, c));
    for (size_t r = 0; r < t->n_rows; r++) {
        const struct table_row *row = &t->rows[r];
        bool ours = r < t->n_ours, published = r >= table_first_published(t);
        if (r == t->n_ours)
            g->rule = g->n_rows;
        if (!published && row->group && !t->turned &&
            (r == 0 || r == t->n_ours || !str_eq(row->group, row[-1].group)))
            set_text(start_row(g, GRID_HEADING), row->group);
        if (published) {
            add_published_row(g, t, row, row->label, -1);
            continue;
        }
        add_ours_row(g, t, row, ours ? GRID_OURS : GRID_IMPORTED);
        if (ours && has_published(t, row))
            add_comparison(g, t, row);
    }
    for (size_t i = g->n_rows * g->n_columns; i < most * g->n_columns; i++) {
        free(g->cells[i].text);
        free(g->cells[i].marks);
    }
    g->turned = t->turned;
    if (g->turned)
        turn(g);
}

void print_grid_release(struct print_grid *g)
{
    for (size_t i = 0; i < g->n_rows * g->n_columns; i++) {
        free(g->cells[i].text);
        free(g->cells[i].marks);
    }
    free(g->cells);
    free(g->kinds);
    free(g->sources);
}
