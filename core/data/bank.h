/*
 * Feature bank: image features of frozen CLIP, computed once and shared by every run that needs
 * them.
 *
 * File: the 8 bytes "PGBANK1\n", u64 length of the header, the header (canonical JSON: the encode
 * spec under "spec", "views" V, "images" N, "dim" D, "index": N indices into the part's list,
 * "data": hash of the images' files (core/data/manifest.h), "sha256" of the header, with 64 zeros
 * there, and the data), zero bytes up to a multiple of 64, then float32 little-endian features (V,
 * N, D), not unit length. Read by mmap.
 */
#ifndef PROMPTGRID_DATA_BANK_H
#define PROMPTGRID_DATA_BANK_H

#include "core/base/err.h"
#include "core/base/fs.h"

#include <jansson.h>
#include <stddef.h>

struct bank {
    struct fs_map map;
    json_t *header;
    size_t views, images, dim; // V, N, D
    size_t *index;             // (N) ascending or selection order: index into the part's list
    const float *features;     // (V, N, D), borrowed from the map
    const char *data;          // hash of the images' files; NULL: a bank of before, without it
};

/* Checks the header, sizes, the hash, and that it was made for `spec` (canonical equality).
 */
int bank_open(struct bank *b, const char *path, const json_t *spec, struct err *e);
void bank_close(struct bank *b);

/* The row of image `item` (index into the part's list), or -1. */
long bank_row(const struct bank *b, size_t item);

/* Writing: features arrive in any order of (view, row). */
struct bank_writer;
int bank_create(struct bank_writer **out, const char *path, const json_t *spec, size_t views,
                const size_t *index, size_t images, size_t dim, struct err *e);
int bank_put(struct bank_writer *w, size_t view, size_t row, const float *features, struct err *e);
void bank_data(struct bank_writer *w, const char *sha256);              // of the images' files
int bank_commit(struct bank_writer *w, char sha256[65], struct err *e); // of the whole file; frees
void bank_abandon(struct bank_writer *w);                               // frees; NULL is fine

#endif
