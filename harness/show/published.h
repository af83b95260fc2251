/*
 * Numbers of papers: those that come with promptgrid (results/published at home), and the user's
 * own, which `import-csv` checks and puts into <workspace>/published. Both are shown alike.
 */
#ifndef PROMPTGRID_HARNESS_PUBLISHED_H
#define PROMPTGRID_HARNESS_PUBLISHED_H

#include "results/baseline.h"

char *published_folder(const char *home);
char *published_own(const char *workspace);

/* Is it what tables call a dataset of the catalogue? */
bool published_knows(const char *dataset);

/* Can the row stand in a table: its table, split, dataset and backbone are those that tables have?
 * ERR_PARSE names file and line, and what may be meant. */
int published_check(const struct baseline_row *row, struct err *e);

#endif
