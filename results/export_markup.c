/* A table as Markdown and as CSV. */
#include "core/base/str.h"
#include "results/escape.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Markdown ---- */

static const char *const rank_on[] = {"", "**", "<u>"}, *const rank_off[] = {"", "**", "</u>"};

static void put_markdown_cell(struct str *out, const struct grid_cell *cell)
{
    for (size_t k = 0; k < cell->n_parts; k++) {
        const struct grid_part *part = &cell->parts[k];
        str_addf(out, "%s%s%s%s%s", k ? " / " : "", rank_on[part->rank], part->mean, part->std,
                 rank_off[part->rank]);
    }
    if (cell->n_parts && *cell->text)
        str_addc(out, ' ');
    escape_markdown(out, cell->text);
    if (*cell->marks)
        str_addf(out, "<sup>%s</sup>", cell->marks);
}

static void put_markdown_line(struct str *out, const char *line)
{
    escape_markdown(out, line);
    str_add(out, "  \n");
}

static void put_grid(const struct print_grid *g, struct str *out)
{
    for (size_t r = 0; r < g->n_rows; r++) {
        for (size_t c = 0; c < g->n_columns; c++) {
            const struct grid_cell *cell = grid_at(g, r, c);
            bool heading = !c && grid_kind(g, r, c) == GRID_HEADING;
            str_add(out, c ? " | " : "| ");
            str_add(out, heading ? "*" : "");
            put_markdown_cell(out, cell);
            str_add(out, heading ? "*" : "");
        }
        str_add(out, " |\n");
        for (size_t c = 0; r == 0 && c < g->n_columns; c++)
            str_add(out, c + 1 < g->n_columns ? "| --- " : "| --- |\n");
    }
}

void export_markdown(const struct table *t, struct str *out)
{
    struct print_grid g;
    struct str words = STR_INIT;
    print_grid_init(&g, t);
    str_add(out, "### ");
    escape_markdown(out, t->title);
    str_add(out, "\n\n");
    table_subtitle(t, &words);
    escape_markdown(out, words.data);
    str_add(out, "\n\n");
    put_grid(&g, out);
    str_addc(out, '\n');
    for (size_t i = 0; i < g.n_sources; i++) {
        str_addf(out, "\\[%zu\\] ", i + 1);
        put_markdown_line(out, g.sources[i]);
    }
    for (size_t i = 0; i < t->n_marks; i++) {
        char name[16];
        table_mark_name(i, name);
        str_addf(out, "<sup>%s</sup> ", name);
        put_markdown_line(out, t->marks[i]);
    }
    str_clear(&words);
    table_caption(t, &words);
    put_markdown_line(out, words.data);
    str_clear(&words);
    table_verdicts(t, &words);
    table_provenance(t, &words);
    export_lines(words.data, out, put_markdown_line);
    str_release(&words);
    print_grid_release(&g);
}

/* ---- CSV ---- */

static void put_field(struct str *out, const char *text)
{
    escape_csv(out, text);
    str_addc(out, ',');
}

static void put_number(struct str *out, double value)
{
    if (!isnan(value))
        str_addf(out, "%.4f", value);
    str_addc(out, ',');
}

static void put_names(struct str *out, const struct table *t, const char *row, const char *method,
                      const char *column, int m)
{
    const char *const names[] = {t->name, row, method, column, table_metrics[m].name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put_field(out, names[i]);
}

static void put_marks(struct str *out, const struct table_cell *cell)
{
    for (size_t i = 0; i < cell->n_marks; i++) {
        char name[16];
        table_mark_name(cell->marks[i], name);
        str_addf(out, "%s%s", i ? " " : "", name);
    }
    str_addc(out, ',');
}

/* Each code once, "commit+changed"; then each done run. */
static void put_origins(struct str *out, const struct table *t, const struct table_cell *cell)
{
    struct str codes = STR_INIT;
    for (size_t k = 0; k < t->n_codes; k++)
        for (size_t i = 0; cell->origins && i < cell->wanted; i++)
            if (cell->origins[i].code == k) {
                const struct store_code *code = &t->codes[k].code;
                str_addf(&codes, "%s%s%s", codes.size ? " " : "",
                         *code->commit ? code->commit : "none", code->dirty ? "+changed" : "");
                break;
            }
    put_field(out, codes.data);
    str_clear(&codes);
    for (size_t i = 0; cell->origins && i < cell->wanted; i++)
        if (origin_done(&cell->origins[i]))
            str_addf(&codes, "%s%s", codes.size ? " " : "", cell->origins[i].run);
    put_field(out, codes.data);
    str_release(&codes);
}

static void put_end(struct str *out, const struct table *t)
{
    put_field(out, t->recipe_sha256 ? t->recipe_sha256 : "");
    escape_csv(out, t->command ? t->command : "");
    str_addc(out, '\n');
}

static void put_ours(struct str *out, const struct table *t, const struct table_row *row,
                     const char *column, const struct table_cell *cell, int m)
{
    const struct table_value *v = &cell->value[m];
    const char *verdict = verdict_names[v->verdict];
    if (!cell->wanted)
        return;
    put_names(out, t, row->label, row->method, column, m);
    put_number(out, v->stats.mean);
    put_number(out, v->stats.std);
    str_addf(out, "%zu,%zu,,", cell->present, cell->wanted);
    put_field(out, row->group ? row->group : "");
    put_number(out, stats_t_half(&v->stats, 0.95));
    put_number(out, v->delta);
    put_field(out, verdict ? verdict : "");
    put_number(out, v->difference);
    put_marks(out, cell);
    put_origins(out, t, cell);
    put_end(out, t);
}

static void put_published(struct str *out, const struct table *t, const char *column,
                          const struct table_published *p, int m)
{
    char *label = str_format("%s, published", p->method);
    put_names(out, t, label, p->method, column, m);
    put_number(out, p->value);
    str_add(out, ",,,");
    put_field(out, p->source);
    str_add(out, ",,,,,,,,");
    put_end(out, t);
    free(label);
}

void export_csv_open(struct str *out)
{
    str_add(out, "table,row,method,column,metric,mean,std,n,wanted,source,group,interval,delta,"
                 "verdict,difference,marks,code,runs,recipe_sha256,command\n");
}

void export_csv(const struct table *t, struct str *out)
{
    for (size_t r = 0; r < t->n_rows; r++)
        for (int published = r >= table_first_published(t); published < 2; published++)
            for (size_t c = 0; c < table_cells(t); c++)
                for (size_t k = 0; k < t->n_metrics; k++) {
                    const struct table_row *row = &t->rows[r];
                    const struct table_cell *cell = &row->cells[c];
                    int m = t->metrics[k];
                    if (!published)
                        put_ours(out, t, row, table_column(t, c), cell, m);
                    for (size_t i = 0; published && i < cell->n_published[m]; i++)
                        put_published(out, t, table_column(t, c), &cell->published[m][i], m);
                }
}
