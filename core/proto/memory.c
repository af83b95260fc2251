/* Jansson's allocations: see memory.h. */
#include "core/proto/memory.h"

#include "core/base/mem.h"

#include <jansson.h>
#include <stdlib.h>

static void *checked(size_t size)
{
    return mem_alloc(size, 1);
}

void json_checked_memory(void)
{
    json_set_alloc_funcs(checked, free);
}
