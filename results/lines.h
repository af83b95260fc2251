/* Small tables of texts for people: columns as wide as they need to be. */
#ifndef PROMPTGRID_RESULTS_LINES_H
#define PROMPTGRID_RESULTS_LINES_H

#include "core/base/str.h"

struct lines {
    char **cells; // row by row
    size_t n, capacity, columns;
};

void lines_add(struct lines *l, char *text);               // takes it
void lines_add_visible(struct lines *l, const char *text); // as on a terminal

/* Print and free: the first `left` columns begin, the others end below each other. */
void lines_put(struct lines *l, size_t left, struct str *out);

#endif
