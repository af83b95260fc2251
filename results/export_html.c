/*
 * A table as HTML: one element with its notes, and the page around it. No script, nothing from
 * elsewhere. Numbers are in data-value and runs in data-runs, for what reads or sorts the page.
 */
#include "core/base/str.h"
#include "results/escape.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char export_html_style[] =
    ":root{color-scheme:light dark;--ink:#1a1a1a;--soft:#666;--rule:#ccc;--paper:#fff;"
    "--up:#00703c;--down:#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#a0a0a0;--rule:#444;"
    "--paper:#16181b;--up:#5fd08a;--down:#ff8a80}}"
    "body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "margin:1.5rem auto;padding:0 1rem;max-width:80rem}"
    ".table{margin:0 0 2.5rem}.table h2{font-size:1.15rem;margin:0}"
    ".table .sub,.table .notes{color:var(--soft);font-size:.85rem;margin:.2rem 0 .6rem;"
    "overflow-wrap:anywhere}"
    ".table .notes{margin:.6rem 0 0;padding:0;list-style:none}"
    ".table .wide{overflow-x:auto}"
    ".table table{border-collapse:collapse;font-variant-numeric:tabular-nums;"
    "border-block:2px solid var(--ink)}"
    ".table th,.table td{padding:.22rem .55rem;text-align:right;white-space:nowrap}"
    ".table thead th{border-bottom:1px solid var(--ink);font-weight:600;text-align:center}"
    ".table th[scope=row],.table thead tr:first-child th:first-child{text-align:left;"
    "position:sticky;left:0;background:var(--paper);font-weight:400}"
    ".table .group th{font-style:italic;padding-top:.6rem}"
    ".table .rule th,.table .rule td{border-top:1px solid var(--ink)}"
    ".table .imported,.table .published,.table .verdict{color:var(--soft)}"
    ".table .best{font-weight:700}.table .second{text-decoration:underline}"
    ".table .up{color:var(--up)}.table .down{color:var(--down)}"
    ".table small{color:var(--soft);margin-left:.15em}";

void export_html_open(const char *title, struct str *out)
{
    str_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                 "style-src 'unsafe-inline'\">\n<title>");
    escape_html(out, title);
    str_addf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n", export_html_style);
}

void export_html_close(struct str *out)
{
    str_add(out, "</body>\n</html>\n");
}

/* ---- cells ---- */

static const char *const rank_class[] = {"", " best", " second"};
static const char *const sign_class[] = {" down", "", " up"};

static void put_attribute(struct str *out, const char *name, const char *value)
{
    str_addf(out, " %s=\"", name);
    escape_html(out, value);
    str_addc(out, '"');
}

static void put_runs(struct str *out, const struct table_cell *cell)
{
    struct str runs = STR_INIT;
    for (size_t i = 0; cell->origins && i < cell->wanted; i++)
        if (origin_done(&cell->origins[i]))
            str_addf(&runs, "%s%s", runs.size ? " " : "", cell->origins[i].run);
    if (runs.size)
        put_attribute(out, "data-runs", runs.data);
    str_release(&runs);
}

static void put_marks(struct str *out, const struct grid_cell *cell)
{
    if (*cell->marks)
        str_addf(out, "<sup>%s</sup>", cell->marks);
}

/* One <td> a metric, so that a column holds one kind of number. */
static void put_part(struct str *out, const struct table *t, const struct grid_cell *cell, size_t k)
{
    const struct grid_part *part = &cell->parts[k];
    const char *classes[] = {rank_class[part->rank], sign_class[part->sign + 1]};
    str_add(out, "<td");
    if (*classes[0] || *classes[1])
        str_addf(out, " class=\"%s%s%s\"", *classes[0] ? classes[0] + 1 : "",
                 *classes[0] && *classes[1] ? " " : "", *classes[1] ? classes[1] + 1 : "");
    if (cell->of && !isnan(cell->of->value[t->metrics[k]].stats.mean))
        str_addf(out, " data-value=\"%.6f\"", cell->of->value[t->metrics[k]].stats.mean);
    if (cell->of && k == 0)
        put_runs(out, cell->of);
    str_addc(out, '>');
    escape_html(out, part->mean);
    if (*part->std) {
        str_add(out, "<small>");
        escape_html(out, part->std);
        str_add(out, "</small>");
    }
    if (k + 1 == cell->n_parts) {
        if (*cell->text) {
            str_add(out, " <small>");
            escape_html(out, cell->text);
            str_add(out, "</small>");
        }
        put_marks(out, cell);
    }
    str_add(out, "</td>");
}

static void put_cell(struct str *out, const struct table *t, const struct grid_cell *cell)
{
    for (size_t k = 0; k < cell->n_parts; k++)
        put_part(out, t, cell, k);
    if (cell->n_parts)
        return;
    str_addf(out, "<td colspan=\"%zu\">", t->n_metrics);
    escape_html(out, cell->text);
    put_marks(out, cell);
    str_add(out, "</td>");
}

static void put_head(struct str *out, const struct table *t, const struct print_grid *g)
{
    bool several = t->n_metrics > 1;
    str_addf(out, "<thead>\n<tr><th%s></th>", several ? " rowspan=\"2\"" : "");
    for (size_t c = 1; c < g->n_columns; c++) {
        str_addf(out, "<th scope=\"col\" colspan=\"%zu\">", t->n_metrics);
        escape_html(out, grid_at(g, 0, c)->text);
        str_add(out, "</th>");
    }
    str_add(out, "</tr>\n");
    if (several) {
        str_add(out, "<tr>");
        for (size_t c = 1; c < g->n_columns; c++)
            for (size_t k = 0; k < t->n_metrics; k++)
                str_addf(out, "<th scope=\"col\">%s</th>", table_metrics[t->metrics[k]].name);
        str_add(out, "</tr>\n");
    }
    str_add(out, "</thead>\n");
}

static void put_row(struct str *out, const struct table *t, const struct print_grid *g, size_t r)
{
    static const char *const classes[] = {
        [GRID_LABELS] = "",           [GRID_HEADING] = "group",       [GRID_OURS] = "ours",
        [GRID_IMPORTED] = "imported", [GRID_PUBLISHED] = "published", [GRID_VERDICT] = "verdict",
    };
    enum grid_kind kind = g->turned ? GRID_OURS : g->kinds[r];
    str_addf(out, "<tr class=\"%s%s\"><th scope=\"row\"", classes[kind],
             g->rule && r == g->rule ? " rule" : "");
    if (kind == GRID_HEADING)
        str_addf(out, " colspan=\"%zu\"", 1 + (g->n_columns - 1) * t->n_metrics);
    str_addc(out, '>');
    escape_html(out, grid_at(g, r, 0)->text);
    str_add(out, "</th>");
    for (size_t c = 1; c < g->n_columns && kind != GRID_HEADING; c++)
        put_cell(out, t, grid_at(g, r, c));
    str_add(out, "</tr>\n");
}

/* ---- around it ---- */

static void put_item(struct str *out, const char *line)
{
    str_add(out, "<li>");
    escape_html(out, line);
    str_add(out, "</li>\n");
}

static void put_notes(struct str *out, const struct table *t, const struct print_grid *g)
{
    struct str words = STR_INIT;
    str_add(out, "<ul class=\"notes\">\n");
    for (size_t i = 0; i < g->n_sources; i++) {
        str_addf(out, "<li>[%zu] ", i + 1);
        escape_html(out, g->sources[i]);
        str_add(out, "</li>\n");
    }
    for (size_t i = 0; i < t->n_marks; i++) {
        char name[16];
        table_mark_name(i, name);
        str_addf(out, "<li><sup>%s</sup> ", name);
        escape_html(out, t->marks[i]);
        str_add(out, "</li>\n");
    }
    table_caption(t, &words);
    put_item(out, words.data);
    str_clear(&words);
    table_verdicts(t, &words);
    table_provenance(t, &words);
    export_lines(words.data, out, put_item);
    str_add(out, "</ul>\n");
    str_release(&words);
}

void export_html(const struct table *t, struct str *out)
{
    struct print_grid g;
    struct str words = STR_INIT;
    print_grid_init(&g, t);
    str_add(out, "<section class=\"table\"");
    put_attribute(out, "data-table", t->name);
    put_attribute(out, "data-recipe-sha256", t->recipe_sha256 ? t->recipe_sha256 : "");
    put_attribute(out, "data-command", t->command ? t->command : "");
    str_add(out, ">\n<h2>");
    escape_html(out, t->title);
    str_add(out, "</h2>\n<p class=\"sub\">");
    table_subtitle(t, &words);
    escape_html(out, words.data);
    str_add(out, "</p>\n<div class=\"wide\">\n<table>\n");
    put_head(out, t, &g);
    str_add(out, "<tbody>\n");
    for (size_t r = 1; r < g.n_rows; r++)
        put_row(out, t, &g, r);
    str_add(out, "</tbody>\n</table>\n</div>\n");
    put_notes(out, t, &g);
    str_add(out, "</section>\n");
    str_release(&words);
    print_grid_release(&g);
}
