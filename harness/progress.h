/*
 * What a person sees while runs go on, on stderr: on a terminal one line that is rewritten in
 * place; elsewhere only lines that stay.
 */
#ifndef PROMPTGRID_HARNESS_PROGRESS_H
#define PROMPTGRID_HARNESS_PROGRESS_H

#include <stdbool.h>

struct progress {
    bool live;  // stderr is a terminal that can rewrite a line
    bool shown; // the live line is on the screen
};

void progress_init(struct progress *p);
void progress_hide(
    struct progress *p); // before anything else writes to the terminal, and at the end

/* The live line, cut to the terminal's width; nothing elsewhere. */
void progress_draw(struct progress *p, const char *text);

/* A line that stays. */
void progress_line(struct progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "0.4 s", "12 s", "3:05", "2:15:00". */
void progress_seconds(double seconds, char out[32]);

/* The longest start of UTF-8 `text` of at most `columns` columns, in bytes. */
int progress_fit(const char *text, int columns);

#endif
