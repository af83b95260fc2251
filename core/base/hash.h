/* SHA-256, as lower-case hex text; MD5 only to compare with what old publishers stated. */
#ifndef PROMPTGRID_BASE_HASH_H
#define PROMPTGRID_BASE_HASH_H

#include "core/base/err.h"

#include <stddef.h>

enum { HASH_HEX = 65, HASH_MD5_HEX = 33 }; // 64 and 32 digits and the terminator

void hash_bytes(char out[HASH_HEX], const void *data, size_t size);
int hash_file(char out[HASH_HEX], const char *path, struct err *e);
int hash_file_md5(char out[HASH_MD5_HEX], const char *path, struct err *e);

/* Piece by piece. */
struct hash;
struct hash *hash_new(void);
void hash_add(struct hash *h, const void *data, size_t size);
void hash_end(struct hash *h, char out[HASH_HEX]); // frees `h`

#endif
