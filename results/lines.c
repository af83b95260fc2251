/* See lines.h. */
#include "results/lines.h"

#include "core/base/mem.h"
#include "results/escape.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };

void lines_add(struct lines *l, char *text)
{
    MEM_PUSH(l->cells, l->n, l->capacity) = text;
}

void lines_add_visible(struct lines *l, const char *text)
{
    struct str s = STR_INIT;
    escape_text(&s, text);
    lines_add(l, str_detach(&s));
}

void lines_put(struct lines *l, size_t left, struct str *out)
{
    size_t *width = mem_zero(l->columns, sizeof *width);
    for (size_t i = 0; i < l->n; i++) {
        size_t columns = str_columns(l->cells[i]);
        if (columns > width[i % l->columns])
            width[i % l->columns] = columns;
    }
    for (size_t i = 0; i < l->n; i++) {
        size_t c = i % l->columns, blank = width[c] - str_columns(l->cells[i]);
        bool last = c + 1 == l->columns;
        str_pad(out, c ? GAP : 0, ' ');
        str_pad(out, c < left ? 0 : blank, ' ');
        str_add(out, l->cells[i]);
        str_pad(out, c < left && !last ? blank : 0, ' ');
        str_add(out, last ? "\n" : "");
        free(l->cells[i]);
    }
    free(l->cells);
    free(width);
    memset(l, 0, sizeof *l);
}
