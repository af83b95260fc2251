/* See unpack_names.h. Names are kept as two 64-bit hashes: of the name, and of it in lower case.
 * Two names with one hash would be refused for no reason, which is rare and does no harm. */
#include "core/fetch/unpack_names.h"

#include "core/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct unpack_name {
    uint64_t folded, exact; // both 0: a free slot
    bool folder;
};

static uint64_t fnv(const char *path, size_t n, bool fold)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)path[i];
        if (fold && c >= 'A' && c <= 'Z')
            c = (unsigned char)(c + 'a' - 'A');
        h = (h ^ c) * 0x100000001b3u;
    }
    return h ? h : 1;
}

/* The slot of this name, or the free one where it belongs. */
static struct unpack_name *slot(const struct unpack_names *names, uint64_t folded)
{
    size_t i = folded & (names->capacity - 1);
    while (names->slots[i].folded && names->slots[i].folded != folded)
        i = (i + 1) & (names->capacity - 1);
    return &names->slots[i];
}

static void grow(struct unpack_names *names)
{
    struct unpack_names larger = {.capacity = names->capacity ? 2 * names->capacity : 1024};
    larger.slots = mem_zero(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].folded)
            *slot(&larger, names->slots[i].folded) = names->slots[i];
    larger.n = names->n;
    free(names->slots);
    *names = larger;
}

static bool add(struct unpack_names *names, const char *path, size_t n, bool folder)
{
    const struct unpack_name name = {fnv(path, n, true), fnv(path, n, false), folder};
    if (2 * names->n >= names->capacity)
        grow(names);
    struct unpack_name *at = slot(names, name.folded);
    if (at->folded)
        return at->folder && folder && at->exact == name.exact;
    *at = name;
    names->n++;
    return true;
}

bool unpack_names_add(struct unpack_names *names, const char *path, bool folder)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        if (!add(names, path, (size_t)(slash - path), true))
            return false;
    return add(names, path, strlen(path), folder);
}

void unpack_names_release(struct unpack_names *names)
{
    free(names->slots);
    *names = (struct unpack_names){0};
}
