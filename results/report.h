/*
 * The report of a recipe: one HTML page that needs nothing else. Pure: texts in, text out.
 *
 * The page has styles and one small script of its own; its Content-Security-Policy allows that
 * script by its hash and nothing from anywhere. Names are data and escaped.
 */
#ifndef PROMPTGRID_RESULTS_REPORT_H
#define PROMPTGRID_RESULTS_REPORT_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct report_table {
    char *name, *html, *latex; // a section as table_format(.., "html") has it
};

struct report_figure {
    char *name, *title;
    char *svg;   // NULL: it could not be drawn
    char *why;   // then why
    char *files; // where its data and script are
};

struct report {
    const char *name, *about; // of the recipe
    const char *path, *text, *sha256;
    size_t runs, done, wanted, failed, blocked;
    json_t *failures;    // array of {run, label, class, reason, attempts, log}
    const char *missing; // lines; what blocked runs lack
    json_t *origins;     // as store_origins has it
    json_t *inputs;      // array of {what, name, sha256}: weights, splits
    json_t *commands;    // array of {command, about}: how to make it again
    struct report_table *tables;
    size_t n_tables;
    struct report_figure *figures;
    size_t n_figures;
    int refresh; // seconds after which a browser loads it again; 0 = never
};

void report_html(const struct report *r, struct str *out);

/* Append an SVG document as an element of a page: ids get `prefix`, so that several can stand in
 * one; nothing but drawing elements and references within it are let through, ERR_PARSE otherwise.
 */
int report_svg(const char *svg, const char *prefix, const char *title, struct str *out,
               struct err *e);

extern const char report_style[], report_script[]; // report_assets.c

#endif
