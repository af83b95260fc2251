/*
 * A table as a grid of texts: which label stands where, what a cell says when runs are missing,
 * which source a number has. Text and markdown only set these texts.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct grid_cell *at(const struct print_grid *g, size_t row, size_t column)
{
    return &g->cells[row * g->n_columns + column];
}

static void set_text(struct grid_cell *cell, const char *text)
{
    free(cell->text);
    cell->text = mem_strdup(text);
}

static void set_part(const struct table *t, struct grid_cell *cell, double mean, double std,
                     int rank)
{
    struct grid_part *part = &cell->parts[cell->n_parts++];
    table_decimal(t, mean, "", part->mean, sizeof part->mean);
    if (!isnan(std))
        table_decimal(t, std, "±", part->std, sizeof part->std);
    part->rank = rank;
}

/* Ours: numbers, then "(2/3)" when runs are missing; "0/3" when all are; "4/5 columns" for an
 * Average that cannot be. */
static void fill_ours(const struct table *t, struct grid_cell *out, const struct table_cell *cell,
                      bool average)
{
    char text[64] = "";
    bool complete = cell_complete(cell);
    if (cell->wanted == 0)
        return;
    for (size_t k = 0; k < t->n_metrics && cell->present && (complete || !average); k++) {
        const struct table_value *v = &cell->value[t->metrics[k]];
        // H of one table cell has no spread of its own to show beside base and new
        bool spread = t->metrics[k] != METRIC_H || t->n_metrics == 1;
        set_part(t, out, v->stats.mean, spread ? v->stats.std : NAN, v->rank);
    }
    if (!complete && average)
        snprintf(text, sizeof text, "%zu/%zu columns", cell->present, cell->wanted);
    else if (!complete)
        snprintf(text, sizeof text, cell->present ? "(%zu/%zu)" : "%zu/%zu", cell->present,
                 cell->wanted);
    set_text(out, text);
}

static void fill_published(const struct table *t, struct grid_cell *out,
                           const struct table_cell *cell)
{
    size_t known = 0;
    for (size_t k = 0; k < t->n_metrics; k++)
        known += cell->n_published[t->metrics[k]] > 0;
    if (known < t->n_metrics) {
        set_text(out, "-");
        return;
    }
    for (size_t k = 0; k < t->n_metrics; k++)
        set_part(t, out, cell->published[t->metrics[k]][0].value, NAN, 0);
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

/* "KgCoOp [2][3]": every source of the row's numbers once, in order of appearance. */
static void label_published(struct print_grid *g, const struct table *t, const char *label,
                            const struct table_row *row, struct grid_cell *out)
{
    struct str text = STR_INIT;
    bool said[64] = {false};
    str_addf(&text, "%s ", label);
    for (size_t c = 0; c < table_cells(t); c++)
        for (size_t k = 0; k < t->n_metrics; k++) {
            int m = t->metrics[k];
            if (!row->cells[c].n_published[m])
                continue;
            size_t number = source_number(g, row->cells[c].published[m][0].source);
            if (number < 64 && !said[number])
                str_addf(&text, "[%zu]", number);
            said[number < 64 ? number : 0] = true;
        }
    set_text(out, text.data);
    str_release(&text);
}

static bool has_published(const struct table *t, const struct table_row *row)
{
    for (size_t c = 0; c < table_cells(t); c++)
        if (row->cells[c].n_published[t->metrics[0]])
            return true;
    return false;
}

static void add_row(struct print_grid *g, const struct table *t, size_t r, bool published)
{
    const struct table_row *row = &t->rows[r];
    size_t y = g->n_rows++;
    if (!published) {
        set_text(at(g, y, 0), row->label);
    } else if (r < t->n_ours) {
        char *label = str_format("%s, published", row->published);
        label_published(g, t, label, row, at(g, y, 0));
        free(label);
    } else {
        label_published(g, t, row->label, row, at(g, y, 0));
    }
    for (size_t c = 0; c < table_cells(t); c++)
        if (published)
            fill_published(t, at(g, y, c + 1), &row->cells[c]);
        else
            fill_ours(t, at(g, y, c + 1), &row->cells[c], c == t->n_columns);
}

static void transpose(struct print_grid *g)
{
    struct grid_cell *turned = mem_zero(g->n_rows * g->n_columns, sizeof *turned);
    for (size_t r = 0; r < g->n_rows; r++)
        for (size_t c = 0; c < g->n_columns; c++)
            turned[c * g->n_rows + r] = *at(g, r, c);
    free(g->cells);
    g->cells = turned;
    size_t rows = g->n_rows;
    g->n_rows = g->n_columns;
    g->n_columns = rows;
    g->rule = 0;
}

void print_grid_init(struct print_grid *g, const struct table *t)
{
    memset(g, 0, sizeof *g);
    g->n_columns = 1 + table_cells(t);
    size_t most = 1 + 2 * t->n_rows; // each of our rows may have a published one below it
    g->cells = mem_zero(most * g->n_columns, sizeof *g->cells);
    for (size_t i = 0; i < most * g->n_columns; i++)
        g->cells[i].text = mem_strdup("");
    g->n_rows = 1;
    for (size_t c = 0; c < t->n_columns; c++)
        set_text(at(g, 0, c + 1), t->columns[c]);
    if (t->average)
        set_text(at(g, 0, t->n_columns + 1), "Average");
    for (size_t r = 0; r < t->n_rows; r++) {
        if (r == t->n_ours)
            g->rule = g->n_rows;
        add_row(g, t, r, r >= t->n_ours);
        if (r < t->n_ours && has_published(t, &t->rows[r]))
            add_row(g, t, r, true);
    }
    for (size_t i = g->n_rows * g->n_columns; i < most * g->n_columns; i++)
        free(g->cells[i].text);
    if (t->transposed)
        transpose(g);
}

void print_grid_release(struct print_grid *g)
{
    for (size_t i = 0; i < g->n_rows * g->n_columns; i++)
        free(g->cells[i].text);
    free(g->cells);
    free(g->sources);
}
