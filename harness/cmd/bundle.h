/*
 * Bundles: a tar archive, compressed with zstd, of regular files below one folder, whose last
 * member SHA256SUMS has the hash of every other. The same members give the same bytes.
 */
#ifndef PROMPTGRID_HARNESS_BUNDLE_H
#define PROMPTGRID_HARNESS_BUNDLE_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <stddef.h>

struct bundle; // being written

int bundle_create(struct bundle **out, const char *path, const char *folder, struct err *e);
int bundle_add(struct bundle *b, const char *name, const void *data, size_t size, struct err *e);
int bundle_add_file(struct bundle *b, const char *name, const char *path, struct err *e);
/* Write the sums and give the file its name. */
int bundle_commit(struct bundle *b, struct err *e); // frees
void bundle_abandon(struct bundle *b);              // frees; NULL is fine

/* Unpack into the folder `to`, which is there and empty. ERR_CORRUPT when a hash does not match, a
 * member is missing or is none of SHA256SUMS; ERR_PARSE for what is no bundle: other kinds of
 * members, names that leave the folder, more than BUNDLE_LIMIT bytes. */
enum { BUNDLE_FILES = 10000000 };
#define BUNDLE_LIMIT (64LL << 30)
int bundle_unpack(const char *path, const char *to, struct err *e);

#endif
