/* Which images a bank holds: see cover.h. */
#include "core/data/cover.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/fewshot.h"
#include "core/proto/spec.h"

enum split_part cover_part(const json_t *spec)
{
    const char *name = spec_get_text(spec, "part");
    int part = 0;
    while (!str_eq(name, split_part_names[part]))
        part++;
    return (enum split_part)part;
}

/* Keep the selected images of base classes only, in order. */
static size_t keep_base(const struct split *s, enum split_part part, size_t *items, size_t n)
{
    int base = split_base_classes(s->classes);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (s->part[part].items[items[i]].label < base)
            items[kept++] = items[i];
    return kept;
}

int cover_items(const struct split *s, const json_t *spec, size_t **items, size_t *n, struct err *e)
{
    enum split_part part = cover_part(spec);
    if (str_eq(spec_get_text(spec, "cover"), "all")) {
        *n = s->part[part].n;
        *items = mem_alloc(*n, sizeof **items);
        for (size_t i = 0; i < *n; i++)
            (*items)[i] = i;
        return 0;
    }
    int shots = (int)spec_get_int(spec, "shots"), rc = 0;
    uint64_t seed = (uint64_t)spec_get_int(spec, "seed");
    if (json_object_get(spec, "sampler"))
        rc = fewshot_select_numpy(s, part, shots, seed, items, n, e);
    else
        fewshot_select(s, part, shots, seed, items, n);
    if (rc == 0 && str_eq(spec_get_text(spec, "classes"), "base"))
        *n = keep_base(s, part, *items, *n);
    return rc;
}
