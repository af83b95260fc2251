/*
 * Images of a list by class: groups stand in the order in which their labels first appear, images
 * of a group in the order of the list, as Python's dictionaries keep both.
 */
#ifndef PROMPTGRID_DATA_GROUP_H
#define PROMPTGRID_DATA_GROUP_H

#include "core/data/split.h"

#include <stddef.h>

struct groups {
    size_t n;        // G groups
    int *label;      // (G)
    size_t *start;   // (G + 1) group g is members[start[g]] up to members[start[g + 1] - 1]
    size_t *members; // indices into the list's items
};

void groups_make(struct groups *g, const struct split_list *list, int classes);
void groups_release(struct groups *g);

#endif
