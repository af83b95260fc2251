/*
 * A dataset's lists of images, from CoOp's split files or the dataset's own (spec/datasets.md).
 *
 * Order is significant: few-shot groups and data order follow the file. Every listed image must
 * exist; labels must be 0..K-1 and a label must have one class name.
 *
 * A row states the official counts. Another number of classes is an error (split_check_classes):
 * labels, halves and chance level would all mean something else under the same name. Another number
 * of images only deserves to be said (split_note): a part of a dataset is fine to work with.
 */
#ifndef PROMPTGRID_DATA_SPLIT_H
#define PROMPTGRID_DATA_SPLIT_H

#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/data/catalogue.h"

#include <stddef.h>

struct split_item {
    char *path; // below the image folder, as the file names it
    int label;  // 0..classes-1
};

struct split_list {
    struct split_item *items;
    size_t n;
};

enum split_part { SPLIT_TRAIN, SPLIT_VAL, SPLIT_TEST, SPLIT_PARTS };
extern const char *const split_part_names[SPLIT_PARTS]; // "train", "val", "test"

struct split {
    char *images;  // folder that paths are joined to
    int classes;   // K
    char **names;  // (K) class names as written: underscores kept
    int *imagenet; // (K) ImageNet's label of each class, for it and its variants; NULL for others
    struct split_list part[SPLIT_PARTS];
    char hash[HASH_HEX]; // of the split file, or of the canonical list for the other layouts
};

/* `folder` is the dataset's folder. Does not look at the images: split_check does. */
int split_load(struct split *s, const struct dataset_row *row, const char *folder, struct err *e);
void split_release(struct split *s);

/* Every listed image is a file; the error names the first missing one and how many are missing. */
int split_check(const struct split *s, struct err *e);

/* The number of classes is the row's, if it states one. */
int split_check_classes(const struct split *s, const struct dataset_row *row, struct err *e);

/* "" or a plain sentence when the counts differ from the row's official ones; yours to free(). */
char *split_note(const struct split *s, const struct dataset_row *row);

/* Base/new halves (section 4): classes 0..base-1 are base, the rest new; base = ceil(K/2). */
int split_base_classes(int classes);

#endif
