/* A table as Markdown and as CSV. Names are data: each format escapes them in one place. */
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Markdown ---- */

/* Text that Markdown shows as it is: marks escaped, HTML as entities, newlines visible. */
static void put_markdown(struct str *out, const char *text)
{
    char *visible = str_visible(text);
    for (const char *c = visible; *c; c++) {
        if (*c == '&')
            str_add(out, "&amp;");
        else if (*c == '<')
            str_add(out, "&lt;");
        else if (*c == '>')
            str_add(out, "&gt;");
        else if (strchr("\\`*_|[]#~", *c))
            str_addf(out, "\\%c", *c);
        else
            str_addc(out, *c);
    }
    free(visible);
}

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
    put_markdown(out, cell->text);
}

void export_markdown(const struct table *t, struct str *out)
{
    struct print_grid g;
    struct str words = STR_INIT;
    print_grid_init(&g, t);
    str_add(out, "### ");
    put_markdown(out, t->title);
    str_add(out, "\n\n");
    table_subtitle(t, &words);
    put_markdown(out, words.data);
    str_add(out, "\n\n");
    for (size_t r = 0; r < g.n_rows; r++) {
        for (size_t c = 0; c < g.n_columns; c++) {
            str_add(out, c ? " | " : "| ");
            put_markdown_cell(out, &g.cells[r * g.n_columns + c]);
        }
        str_add(out, " |\n");
        for (size_t c = 0; r == 0 && c < g.n_columns; c++)
            str_add(out, c + 1 < g.n_columns ? "| --- " : "| --- |\n");
    }
    str_addc(out, '\n');
    for (size_t i = 0; i < g.n_sources; i++) {
        str_addf(out, "\\[%zu\\] ", i + 1);
        put_markdown(out, g.sources[i]);
        str_add(out, "  \n");
    }
    str_clear(&words);
    table_caption(t, &words);
    str_addc(&words, '\n');
    table_provenance(t, &words);
    for (char *line = words.data, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = 0;
        put_markdown(out, line);
        str_add(out, "  \n");
    }
    str_release(&words);
    print_grid_release(&g);
}

/* ---- CSV ---- */

/* One field: RFC 4180 quotes, and a ' before what a spreadsheet would take for a formula. */
static void put_field(struct str *out, const char *text)
{
    bool formula = *text && strchr("=+-@\t\r", *text);
    bool quote = formula || text[strcspn(text, "\",\r\n")];
    str_add(out, quote ? "\"" : "");
    str_add(out, formula ? "'" : "");
    for (; *text; text++)
        str_addf(out, *text == '"' ? "\"%c" : "%c", *text);
    str_add(out, quote ? "\"" : "");
}

static void put_number(struct str *out, double value)
{
    if (!isnan(value))
        str_addf(out, "%.4f", value);
}

static void put_names(struct str *out, const struct table *t, const char *row, const char *method,
                      const char *column, int m)
{
    const char *const names[] = {t->name, row, method, column, table_metrics[m].name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        put_field(out, names[i]);
        str_addc(out, ',');
    }
}

static void put_ours(struct str *out, const struct table *t, const struct table_row *row,
                     const char *column, const struct table_cell *cell, int m)
{
    if (!cell->wanted)
        return;
    put_names(out, t, row->label, row->method, column, m);
    put_number(out, cell->value[m].stats.mean);
    str_addc(out, ',');
    put_number(out, cell->value[m].stats.std);
    str_addf(out, ",%zu,%zu,\n", cell->present, cell->wanted);
}

static void put_published(struct str *out, const struct table *t, const char *column,
                          const struct table_cell *cell, int m)
{
    if (!cell->n_published[m])
        return;
    const struct table_published *p = &cell->published[m][0];
    char *label = str_format("%s, published", p->method);
    put_names(out, t, label, p->method, column, m);
    put_number(out, p->value);
    str_add(out, ",,,,");
    put_field(out, p->source);
    str_addc(out, '\n');
    free(label);
}

void export_csv(const struct table *t, struct str *out)
{
    str_add(out, "table,row,method,column,metric,mean,std,n,wanted,source\n");
    for (size_t r = 0; r < t->n_rows; r++)
        for (int published = r >= t->n_ours; published < 2; published++)
            for (size_t c = 0; c < table_cells(t); c++)
                for (size_t k = 0; k < t->n_metrics; k++) {
                    const struct table_row *row = &t->rows[r];
                    const char *column = c == t->n_columns ? "Average" : t->columns[c];
                    if (published)
                        put_published(out, t, column, &row->cells[c], t->metrics[k]);
                    else
                        put_ours(out, t, row, column, &row->cells[c], t->metrics[k]);
                }
}
