/*
 * Keys with numbers: the first key gets 0, the next new one 1, and so on. To find equal ones among
 * many, and to hold each name once.
 *
 * Starts as {0}. Keys are bytes or text and are copied; a key's copy stays where it is until
 * map_release. At most 2^32 - 1 keys, each of at most 2^32 - 1 bytes.
 */
#ifndef PROMPTGRID_BASE_MAP_H
#define PROMPTGRID_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_key {
    const char *data; // followed by a 0, so that text can be used as it is
    uint32_t size, hash;
};

struct map {
    struct map_key *keys; // by number
    size_t n, capacity;
    uint32_t *slots; // number + 1 of a key, 0 = free; a power of two, at most half full
    size_t n_slots;
    struct map_block *blocks; // memory of the keys, a list; `left` bytes of the first are free
    size_t left;
};

/* The key's number; *is_new (may be NULL): it was not there before. */
size_t map_add(struct map *m, const void *key, size_t size, bool *is_new);
bool map_find(const struct map *m, const void *key, size_t size, size_t *number);

/* The same for text. */
size_t map_add_text(struct map *m, const char *text, bool *is_new);
bool map_find_text(const struct map *m, const char *text, size_t *number);
const char *map_text(const struct map *m, size_t number);

/* The map's copy of a text. */
const char *map_keep(struct map *m, const char *text);

void map_release(struct map *m);

#endif
