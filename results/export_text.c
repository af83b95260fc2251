/*
 * A table as text for a terminal or a file. Columns are as wide as they need to be; a table wider
 * than the terminal is cut into blocks of about equal size.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/escape.h"
#include "results/table_model.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2 }; // blanks between columns

/* Widths within a column, so that the numbers of a metric stand below each other. */
struct widths {
    size_t mean[METRICS], std[METRICS], text, all;
};

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct widths measure(const struct print_grid *g, size_t column)
{
    struct widths w = {0};
    size_t n_parts = 0, alone = 0;
    for (size_t r = 0; r < g->n_rows; r++) {
        const struct grid_cell *cell = grid_at(g, r, column);
        for (size_t k = 0; k < cell->n_parts; k++) {
            w.mean[k] = max(w.mean[k], str_columns(cell->parts[k].mean));
            w.std[k] = max(w.std[k], str_columns(cell->parts[k].std));
        }
        n_parts = max(n_parts, cell->n_parts);
        if (cell->n_parts)
            w.text = max(w.text, str_columns(cell->text));
        else
            alone = max(alone, str_columns(cell->text));
    }
    for (size_t k = 0; k < n_parts; k++)
        w.all += w.mean[k] + w.std[k] + (k ? strlen(" / ") : 0);
    w.all += w.text ? 1 + w.text : 0;
    w.all = max(w.all, alone);
    return w;
}

static void pad(struct str *out, size_t used, size_t width)
{
    str_pad(out, width > used ? width - used : 0, ' ');
}

/* Best is bold, second underlined, better green, worse red. */
static void put_number(struct str *out, const struct grid_part *part, bool ansi)
{
    static const char *const rank_on[] = {"", "\033[1m", "\033[4m"};
    static const char *const sign_on[] = {"\033[31m", "", "\033[32m"};
    bool marked = ansi && (part->rank || part->sign);
    if (marked)
        str_addf(out, "%s%s", rank_on[part->rank], sign_on[part->sign + 1]);
    str_addf(out, "%s%s%s", part->mean, part->std, marked ? "\033[0m" : "");
}

/* `cell` in `w.all` columns. */
static void put_cell(struct str *out, const struct grid_cell *cell, const struct widths *w,
                     bool ansi)
{
    size_t used = 0;
    for (size_t k = 0; k < cell->n_parts; k++) {
        const struct grid_part *part = &cell->parts[k];
        str_add(out, k ? " / " : "");
        pad(out, str_columns(part->mean), w->mean[k]);
        put_number(out, part, ansi);
        pad(out, str_columns(part->std), w->std[k]);
        used += (k ? 3 : 0) + w->mean[k] + w->std[k];
    }
    if (*cell->text) {
        str_addf(out, "%s%s", used ? " " : "", cell->text);
        used += (used ? 1 : 0) + str_columns(cell->text);
    }
    pad(out, used, w->all);
}

static void trim_line(struct str *out)
{
    while (out->size && out->data[out->size - 1] == ' ')
        out->data[--out->size] = 0;
    str_addc(out, '\n');
}

/* Columns first..last-1 behind the labels. */
static void put_block(struct str *out, const struct print_grid *g, const struct widths *w,
                      size_t first, size_t last, bool ansi)
{
    size_t width = w[0].all;
    for (size_t c = first; c < last; c++)
        width += GAP + w[c].all;
    for (size_t r = 0; r < g->n_rows; r++) {
        if (r == 1 || (r && r == g->rule)) {
            str_pad(out, width, '-');
            str_addc(out, '\n');
        }
        put_cell(out, grid_at(g, r, 0), &w[0], ansi);
        for (size_t c = first; c < last; c++) {
            str_pad(out, GAP, ' ');
            put_cell(out, grid_at(g, r, c), &w[c], ansi);
        }
        trim_line(out);
    }
}

/* How many blocks of columns are needed when each takes as many as fit, but at least one. */
static size_t count_blocks(const struct print_grid *g, const struct widths *w, size_t columns)
{
    size_t blocks = 1, used = w[0].all, here = 0;
    for (size_t c = 1; c < g->n_columns; c++) {
        if (here && columns && used + GAP + w[c].all > columns) {
            blocks++;
            used = w[0].all;
            here = 0;
        }
        used += GAP + w[c].all;
        here++;
    }
    return blocks;
}

/* Blocks of about equal size where they fit; an even share that does not fit is cut earlier. */
static void put_blocks(struct str *out, const struct print_grid *g, size_t columns, bool ansi)
{
    struct widths *w = mem_alloc(g->n_columns, sizeof *w);
    for (size_t c = 0; c < g->n_columns; c++)
        w[c] = measure(g, c);
    size_t blocks = count_blocks(g, w, columns), total = g->n_columns - 1;
    size_t share = (total + blocks - 1) / blocks;
    for (size_t first = 1; first < g->n_columns;) {
        size_t last = first, used = w[0].all;
        while (last < g->n_columns && last - first < share &&
               (last == first || !columns || used + GAP + w[last].all <= columns)) {
            used += GAP + w[last].all;
            last++;
        }
        if (first > 1)
            str_addc(out, '\n');
        put_block(out, g, w, first, last, ansi);
        first = last;
    }
    free(w);
}

/* Sentences cut at blanks. */
static void put_wrapped(struct str *out, const char *text, size_t columns)
{
    size_t used = 0;
    while (*text) {
        size_t bytes = strcspn(text, " \n");
        char *word = mem_strndup(text, bytes);
        size_t width = str_columns(word);
        if (used && columns && used + 1 + width > columns) {
            str_addc(out, '\n');
            used = 0;
        }
        str_addf(out, "%s%s", used ? " " : "", word);
        used += width + (used ? 1 : 0);
        free(word);
        text += bytes;
        if (*text == '\n') {
            str_addc(out, '\n');
            used = 0;
        }
        text += *text != 0;
    }
    if (used)
        str_addc(out, '\n');
}

/* Marks join a cell's text: "(2/3) [a]". */
static void finish_cells(struct print_grid *g)
{
    for (size_t i = 0; i < g->n_rows * g->n_columns; i++) {
        struct grid_cell *cell = &g->cells[i];
        struct str text = STR_INIT;
        escape_text(&text, cell->text);
        if (*cell->marks)
            str_addf(&text, "%s[%s]", text.size ? " " : "", cell->marks);
        free(cell->text);
        cell->text = str_detach(&text);
    }
}

static void put_footnotes(const struct table *t, const struct print_grid *g, struct str *out)
{
    for (size_t i = 0; i < g->n_sources; i++) {
        str_addf(out, "[%zu] ", i + 1);
        escape_text(out, g->sources[i]);
        str_addc(out, '\n');
    }
    for (size_t i = 0; i < t->n_marks; i++) {
        char name[16];
        table_mark_name(i, name);
        str_addf(out, "[%s] ", name);
        escape_text(out, t->marks[i]);
        str_addc(out, '\n');
    }
}

void export_text(const struct table *t, size_t columns, bool ansi, struct str *out)
{
    struct print_grid g;
    struct str words = STR_INIT, line = STR_INIT;
    print_grid_init(&g, t);
    finish_cells(&g);
    escape_text(out, t->title);
    str_addc(out, '\n');
    table_subtitle(t, &line);
    escape_text(out, line.data);
    str_add(out, "\n\n");
    put_blocks(out, &g, columns, ansi);
    str_addc(out, '\n');
    put_footnotes(t, &g, &words);
    str_clear(&line);
    table_caption(t, &line);
    escape_text(&words, line.data);
    str_addc(&words, '\n');
    table_verdicts(t, &words);
    table_provenance(t, &words);
    put_wrapped(out, words.data, columns);
    str_release(&line);
    str_release(&words);
    print_grid_release(&g);
}
