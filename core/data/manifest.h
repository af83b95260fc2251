/*
 * What a dataset's files are: manifest.sha256 in its folder, in the format of sha256sum (so that
 * `sha256sum -c manifest.sha256` proves it too), a line for every image that the split names and
 * for the lists themselves, sorted by path.
 *
 * The encoder reads every image anyway, so it hashes them: an image that is not the manifest's ends
 * the job, and the bank's header says the hash of what it was made of ("data": SHA-256 over the
 * images' lines in the bank's order, with paths as the split has them). So a result is tied to its
 * images with or without a manifest; the manifest says which ones they have to be.
 */
#ifndef PROMPTGRID_DATA_MANIFEST_H
#define PROMPTGRID_DATA_MANIFEST_H

#include "core/base/hash.h"
#include "core/data/split.h"

extern const char manifest_file[]; // "manifest.sha256"

struct manifest_line {
    char *path; // below the dataset's folder
    char sha256[HASH_HEX];
};

struct manifest {
    struct manifest_line *lines; // sorted by path; NULL: there is no manifest
    size_t n, capacity;
    const char *images;  // the row's: split paths are below it; borrowed
    char hash[HASH_HEX]; // of the file's text
};

/* The manifest of a dataset's folder; without one it is empty, and that is fine. */
int manifest_open(struct manifest *m, const struct dataset_row *row, const char *folder,
                  struct err *e);
void manifest_release(struct manifest *m);

/* The hash of an image, by its path in the split; NULL: it has none. */
const char *manifest_find(const struct manifest *m, const char *image);

/* ERR_CORRUPT: the manifest has another hash for this image, or none. Fine without a manifest. */
int manifest_verify(const struct manifest *m, const char *image, const char *sha256, struct err *e);

/* Add an image to a hash over images. */
void manifest_hash_image(struct hash *h, const char *sha256, const char *image);

/* Making one: lines in any order; then its hash, or the file too. */
void manifest_add(struct manifest *m, const char *path, const char *sha256);
void manifest_seal(struct manifest *m);
int manifest_write(struct manifest *m, const char *folder, struct err *e);

/* The files that a dataset's lists are read from, below its folder; ends with NULL. */
const char *const *manifest_lists(const struct dataset_row *row, const char *room[2]);

#endif
