/*
 * A split for pictures of one's own: folders of classes, folders of classes below train, val and
 * test, or a list. What has no part yet is divided as CoOp divides (divide.h): every class on its
 * own, files in sorted order, shuffled with the seed.
 */
#ifndef PROMPTGRID_DATA_NEWSET_H
#define PROMPTGRID_DATA_NEWSET_H

#include "core/data/split.h"

#include <stdint.h>

struct newset {
    uint64_t seed;
    int parts[SPLIT_PARTS]; // percent of train, val and test; their sum is 100
};

/* One picture of a list. */
struct newset_item {
    const char *path, *name; // below the images; of its class
    int part;                // a split_part, or -1: to be divided
};

/* What was left out, and what was not needed. */
struct newset_told {
    size_t skipped;  // files that are no JPEG or PNG
    char first[256]; // the first of them
    bool divided;    // parts were made with the seed
};

/* From the folder `images`; s->images is it, s->hash stays empty. Classes are sorted by name. */
int newset_folders(struct split *s, const struct newset *n, const char *images,
                   struct newset_told *told, struct err *e);

/* From a list, whose paths are below `images` and whose order counts. */
int newset_list(struct split *s, const struct newset *n, const char *images,
                const struct newset_item *items, size_t count, struct newset_told *told,
                struct err *e);

#endif
