/*
 * A page of reference, written once and set as a manual page (roff) or as Markdown. Texts are
 * plain; each format escapes what it would take for its own marks.
 */
#ifndef PROMPTGRID_HARNESS_PAGE_H
#define PROMPTGRID_HARNESS_PAGE_H

#include "core/base/str.h"

struct page;

/* A key, option or name with what it is; `values` and `preset` may be NULL. */
struct page_term {
    const char *name, *values, *preset, *help;
};

/* Words above the columns of terms in Markdown; NULL leaves a column out. */
struct page_columns {
    const char *name, *values, *preset, *help;
};

struct page_format {
    void (*title)(struct page *p, const char *name, int section, const char *about);
    void (*heading)(struct page *p, int level, const char *text);      // level 1 or 2
    void (*text)(struct page *p, const char *text);                    // a paragraph
    void (*code)(struct page *p, const char *text);                    // lines as they are
    void (*terms)(struct page *p, const struct page_columns *columns); // terms follow
    void (*term)(struct page *p, const struct page_term *term);
};

struct page {
    const struct page_format *format;
    struct page_columns columns; // of the terms that are being written
    struct str out;
};

extern const struct page_format page_roff, page_markdown;

#endif
