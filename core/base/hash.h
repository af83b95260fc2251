/* SHA-256, as lower-case hex text. */
#ifndef PROMPTGRID_BASE_HASH_H
#define PROMPTGRID_BASE_HASH_H

#include "core/base/err.h"

#include <stddef.h>

enum { HASH_HEX = 65 }; // 64 digits and the terminator

void hash_bytes(char out[HASH_HEX], const void *data, size_t size);
int hash_file(char out[HASH_HEX], const char *path, struct err *e);

/* Piece by piece. */
struct hash;
struct hash *hash_new(void);
void hash_add(struct hash *h, const void *data, size_t size);
void hash_end(struct hash *h, char out[HASH_HEX]); // frees `h`

#endif
