/* libgit2's memory through core/base/sys.h: see revision_sys.h. */
#include "harness/revision_sys.h"

#include "core/base/sys.h"

#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool failed; // once is enough: what was read then is not to be believed

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *block = sys_malloc(size);
    failed |= !block;
    return block;
}

static void *resize(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *larger = sys_realloc(block, size);
    failed |= !larger;
    return larger;
}

static void *resize_array(void *block, size_t n, size_t size, const char *file, int line)
{
    return size && n > SIZE_MAX / size ? NULL : resize(block, n * size, file, line);
}

static void *take_array(size_t n, size_t size, const char *file, int line)
{
    return resize_array(NULL, n, size, file, line);
}

static void *take_zeros(size_t n, size_t size, const char *file, int line)
{
    void *block = take_array(n, size, file, line);
    return block ? memset(block, 0, n * size) : NULL;
}

static char *copy(const char *text, size_t length, const char *file, int line)
{
    char *block = take(length + 1, file, line);
    if (!block)
        return NULL;
    memcpy(block, text, length);
    block[length] = 0;
    return block;
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
    failed = false;
    if (ready)
        return;
    git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &ours);
    ready = git_libgit2_init() > 0;
}

bool revision__no_memory(void)
{
    return failed;
}
