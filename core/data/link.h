/*
 * A dataset that lies somewhere in another order (torchvision's, Kaggle's, all pictures in one
 * folder), made CoOp's by links. What a picture is comes from the split; the folder only has to
 * hold files of those names.
 */
#ifndef PROMPTGRID_DATA_LINK_H
#define PROMPTGRID_DATA_LINK_H

#include "core/data/catalogue.h"

#include <stddef.h>

struct link {
    char *to;   // what it leads to, absolute
    char *name; // below the dataset's folder
};

struct links {
    struct link *items;
    size_t n, capacity;
};

/* What has to be linked so that `folder` (the dataset's) has what lies in `from`; nothing when it
 * is all there. ERR_MISSING: it is not there, the text says what was looked for. */
int link_plan(struct links *l, const struct dataset_row *row, const char *folder, const char *from,
              struct err *e);

/* Make the links. What is there already is left; ERR_USAGE when it is in the way. */
int link_make(const struct links *l, const char *folder, struct err *e);
void links_release(struct links *l);

/* A folder of the roots where others keep this dataset, yours to free(), and whose habit it is;
 * NULL: none. */
char *link_find(const struct roots *roots, const struct dataset_row *row, const char **whose);

#endif
