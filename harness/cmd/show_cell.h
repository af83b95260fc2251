/* The runs behind one cell of a table, for `promptgrid show --cell`. */
#ifndef PROMPTGRID_HARNESS_SHOW_CELL_H
#define PROMPTGRID_HARNESS_SHOW_CELL_H

#include "harness/cmd/cmd.h"

/* Prints them; words: table, row, column as printed ("Average": the whole row). 0, 1 when one of
 * them is not done, or an error. */
int show_cell(const struct cmd_common *common, const char *recipe, char *const words[3],
              struct err *e);

#endif
