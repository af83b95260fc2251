/*
 * A table for a paper: booktabs rules, numbers in siunitx columns, cut into blocks of columns that
 * fit the page. It compiles without shell escape, with the packages booktabs and siunitx.
 *
 * A number with a deviation takes two columns: the mean, aligned at its point, and a small second
 * one for what stands behind it: the deviation, n/N, marks.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/escape.h"
#include "results/table_model.h"

#include <stdlib.h>
#include <string.h>

/* Points, of the class article: a line; of tables and their gaps on one page, about. */
enum { TEXT_WIDTH = 345, PAGE = 430, ROW = 10, GAP = 12 };

/* One column of the grid. */
struct shape {
    size_t parts;
    size_t digits[METRICS], decimals[METRICS]; // of the widest numbers
    bool sign[METRICS], behind[METRICS];       // a second column
    double width;                              // points, roughly
};

static bool is_number(const char *text)
{
    text += strspn(text, "+-");
    return *text >= '0' && *text <= '9';
}

static size_t digits_of(const char *number)
{
    return strspn(number + strspn(number, "+-"), "0123456789");
}

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Verdicts are set as text: they would ask for a sign in a column of plain numbers. */
static bool is_text(const struct print_grid *g, size_t r, size_t c, const char *number)
{
    return !is_number(number) || grid_kind(g, r, c) == GRID_VERDICT;
}

static void see_part(struct shape *s, size_t k, const char *number)
{
    const char *point = strchr(number, '.');
    s->digits[k] = max(s->digits[k], digits_of(number));
    s->decimals[k] = max(s->decimals[k], point ? strlen(point + 1) : 0);
    s->sign[k] |= *number == '+' || *number == '-';
}

static struct shape measure(const struct print_grid *g, size_t c)
{
    const double digit = 4.25, small = 3.7, gap = 8; // at 8 and 7 points
    struct shape s = {0};
    size_t std[METRICS] = {0}, label = str_columns(grid_at(g, 0, c)->text), behind = 0;
    for (size_t r = 1; r < g->n_rows; r++) {
        const struct grid_cell *cell = grid_at(g, r, c);
        s.parts = max(s.parts, cell->n_parts);
        for (size_t k = 0; k < cell->n_parts; k++) {
            if (!is_text(g, r, c, cell->parts[k].mean))
                see_part(&s, k, cell->parts[k].mean);
            s.behind[k] |= *cell->parts[k].std != 0;
            std[k] = max(std[k], str_columns(cell->parts[k].std));
        }
        if (cell->n_parts && (*cell->text || *cell->marks))
            behind = max(behind, 1 + str_columns(cell->text) + str_columns(cell->marks));
    }
    if (s.parts && behind)
        s.behind[s.parts - 1] = true;
    for (size_t k = 0; k < s.parts; k++)
        s.width += digit * (double)(s.digits[k] + s.decimals[k] + s.sign[k] + 1) +
                   small * (double)std[k] + gap;
    s.width += small * (double)behind;
    if (s.width < digit * (double)label + gap)
        s.width = digit * (double)label + gap;
    return s;
}

static size_t span(const struct shape *s)
{
    size_t n = 0;
    for (size_t k = 0; k < s->parts; k++)
        n += 1 + s->behind[k];
    return s->parts ? n : 1;
}

/* ---- one tabular ---- */

static void put_columns(struct str *out, const struct shape *shapes, size_t first, size_t last)
{
    str_add(out, "\\begin{tabular}{@{}l");
    for (size_t c = first; c < last; c++) {
        const struct shape *s = &shapes[c];
        for (size_t k = 0; k < s->parts; k++)
            str_addf(out, " S[table-format=%s%zu.%zu]%s", s->sign[k] ? "+" : "",
                     max(s->digits[k], 1), s->decimals[k], s->behind[k] ? "@{\\,}l" : "");
        if (!s->parts)
            str_add(out, " c");
    }
    str_add(out, "@{}}\n\\toprule\n");
}

static void put_head(struct str *out, const struct table *t, const struct print_grid *g,
                     const struct shape *shapes, size_t first, size_t last)
{
    size_t at = 2;
    for (size_t c = first; c < last; c++) {
        str_addf(out, " & \\multicolumn{%zu}{c}{", span(&shapes[c]));
        escape_latex(out, grid_at(g, 0, c)->text);
        str_addc(out, '}');
    }
    str_add(out, " \\\\\n");
    if (t->n_metrics > 1) {
        for (size_t c = first; c < last; at += span(&shapes[c++]))
            if (shapes[c].parts)
                str_addf(out, "\\cmidrule(lr){%zu-%zu}", at, at + span(&shapes[c]) - 1);
        str_addc(out, '\n');
        for (size_t c = first; c < last; c++)
            for (size_t k = 0; k < shapes[c].parts || k == 0; k++)
                str_addf(out, " & \\multicolumn{%d}{c}{%s}", 1 + shapes[c].behind[k],
                         shapes[c].parts ? table_metrics[t->metrics[k]].name : "");
        str_add(out, " \\\\\n");
    }
    str_add(out, "\\midrule\n");
}

/* A number: best is bold, second underlined; text is set in braces, which siunitx leaves alone. */
static void put_number(struct str *out, const struct shape *s, size_t k,
                       const struct grid_part *part, bool text)
{
    const char *number = part->mean;
    if (text) {
        str_addf(out, "{%s%s}", *number == '-' ? "$-$" : "", number + (*number == '-'));
    } else if (part->rank == 2) {
        str_add(out, "{");
        if (s->sign[k] && number[strspn(number, "+-")] == *number)
            str_add(out, "\\phantom{$-$}");
        for (size_t i = digits_of(number); i < s->digits[k]; i++)
            str_add(out, "\\phantom{0}");
        str_addf(out, "\\underline{%s%s}}", *number == '-' ? "$-$" : "", number + (*number == '-'));
    } else {
        str_addf(out, "%s%s", part->rank == 1 ? "\\bfseries " : "", number);
    }
}

static void put_behind(struct str *out, const struct grid_cell *cell, size_t k)
{
    const char *std = cell->parts[k].std;
    if (*std)
        str_addf(out, "{\\scriptsize$\\pm$%s}", std + strlen("±"));
    if (k + 1 < cell->n_parts)
        return;
    if (*cell->text) {
        str_add(out, "{\\scriptsize ");
        escape_latex(out, cell->text);
        str_addc(out, '}');
    }
    if (*cell->marks)
        str_addf(out, "\\textsuperscript{%s}", cell->marks);
}

static void put_cell(struct str *out, const struct print_grid *g, const struct shape *s, size_t r,
                     size_t c)
{
    const struct grid_cell *cell = grid_at(g, r, c);
    if (cell->n_parts == 0) {
        str_addf(out, " & \\multicolumn{%zu}{c}{", span(s));
        escape_latex(out, cell->text);
        if (*cell->marks)
            str_addf(out, "\\textsuperscript{%s}", cell->marks);
        str_addc(out, '}');
        return;
    }
    for (size_t k = 0; k < s->parts; k++) {
        const struct grid_part *part = &cell->parts[k];
        str_add(out, " & ");
        put_number(out, s, k, part, is_text(g, r, c, part->mean));
        if (s->behind[k]) {
            str_add(out, " & ");
            put_behind(out, cell, k);
        }
    }
}

static void put_row(struct str *out, const struct print_grid *g, const struct shape *shapes,
                    size_t r, size_t first, size_t last)
{
    enum grid_kind kind = g->turned ? GRID_OURS : g->kinds[r];
    const char *label = grid_at(g, r, 0)->text;
    bool below = str_starts(label, "  ") ||
                 ((kind == GRID_PUBLISHED || kind == GRID_VERDICT) && (!g->rule || r < g->rule));
    if (g->rule && r == g->rule)
        str_add(out, "\\midrule\n");
    str_add(out, kind == GRID_HEADING ? "\\addlinespace\n{\\itshape " : below ? "{\\quad " : "{");
    escape_latex(out, label + strspn(label, " "));
    str_addc(out, '}');
    for (size_t c = first; c < last && kind != GRID_HEADING; c++)
        put_cell(out, g, &shapes[c], r, c);
    str_add(out, " \\\\\n");
}

static void put_tabular(struct str *out, const struct table *t, const struct print_grid *g,
                        const struct shape *shapes, size_t first, size_t last)
{
    put_columns(out, shapes, first, last);
    put_head(out, t, g, shapes, first, last);
    for (size_t r = 1; r < g->n_rows; r++)
        put_row(out, g, shapes, r, first, last);
    str_add(out, "\\bottomrule\n\\end{tabular}\n");
}

/* ---- blocks ---- */

static double label_width(const struct print_grid *g)
{
    size_t most = 0;
    for (size_t r = 0; r < g->n_rows; r++)
        most = max(most, str_columns(grid_at(g, r, 0)->text));
    return 4.0 * (double)most;
}

static void open_float(struct str *out)
{
    str_add(out, "\\begin{table}\n\\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}\n"
                 "\\sisetup{detect-weight=true,mode=text,retain-explicit-plus=true}\n");
}

/* Between blocks: a gap, or a new page for those that this one cannot hold. */
static void put_gap(struct str *out, const struct table *t, const struct print_grid *g,
                    size_t *height)
{
    size_t block = ROW * (g->n_rows + 3) + GAP;
    *height += block;
    if (*height + block <= PAGE) {
        str_add(out, "\n\\bigskip\n\n");
        return;
    }
    *height = 0;
    str_add(out, "\\end{table}\n");
    open_float(out);
    str_add(out, "Table~\\ref{tab:");
    escape_latex(out, t->name);
    str_add(out, "}, continued\\par\\medskip\n");
}

static void put_blocks(struct str *out, const struct table *t, const struct print_grid *g,
                       double points)
{
    struct shape *shapes = mem_alloc(g->n_columns, sizeof *shapes);
    double label = label_width(g), used = label;
    size_t blocks = 1, height = 0;
    for (size_t c = 1; c < g->n_columns; c++) {
        shapes[c] = measure(g, c);
        if (used > label && used + shapes[c].width > points) {
            blocks++;
            used = label;
        }
        used += shapes[c].width;
    }
    size_t total = g->n_columns - 1, share = blocks ? (total + blocks - 1) / blocks : total;
    for (size_t first = 1, last; first < g->n_columns; first = last) {
        used = label;
        for (last = first; last < g->n_columns && last - first < share &&
                           (last == first || used + shapes[last].width <= points);
             last++)
            used += shapes[last].width;
        if (first > 1)
            put_gap(out, t, g, &height);
        put_tabular(out, t, g, shapes, first, last);
    }
    free(shapes);
}

/* ---- around it ---- */

static void put_comment(struct str *out, const char *line)
{
    str_add(out, "% ");
    escape_text(out, line);
    str_addc(out, '\n');
}

static void put_note(struct str *out, const char *line)
{
    escape_latex(out, line);
    str_add(out, "\\par\n");
}

static void put_runs(struct str *out, const struct table *t)
{
    for (size_t r = 0; r < t->n_ours; r++)
        for (size_t c = 0; c < t->n_columns; c++) {
            const struct table_cell *cell = &t->rows[r].cells[c];
            struct str line = STR_INIT;
            str_addf(&line, "runs of %s, %s:", t->rows[r].label, t->columns[c]);
            for (size_t i = 0; i < cell->wanted; i++)
                if (origin_done(&cell->origins[i]))
                    str_addf(&line, " %.12s", cell->origins[i].run);
            if (cell->present)
                put_comment(out, line.data);
            str_release(&line);
        }
}

static void put_notes(struct str *out, const struct table *t, const struct print_grid *g)
{
    struct str words = STR_INIT;
    str_add(out, "\\par\\smallskip\\begin{minipage}{\\linewidth}\\raggedright\\scriptsize\n");
    for (size_t i = 0; i < g->n_sources; i++) {
        str_addf(out, "{[}%zu] ", i + 1);
        put_note(out, g->sources[i]);
    }
    for (size_t i = 0; i < t->n_marks; i++) {
        char name[16];
        table_mark_name(i, name);
        str_addf(out, "\\textsuperscript{%s} ", name);
        put_note(out, t->marks[i]);
    }
    table_verdicts(t, &words);
    table_failures(t, &words);
    export_lines(words.data, out, put_note);
    str_add(out, "\\end{minipage}\n");
    str_release(&words);
}

void export_latex(const struct table *t, size_t points, struct str *out)
{
    struct print_grid g;
    struct str words = STR_INIT;
    print_grid_init(&g, t);
    str_add(out, "% Needs \\usepackage{booktabs} and \\usepackage{siunitx}.\n");
    table_provenance(t, &words);
    export_lines(words.data, out, put_comment);
    if (t->recipe_sha256)
        str_addf(out, "%% Recipe's SHA-256: %s\n", t->recipe_sha256);
    put_runs(out, t);
    open_float(out);
    str_add(out, "\\caption{");
    escape_latex(out, t->title);
    str_add(out, ". ");
    str_clear(&words);
    table_subtitle(t, &words);
    str_add(&words, ". ");
    table_caption(t, &words);
    escape_latex(out, words.data);
    str_add(out, "}\n\\label{tab:");
    escape_latex(out, t->name);
    str_add(out, "}\n\\medskip\n");
    put_blocks(out, t, &g, points ? (double)points : TEXT_WIDTH);
    put_notes(out, t, &g);
    str_add(out, "\\end{table}\n");
    str_release(&words);
    print_grid_release(&g);
}
