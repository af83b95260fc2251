/* libgit2's memory through core/base/mem.h: see revision_sys.h. Its calls also tell a file and a
 * line of its own. */
#include "harness/system/revision_sys.h"

#include "core/base/mem.h"

#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_alloc(size, 1);
}

static void *take_array(size_t n, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_alloc(n, size);
}

static void *take_zeros(size_t n, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_zero(n, size);
}

static void *resize(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_grow(block, size, 1);
}

static void *resize_array(void *block, size_t n, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_grow(block, n, size);
}

static char *copy(const char *text, size_t length, const char *file, int line)
{
    (void)file, (void)line;
    return mem_strndup(text, length);
}

static char *copy_all(const char *text, const char *file, int line)
{
    return copy(text, strlen(text), file, line);
}

static char *copy_some(const char *text, size_t limit, const char *file, int line)
{
    return copy(text, strnlen(text, limit), file, line);
}

void revision__init(void)
{
    static bool ready;
    static git_allocator ours = {.gmalloc = take,
                                 .gcalloc = take_zeros,
                                 .gstrdup = copy_all,
                                 .gstrndup = copy_some,
                                 .gsubstrdup = copy,
                                 .grealloc = resize,
                                 .greallocarray = resize_array,
                                 .gmallocarray = take_array,
                                 .gfree = free};
    if (ready)
        return;
    git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &ours);
    ready = git_libgit2_init() > 0;
}
