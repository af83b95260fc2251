/* Checked allocation: see mem.h. */
#include "core/base/mem.h"

#include "core/base/sys.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*at_failure)(const char *text);

void mem_at_failure(void (*say)(const char *text))
{
    at_failure = say;
}

static _Noreturn void out_of_memory(size_t count, size_t size)
{
    char text[80];
    snprintf(text, sizeof text, "out of memory: %zu x %zu bytes", count, size);
    fprintf(stderr, "%s\n", text);
    if (at_failure)
        at_failure(text);
    exit(3);
}

static size_t product(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 2 / size)
        out_of_memory(count, size);
    size_t bytes = count * size;
    return bytes ? bytes : 1; // a block of no bytes is a block too
}

void *mem_alloc(size_t count, size_t size)
{
    void *block = sys_malloc(product(count, size));
    if (!block)
        out_of_memory(count, size);
    return block;
}

void *mem_zero(size_t count, size_t size)
{
    void *block = sys_fails(CALL_ALLOC) ? NULL : calloc(1, product(count, size));
    if (!block)
        out_of_memory(count, size);
    return block;
}

void *mem_grow(void *block, size_t count, size_t size)
{
    block = sys_realloc(block, product(count, size));
    if (!block)
        out_of_memory(count, size);
    return block;
}

void *mem_aligned(size_t count, size_t size)
{
    size_t bytes = (product(count, size) + 63) & ~(size_t)63;
    void *block = sys_fails(CALL_ALLOC) ? NULL : aligned_alloc(64, bytes);
    if (!block)
        out_of_memory(count, size);
    return block;
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text) + 1);
}

char *mem_strndup(const char *text, size_t length)
{
    char *copy = mem_alloc(length + 1, 1);
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

void *mem_dup(const void *block, size_t bytes)
{
    return memcpy(mem_alloc(bytes, 1), block, bytes);
}
