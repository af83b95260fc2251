/*
 * What names mean: datasets and backbones, and where their files are found.
 *
 * A dataset is one row (spec/datasets.md sections 1 and 5), or a folder that describes itself; a
 * backbone is one row, or any folder that holds model.safetensors and a merges file. Roots are
 * searched in the order given; the folder of the pocket datasets comes last, always.
 */
#ifndef PROMPTGRID_DATA_CATALOGUE_H
#define PROMPTGRID_DATA_CATALOGUE_H

#include "core/base/err.h"
#include "core/base/hash.h"

#include <stdbool.h>
#include <stddef.h>

enum dataset_layout {
    LAYOUT_SPLIT_JSON, // CoOp's split_zhou_*.json
    LAYOUT_AIRCRAFT,   // images_variant_{train,val,test}.txt and variants.txt
    LAYOUT_IMAGENET,   // images/{train,val}/<wnid>/ and classnames.txt
    LAYOUT_WNIDS,      // <wnid>/ and classnames.txt: a target, all of it test
    LAYOUT_NUMBERS,    // <label>/ and classnames.txt: a target, all of it test
};

struct dataset_row {
    const char *name;      // in recipes: "caltech101"
    const char *label;     // in tables and in results/published: "Caltech101"
    const char *folder;    // below a root: "caltech-101"
    const char *images;    // below the folder; "" = the folder itself
    const char *split;     // split file below the folder; NULL for the other layouts
    const char *template_; // zero-shot prompt with {}
    enum dataset_layout layout;
    int classes, train, val, test; // official counts; 0 = not stated
    const char *note;              // what its user should know; NULL = nothing
    const struct origin *origin;   // of a dataset of one's own; origin_of() knows all
};

/* Those that are built in. Folders of the roots may hold more (own.h), which are known by name once
 * the roots are open. */
extern const struct dataset_row dataset_rows[]; // ends with a NULL name
size_t dataset_rows_count(void);
const struct dataset_row *dataset_built_in(const char *name); // NULL if it is none of them
bool dataset_is_taken(const char *name); // by one that is built in, or by a set

/* All that are known, the built-in ones first; NULL at the end. */
const struct dataset_row *dataset_at(size_t i);
const struct dataset_row *dataset_find(const char *name); // NULL if unknown
/* What tables call it: the name itself when it is unknown, NULL for NULL. */
const char *dataset_label(const char *name);

/* The dataset of this name, in this folder, whatever roots there are. */
int dataset_in(const struct dataset_row **row, const char *name, const char *folder, struct err *e);

/* The row of a name that a user gave; ERR_USAGE suggests the nearest one. */
int dataset_get(const struct dataset_row **row, const char *name, struct err *e);

/* Is it only evaluated on, without images to train with? */
bool dataset_is_target(const struct dataset_row *d);

/* Members of a named set ("all11", "cross10"), NULL-terminated; NULL if there is no such set. */
const char *const *dataset_set_find(const char *name);
/* The sets' names, NULL-terminated. */
const char *const *dataset_set_names(void);

struct backbone_row {
    const char *name;  // "vit-b16"
    const char *label; // "ViT-B/16", as in results/published
};

extern const struct backbone_row backbone_rows[]; // ends with a NULL name
size_t backbone_rows_count(void);
const struct backbone_row *backbone_find(const char *name); // NULL if unknown
const char *backbone_label(const char *name);               // as dataset_label

/* The folders that data is looked for in. */
struct roots {
    char **folders;
    size_t n;
    char *home;      // holds recipes/
    char *workspace; // backbones are looked for here too: $PROMPTGRID_WORKSPACE, or ./workspace
};

/* From --data values (or, if none, PROMPTGRID_DATA, ':' between folders) and the program's home.
 * What is described in them is known from then on. */
int roots_open(struct roots *r, const char *const *given, size_t n, struct err *e);
void roots_release(struct roots *r);

/* The dataset's folder; ERR_MISSING names every place that was looked at. */
int roots_dataset(const struct roots *r, const struct dataset_row *d, char **folder, struct err *e);

/* A backbone's files, for a catalogue name (<root or workspace>/backbones/NAME, or recipes/NAME at
 * home for pocket) or a folder. `merges` is the one file bpe*.txt, bpe*.txt.gz or merges.txt
 * (Hugging Face's) there, or else in the folder `backbones` around it. */
struct backbone_files {
    char *weights, *merges;
};
int roots_backbone(const struct roots *r, const char *name, struct backbone_files *out,
                   struct err *e);
int backbone_merges(const char *folder, char **merges, struct err *e);
/* SHA-256 of a merges file, unpacked, as the tokenizer defines it. */
int backbone_merges_hash(char out[HASH_HEX], const char *path, struct err *e);
bool backbone_is_merges(const char *name); // by the file's name
void backbone_files_release(struct backbone_files *f);

#endif
