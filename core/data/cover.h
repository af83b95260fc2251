/* The images that a bank covers, as its encode spec says (core/proto/spec.h). */
#ifndef PROMPTGRID_DATA_COVER_H
#define PROMPTGRID_DATA_COVER_H

#include "core/data/split.h"

#include <jansson.h>

enum split_part cover_part(const json_t *spec);

/* Indices into the part's list, in the order of the bank's rows; *items is yours to free(). */
int cover_items(const struct split *s, const json_t *spec, size_t **items, size_t *n,
                struct err *e);

#endif
