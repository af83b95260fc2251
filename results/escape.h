/*
 * Names, reasons and paths are data in every target: one escaper a target, and no other way for
 * them into an export. Control characters, line ends, invalid UTF-8 and marks that turn the
 * direction of text are shown as \xNN first, except in CSV, which can hold anything.
 */
#ifndef PROMPTGRID_RESULTS_ESCAPE_H
#define PROMPTGRID_RESULTS_ESCAPE_H

#include "core/base/str.h"

void escape_text(struct str *out, const char *text);     // a terminal or a text file
void escape_markdown(struct str *out, const char *text); // also within a table's cell
void escape_html(struct str *out, const char *text);     // also within a quoted attribute

/* Text for pdfLaTeX with any fonts: what it may not have is shown as [U+4E2D]. */
void escape_latex(struct str *out, const char *text);

void escape_csv(struct str *out, const char *text); // one field, with its quotes

#endif
