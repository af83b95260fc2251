/*
 * Blocks of device memory, transfers through pinned memory, scratch that grows.
 *
 * Host memory is copied into (out of) a ring of pinned pieces, so an upload returns at once and the
 * caller may change its array, and a large transfer copies one piece while another is on its way.
 */
#include "core/device/cuda/cuda.cuh"

#include <stdlib.h>
#include <string.h>

extern "C" {
#include "core/base/mem.h"
}

enum { PIECES = 4 };
static const size_t PIECE = (size_t)4 << 20;

struct staging {
    char *memory; // PIECES of PIECE bytes, pinned
    cudaEvent_t moved[PIECES];
    int next; // the piece that has rested longest
};

struct staging *staging_new(struct cuda *c)
{
    struct staging *s = (struct staging *)mem_zero(1, sizeof *s);
    bool good = cuda_check(c, cudaMallocHost((void **)&s->memory, PIECES * PIECE), "pinned memory");
    for (int i = 0; good && i < PIECES; i++)
        good = cuda_check(c, cudaEventCreateWithFlags(&s->moved[i], cudaEventDisableTiming),
                          "an event");
    return s;
}

void staging_free(struct staging *s)
{
    for (int i = 0; i < PIECES; i++)
        if (s->moved[i])
            cudaEventDestroy(s->moved[i]);
    if (s->memory)
        cudaFreeHost(s->memory);
    free(s);
}

void cuda_release(struct device *d, void *block)
{
    struct cuda *c = cuda_of(d);
    if (!block)
        return;
    if (!cuda_recording(c, "release"))
        cudaStreamSynchronize(c->stream); // for what still uses it
    cudaFree(block);
}

void *cuda_alloc(struct device *d, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    void *block = NULL;
    if (c->error.code || cuda_recording(c, "alloc"))
        return NULL;
    if (cudaMalloc(&block, bytes ? bytes : 1) == cudaSuccess)
        return block;
    size_t left = 0, total = 0;
    cudaGetLastError();
    cudaMemGetInfo(&left, &total);
    err_set(&c->error, ERR_MEMORY, "cuda:%d: not enough memory: %zu bytes, %zu of %zu MiB are free",
            c->index, bytes, left >> 20, total >> 20);
    return NULL;
}

void cuda_upload(struct device *d, void *to, const void *from, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    struct staging *s = c->staging;
    if (bytes && cuda_recording(c, "upload"))
        return;
    for (size_t at = 0; at < bytes && !c->error.code;) {
        int i = s->next;
        size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        char *piece = s->memory + (size_t)i * PIECE;
        s->next = (i + 1) % PIECES;
        if (!cuda_check(c, cudaEventSynchronize(s->moved[i]), "upload"))
            return;
        memcpy(piece, (const char *)from + at, n);
        cuda_check(c, cudaMemcpyAsync((char *)to + at, piece, n, cudaMemcpyHostToDevice, c->stream),
                   "upload");
        cuda_check(c, cudaEventRecord(s->moved[i], c->stream), "upload");
        at += n;
    }
}

/* Start to bring the piece at `at` into pinned memory i. */
static void fetch(struct cuda *c, const void *from, size_t bytes, size_t at, int i)
{
    struct staging *s = c->staging;
    size_t n = bytes - at < PIECE ? bytes - at : PIECE;
    cuda_check(c,
               cudaMemcpyAsync(s->memory + (size_t)i * PIECE, (const char *)from + at, n,
                               cudaMemcpyDeviceToHost, c->stream),
               "download");
    cuda_check(c, cudaEventRecord(s->moved[i], c->stream), "download");
}

void cuda_download(struct device *d, void *to, const void *from, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    struct staging *s = c->staging;
    if (bytes && cuda_recording(c, "download"))
        return;
    // Uploads still under way are earlier in the stream, so every piece is free in time.
    if (bytes && !c->error.code)
        fetch(c, from, bytes, 0, 0);
    for (size_t at = 0, piece = 0; at < bytes && !c->error.code; at += PIECE, piece++) {
        int i = (int)(piece % PIECES);
        if (at + PIECE < bytes)
            fetch(c, from, bytes, at + PIECE, (i + 1) % PIECES);
        if (!cuda_check(c, cudaEventSynchronize(s->moved[i]), "download"))
            return;
        memcpy((char *)to + at, s->memory + (size_t)i * PIECE,
               bytes - at < PIECE ? bytes - at : PIECE);
    }
}

void cuda_zero(struct device *d, void *block, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    if (!c->error.code && bytes)
        cuda_check(c, cudaMemsetAsync(block, 0, bytes, c->stream), "zero");
}

void cuda_copy(struct device *d, void *to, const void *from, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    if (!c->error.code && bytes)
        cuda_check(c, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, c->stream),
                   "copy");
}

int cuda_sync(struct device *d, struct err *e)
{
    struct cuda *c = cuda_of(d);
    if (!cuda_recording(c, "sync"))
        cuda_check(c, cudaStreamSynchronize(c->stream), "sync");
    if (!c->error.code)
        return 0;
    *e = c->error;
    c->error.code = 0;
    return e->code;
}

void *cuda_scratch(struct cuda *c, enum cuda_scratch which, size_t bytes)
{
    if (c->error.code)
        return NULL;
    if (c->scratch[which].bytes >= bytes)
        return c->scratch[which].block;
    if (cuda_recording(c, "more scratch memory"))
        return NULL;
    size_t room = bytes + bytes / 4;
    void *block = cuda_alloc(&c->device, room);
    if (!block)
        return NULL;
    if (c->scratch[which].block) {
        if (c->retirees == c->retired_room) {
            c->retired_room = c->retired_room ? 2 * c->retired_room : 16;
            c->retired = (void **)mem_grow(c->retired, (size_t)c->retired_room, sizeof(void *));
        }
        c->retired[c->retirees++] = c->scratch[which].block;
    }
    c->scratch[which].block = block;
    c->scratch[which].bytes = room;
    return block;
}

void cuda_memory_release(struct cuda *c)
{
    for (int i = 0; i < SCRATCHES; i++)
        cuda_release(&c->device, c->scratch[i].block);
    for (int i = 0; i < c->retirees; i++)
        cuda_release(&c->device, c->retired[i]);
    free(c->retired);
}
