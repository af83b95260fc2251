/* A split while it is read: see split_build.h. */
#include "core/data/split_build.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <string.h>

const char *const split_part_names[SPLIT_PARTS] = {"train", "val", "test"};

void split_add(struct split_builder *b, enum split_part part, char *path, int label)
{
    struct split_list *list = &b->s->part[part];
    MEM_PUSH(list->items, list->n, b->capacity[part]) = (struct split_item){path, label};
}

bool split_name(struct split_builder *b, int label, const char *name)
{
    struct split *s = b->s;
    while ((size_t)label >= b->names_capacity) {
        size_t old = b->names_capacity, now = old ? 2 * old : 64;
        s->names = mem_grow(s->names, now, sizeof *s->names);
        memset(s->names + old, 0, (now - old) * sizeof *s->names);
        b->names_capacity = now;
    }
    if (label >= s->classes)
        s->classes = label + 1;
    if (!s->names[label])
        s->names[label] = mem_strdup(name);
    return str_eq(s->names[label], name);
}

bool split_stays_inside(const char *path)
{
    if (*path == '/' || !*path)
        return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || !p[2]))
            return false;
    }
    return true;
}
