/* Open addressing over copies of the keys: see map.h. */
#include "core/base/map.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16, FIRST_SLOTS = 64 };

struct map_block {
    struct map_block *next;
    size_t size;
    char data[];
};

static uint32_t hash(const char *data, size_t size)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ size, word;
    for (; size >= sizeof word; size -= sizeof word, data += sizeof word) {
        memcpy(&word, data, sizeof word);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, data, size);
    h = (h ^ word) * 0xff51afd7ed558ccdu;
    return (uint32_t)(h >> 32);
}

/* The slot of the key, or the free one where it belongs. */
static size_t slot_of(const struct map *m, const void *key, size_t size, uint32_t h)
{
    size_t at = h & (m->n_slots - 1);
    for (; m->slots[at]; at = (at + 1) & (m->n_slots - 1)) {
        const struct map_key *k = &m->keys[m->slots[at] - 1];
        if (k->hash == h && k->size == size && memcmp(k->data, key, size) == 0)
            break;
    }
    return at;
}

static void grow(struct map *m)
{
    free(m->slots);
    m->n_slots = m->n_slots ? 2 * m->n_slots : FIRST_SLOTS;
    m->slots = mem_zero(m->n_slots, sizeof *m->slots);
    for (size_t i = 0; i < m->n; i++) {
        size_t at = m->keys[i].hash & (m->n_slots - 1);
        while (m->slots[at])
            at = (at + 1) & (m->n_slots - 1);
        m->slots[at] = (uint32_t)i + 1;
    }
}

/* The end of the block's `left` free bytes is the end of the block. */
static const char *copy(struct map *m, const void *key, size_t size)
{
    if (m->left < size + 1) {
        m->left = size + 1 > BLOCK ? size + 1 : BLOCK;
        struct map_block *block = mem_alloc(1, sizeof *block + m->left);
        *block = (struct map_block){m->blocks, m->left};
        m->blocks = block;
    }
    char *data = m->blocks->data + m->blocks->size - m->left;
    if (size)
        memcpy(data, key, size);
    data[size] = 0;
    m->left -= size + 1;
    return data;
}

size_t map_add(struct map *m, const void *key, size_t size, bool *is_new)
{
    BUG_IF(size >= UINT32_MAX || m->n >= UINT32_MAX - 1);
    if (2 * (m->n + 1) > m->n_slots)
        grow(m);
    uint32_t h = hash(key, size);
    size_t at = slot_of(m, key, size, h);
    if (is_new)
        *is_new = !m->slots[at];
    if (m->slots[at])
        return m->slots[at] - 1;
    MEM_PUSH(m->keys, m->n, m->capacity) = (struct map_key){copy(m, key, size), (uint32_t)size, h};
    m->slots[at] = (uint32_t)m->n;
    return m->n - 1;
}

bool map_find(const struct map *m, const void *key, size_t size, size_t *number)
{
    if (!m->n)
        return false;
    size_t at = slot_of(m, key, size, hash(key, size));
    if (m->slots[at])
        *number = m->slots[at] - 1;
    return m->slots[at] != 0;
}

size_t map_add_text(struct map *m, const char *text, bool *is_new)
{
    return map_add(m, text, strlen(text), is_new);
}

bool map_find_text(const struct map *m, const char *text, size_t *number)
{
    return map_find(m, text, strlen(text), number);
}

const char *map_text(const struct map *m, size_t number)
{
    BUG_IF(number >= m->n);
    return m->keys[number].data;
}

const char *map_keep(struct map *m, const char *text)
{
    return map_text(m, map_add_text(m, text, NULL));
}

void map_release(struct map *m)
{
    for (struct map_block *block = m->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(m->keys);
    free(m->slots);
    *m = (struct map){0};
}
