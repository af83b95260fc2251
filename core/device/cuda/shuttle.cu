/*
 * Transfers beside the work, on a stream of their own. Why they are right:
 *
 * - The host may write a shuttle's memory after shuttle_host, which has waited for `moved`,
 * recorded behind the last copy from or to it.
 * - A send overwrites the device's block after `used`, which the work's stream records at
 *   shuttle_done, behind all that reads the block; the copy's stream waits for it.
 * - Work that is called after a send waits for `moved`, recorded behind the copy.
 * - A fetch is in the work's stream, behind the work that makes what it fetches.
 */
#include "core/device/cuda/cuda.cuh"

#include <stdlib.h>

extern "C" {
#include "core/base/mem.h"
}

struct shuttle {
    void *host;   // pinned
    void *device; // of the same size, from the first send on
    size_t bytes;
    cudaStream_t stream; // of the copies to the device
    cudaEvent_t moved, used;
};

struct shuttle *cuda_shuttle_new(struct device *d, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    if (c->error.code || cuda_recording(c, "a shuttle"))
        return NULL;
    struct shuttle *s = (struct shuttle *)mem_zero(1, sizeof *s);
    s->bytes = bytes ? bytes : 1;
    if (cuda_check(c, cudaMallocHost(&s->host, s->bytes), "pinned memory") &&
        cuda_check(c, cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking), "a stream") &&
        cuda_check(c, cudaEventCreateWithFlags(&s->moved, cudaEventDisableTiming), "an event") &&
        cuda_check(c, cudaEventCreateWithFlags(&s->used, cudaEventDisableTiming), "an event"))
        return s;
    cuda_shuttle_free(d, s);
    return NULL;
}

void cuda_shuttle_free(struct device *d, struct shuttle *s)
{
    if (!s)
        return;
    if (s->stream) {
        cudaStreamSynchronize(s->stream);
        cudaStreamDestroy(s->stream);
    }
    if (s->moved) // a fetch, if it is not over
        cudaEventSynchronize(s->moved);
    if (s->moved)
        cudaEventDestroy(s->moved);
    if (s->used)
        cudaEventDestroy(s->used);
    cuda_release(d, s->device);
    if (s->host)
        cudaFreeHost(s->host);
    free(s);
}

void *cuda_shuttle_host(struct device *d, struct shuttle *s)
{
    struct cuda *c = cuda_of(d);
    if (!cuda_recording(c, "a shuttle"))
        cuda_check(c, cudaEventSynchronize(s->moved), "a shuttle");
    return c->error.code ? NULL : s->host;
}

const void *cuda_shuttle_send(struct device *d, struct shuttle *s, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    BUG_IF(bytes > s->bytes);
    if (c->error.code || cuda_recording(c, "a shuttle"))
        return NULL;
    if (!s->device)
        s->device = cuda_alloc(d, s->bytes);
    if (!s->device || !cuda_check(c, cudaStreamWaitEvent(s->stream, s->used, 0), "a shuttle") ||
        (bytes &&
         !cuda_check(c,
                     cudaMemcpyAsync(s->device, s->host, bytes, cudaMemcpyHostToDevice, s->stream),
                     "a shuttle")) ||
        !cuda_check(c, cudaEventRecord(s->moved, s->stream), "a shuttle") ||
        !cuda_check(c, cudaStreamWaitEvent(c->stream, s->moved, 0), "a shuttle"))
        return NULL;
    return s->device;
}

void cuda_shuttle_done(struct device *d, struct shuttle *s)
{
    struct cuda *c = cuda_of(d);
    if (!c->error.code && !cuda_recording(c, "a shuttle"))
        cuda_check(c, cudaEventRecord(s->used, c->stream), "a shuttle");
}

void cuda_shuttle_fetch(struct device *d, struct shuttle *s, const void *from, size_t bytes)
{
    struct cuda *c = cuda_of(d);
    BUG_IF(bytes > s->bytes);
    if (c->error.code || cuda_recording(c, "a shuttle") || !bytes)
        return;
    if (cuda_check(c, cudaMemcpyAsync(s->host, from, bytes, cudaMemcpyDeviceToHost, c->stream),
                   "a shuttle"))
        cuda_check(c, cudaEventRecord(s->moved, c->stream), "a shuttle");
}
