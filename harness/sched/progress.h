/*
 * What a person sees while runs go on, on stderr: on a terminal some lines that are rewritten in
 * place, one write each time, so that nothing flickers; elsewhere only lines that stay.
 */
#ifndef PROMPTGRID_HARNESS_PROGRESS_H
#define PROMPTGRID_HARNESS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    bool live;  // stderr is a terminal that can rewrite lines
    bool shown; // the live lines are on the screen
    char *text; // what they are; NULL before the first
};

void progress_init(struct progress *p);
void progress_release(struct progress *p);
void progress_hide(
    struct progress *p); // before anything else writes to the terminal, and at the end

/* The live lines, each cut to the terminal's width and all of them to its height; nothing
 * elsewhere. */
void progress_draw(struct progress *p, const char *text);

/* Lines and columns that the terminal has room for; 0 when it is none. */
void progress_room(const struct progress *p, size_t *rows, size_t *columns);

/* A line that stays. */
void progress_line(struct progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "0.4 s", "12 s", "3:05", "2:15:00". */
void progress_seconds(double seconds, char out[32]);

/* The longest start of UTF-8 `text` of at most `columns` columns, in bytes. */
int progress_fit(const char *text, int columns);

#endif
