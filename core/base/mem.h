/*
 * Memory that is there or the program says so: none of these returns NULL.
 *
 * A failed allocation prints "out of memory: N bytes" and exits with status 3, so callers need no
 * branch for it. Sizes are count x size with the product checked. Blocks are released with free().
 */
#ifndef PROMPTGRID_BASE_MEM_H
#define PROMPTGRID_BASE_MEM_H

#include <stddef.h>

/* What else is to be said before that exit; it must not allocate. */
void mem_at_failure(void (*say)(const char *text));

void *mem_alloc(size_t count, size_t size);             // uninitialised
void *mem_zero(size_t count, size_t size);              // all bytes 0
void *mem_grow(void *block, size_t count, size_t size); // as realloc
void *mem_aligned(size_t count, size_t size);           // 64-byte aligned, uninitialised; free()
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);
void *mem_dup(const void *block, size_t bytes);

/* Make room for one more element: MEM_PUSH(items, n, capacity) = value; */
#define MEM_PUSH(items, n, capacity)                                                               \
    (*((n) == (capacity)                                                                           \
           ? ((capacity) = (capacity) ? 2 * (capacity) : 16,                                       \
              (items) = mem_grow((items), (size_t)(capacity), sizeof *(items)), &(items)[(n)++])   \
           : &(items)[(n)++]))

#endif
