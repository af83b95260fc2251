/*
 * A split while it is read. For split*.c only; everybody else sees split.h.
 */
#ifndef PROMPTGRID_DATA_SPLIT_BUILD_H
#define PROMPTGRID_DATA_SPLIT_BUILD_H

#include "core/data/split.h"

#include <stdbool.h>

enum { SPLIT_LIMIT = 256 << 20 }; // bytes of a list's file; the largest official one has 4 MB

struct split_builder {
    struct split *s;
    size_t capacity[SPLIT_PARTS];
    size_t names_capacity; // elements of s->names, the rest of them NULL
    const char *path;      // of the file being read, for messages
};

/* Append an image; takes `path`. */
void split_add(struct split_builder *b, enum split_part part, char *path, int label);

/* Give `label` its class name; false when it already has another. */
bool split_name(struct split_builder *b, int label, const char *name);

/* Is `path` relative, and without ".."? */
bool split_stays_inside(const char *path);

/* Every layout but CoOp's split files. */
int split_read_folders(struct split_builder *b, const struct dataset_row *row, const char *folder,
                       struct err *e);

#endif
