/* Cells in columns as wide as their widest, two spaces between them, for a terminal. */
#ifndef PROMPTGRID_HARNESS_COLUMNS_H
#define PROMPTGRID_HARNESS_COLUMNS_H

#include <stddef.h>

/* cells (rows, columns), the first row the titles. Columns first..last hold numbers and are flush
 * right; the others, flush left. */
void columns_print(char *const *cells, size_t rows, size_t columns, size_t first, size_t last);

/* Columns of the terminal on stdout, or of $COLUMNS; `otherwise` where neither says. */
int columns_terminal(int otherwise);

#endif
