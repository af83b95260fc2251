/*
 * Looking at every image of a dataset, once each: is it there, is it what its name says, and when
 * it is looked at deeply, can it be decoded, what is its hash, is it the manifest's.
 */
#ifndef PROMPTGRID_DATA_INSPECT_H
#define PROMPTGRID_DATA_INSPECT_H

#include "core/data/manifest.h"

#include <stdbool.h>

enum inspect_kind { INSPECT_MISSING, INSPECT_BAD, INSPECT_CHANGED, INSPECT_KINDS };
extern const char *const inspect_kinds[INSPECT_KINDS]; // "missing", "unusable", "changed"

struct inspect_problem {
    enum inspect_kind kind;
    const char *path; // as the split has it; borrowed
    enum split_part part;
    char text[200];
};

struct inspect {
    size_t images; // different ones
    struct inspect_problem *problems;
    size_t n, capacity;
    size_t count[INSPECT_KINDS];
    size_t misnamed; // of another kind than their name says
    const char *misnamed_first, *misnamed_kind;
    struct manifest made;     // deep: what is there, sealed, lists included
    size_t shared;            // deep: images of test whose bytes are in train too
    const char *shared_first; // borrowed from the split
};

/* `progress` may be NULL; `threads` for decoding. The error is of the lists' files only. */
int inspect_all(struct inspect *x, const struct split *s, const struct dataset_row *row,
                const char *folder, const struct manifest *manifest, bool deep, int threads,
                void (*progress)(size_t done, size_t of), struct err *e);
void inspect_release(struct inspect *x);

#endif
