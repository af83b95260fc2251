/* Columns on a terminal: see columns.h. */
#include "harness/cmd/columns.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

void columns_print(char *const *cells, size_t rows, size_t columns, size_t first, size_t last)
{
    size_t *width = mem_zero(columns, sizeof *width);
    struct str out = STR_INIT;
    for (size_t i = 0; i < rows * columns; i++) {
        size_t wide = str_columns(cells[i]);
        if (wide > width[i % columns])
            width[i % columns] = wide;
    }
    for (size_t i = 0; i < rows * columns; i++) {
        size_t c = i % columns, space = width[c] - str_columns(cells[i]);
        bool number = c >= first && c <= last;
        str_pad(&out, number ? space : 0, ' ');
        str_add(&out, cells[i]);
        if (c + 1 == columns)
            str_addc(&out, '\n');
        else
            str_pad(&out, (number ? 0 : space) + 2, ' ');
    }
    fputs(out.data, stdout);
    str_release(&out);
    free(width);
}

int columns_terminal(int otherwise)
{
    struct winsize size;
    long columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *given = getenv("COLUMNS");
    return given && str_to_long(given, 20, 10000, &columns) ? (int)columns : otherwise;
}
