/*
 * Device memory: every block is a mapping of its own between guard pages, ends right before one
 * (but for the alignment that cudaMalloc promises), and starts as not-a-number. Only kernels and
 * copies can touch it: a host that follows a device pointer crashes, as it does with a GPU. (Where
 * the CPU has protection keys that costs nothing; elsewhere every block is opened and closed.)
 */
#include "runtime.h"

#include <map>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

enum {
    PAGE = 4096,
    ALIGNMENT = 256,
    CANARY = 0xcb,
    MOST = 1 << 20 // bytes that are made not-a-number: pages nobody touched cost nothing
};

struct mapping {
    char *map;
    size_t mapped, bytes; // bytes that were asked for
    char *end;            // of the last whole alignment
};

static std::map<const char *, struct mapping> blocks; // by their address
static size_t used;
static std::map<const char *, size_t> pinned;

static int key(void)
{
    static int k = -2;
    if (k == -2)
        k = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    return k;
}

static void protect(const struct mapping &m, int how)
{
    if (mprotect(m.map + PAGE, m.mapped - 2 * PAGE, how) < 0)
        emu_die("mprotect failed");
}

void emu_memory_open(bool open)
{
    static int depth;
    depth += open ? 1 : -1;
    if (depth != (open ? 1 : 0))
        return; // work that waits for other work
    if (key() >= 0)
        pkey_set(key(), open ? 0 : PKEY_DISABLE_ACCESS);
    else
        for (const auto &block : blocks)
            protect(block.second, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

bool emu_on_device(const void *p, size_t bytes)
{
    auto after = blocks.upper_bound((const char *)p);
    if (after == blocks.begin())
        return false;
    const auto &block = *--after;
    return (const char *)p + bytes <= block.first + block.second.bytes;
}

cudaError_t cudaMalloc(void **block, size_t bytes)
{
    emu_drain();
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes == 0) {
        *block = NULL;
        return cudaSuccess;
    }
    if (rounded < bytes || rounded > emu_device()->memory - used)
        return cudaErrorMemoryAllocation;
    size_t pages = (rounded + PAGE - 1) / PAGE * PAGE;
    struct mapping m = {NULL, pages + 2 * PAGE, bytes, NULL};
    m.map =
        (char *)mmap(NULL, m.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m.map == MAP_FAILED)
        return cudaErrorMemoryAllocation;
    char *start = m.map + PAGE + pages - rounded;
    m.end = start + rounded;
    if (mprotect(m.map + PAGE, pages, PROT_READ | PROT_WRITE) < 0)
        return cudaErrorMemoryAllocation;
    memset(start, 0xff, bytes < (size_t)MOST ? bytes : (size_t)MOST);
    memset(m.map + PAGE, CANARY, pages - rounded);
    memset(start + bytes, CANARY, rounded - bytes);
#ifdef __SANITIZE_ADDRESS__
    ASAN_POISON_MEMORY_REGION(m.map + PAGE, pages - rounded);
    ASAN_POISON_MEMORY_REGION(start + bytes, rounded - bytes);
#endif
    if (key() >= 0)
        pkey_mprotect(m.map + PAGE, pages, PROT_READ | PROT_WRITE, key());
    else
        protect(m, PROT_NONE);
    used += rounded;
    blocks[start] = m;
    *block = start;
    return cudaSuccess;
}

cudaError_t cudaFree(void *block)
{
    emu_drain();
    if (!block)
        return cudaSuccess;
    auto found = blocks.find((const char *)block);
    if (found == blocks.end())
        return cudaErrorInvalidValue;
    struct mapping m = found->second;
    emu_memory_open(true);
#ifdef __SANITIZE_ADDRESS__
    ASAN_UNPOISON_MEMORY_REGION(m.map + PAGE, m.mapped - 2 * PAGE);
#endif
    for (const char *at = m.map + PAGE; at < m.end; at++)
        if ((at < block || at >= (char *)block + m.bytes) && (unsigned char)*at != CANARY)
            emu_die("something wrote outside a block of %zu bytes, at %td", m.bytes,
                    at - (char *)block);
    emu_memory_open(false);
    used -= (size_t)(m.end - (char *)block);
    munmap(m.map, m.mapped);
    blocks.erase(found);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total)
{
    *total = emu_device()->memory;
    *free_bytes = *total - used;
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **block, size_t bytes)
{
    *block = malloc(bytes);
    if (!*block)
        return cudaErrorMemoryAllocation;
    pinned[(const char *)*block] = bytes;
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *block)
{
    emu_drain();
    if (block && !pinned.erase((const char *)block))
        return cudaErrorInvalidValue;
    free(block);
    return cudaSuccess;
}

/* Whether a copy to or from host memory may still be under way when the call returns. */
static bool is_pinned(const void *p, size_t bytes)
{
    auto after = pinned.upper_bound((const char *)p);
    if (after == pinned.begin())
        return false;
    const auto &block = *--after;
    return (const char *)p + bytes <= block.first + block.second;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s)
{
    bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    if (bytes == 0)
        return cudaSuccess;
    if (kind == cudaMemcpyDefault || emu_on_device(from, bytes) != from_device ||
        emu_on_device(to, bytes) != to_device)
        return cudaErrorInvalidValue;
    cudaError_t status = emu_enqueue(s, [=] { memcpy(to, from, bytes); });
    // Pageable memory is copied before the call returns.
    if ((!from_device && !is_pinned(from, bytes)) || (!to_device && !is_pinned(to, bytes)))
        return status ? status : cudaStreamSynchronize(s);
    return status;
}

cudaError_t cudaMemsetAsync(void *block, int value, size_t bytes, cudaStream_t s)
{
    if (bytes == 0)
        return cudaSuccess;
    if (!emu_on_device(block, bytes))
        return cudaErrorInvalidValue;
    return emu_enqueue(s, [=] { memset(block, value, bytes); });
}
