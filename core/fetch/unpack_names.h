/* The names of an archive, so that none is there twice. For unpack.c only. */
#ifndef PROMPTGRID_FETCH_UNPACK_NAMES_H
#define PROMPTGRID_FETCH_UNPACK_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct unpack_names {
    struct unpack_name *slots; // (capacity) open addressing
    size_t n, capacity;
};

/* Take `path` and the folders above it. False: it is there already, or something that a disk
 * without upper and lower case could not tell from it; a folder may come again as a folder. */
bool unpack_names_add(struct unpack_names *names, const char *path, bool folder);
void unpack_names_release(struct unpack_names *names);

#endif
