/*
 * A run of operations as one CUDA graph: captured from the stream, launched again and again.
 *
 * A graph holds the pointers and sizes that the operations had. Scratch that grows later is
 * retired, not freed (memory.cu), so those pointers stay good.
 */
#include "core/device/cuda/cuda.cuh"

#include <stdlib.h>

extern "C" {
#include "core/base/mem.h"
}

struct recording {
    cudaGraphExec_t graph;
};

bool cuda_recording(struct cuda *c, const char *what)
{
    if (c->recording && !c->error.code)
        err_set(&c->error, ERR_SYS, "cuda:%d: %s cannot be recorded", c->index, what);
    return c->recording;
}

void cuda_record_begin(struct device *d)
{
    struct cuda *c = cuda_of(d);
    if (c->error.code || cuda_recording(c, "a recording"))
        return;
    c->recording = cuda_check(
        c, cudaStreamBeginCapture(c->stream, cudaStreamCaptureModeThreadLocal), "recording");
}

struct recording *cuda_record_end(struct device *d)
{
    struct cuda *c = cuda_of(d);
    cudaGraph_t graph = NULL;
    struct recording *r = NULL;
    if (!c->recording)
        return NULL;
    c->recording = false;
    cuda_check(c, cudaStreamEndCapture(c->stream, &graph), "recording");
    if (!c->error.code) {
        r = (struct recording *)mem_zero(1, sizeof *r);
        if (!cuda_check(c, cudaGraphInstantiate(&r->graph, graph, 0), "recording")) {
            cuda_record_free(d, r);
            r = NULL;
        }
    }
    if (graph)
        cudaGraphDestroy(graph);
    return r;
}

void cuda_replay(struct device *d, const struct recording *r)
{
    struct cuda *c = cuda_of(d);
    if (!c->error.code && !cuda_recording(c, "a replay"))
        cuda_check(c, cudaGraphLaunch(r->graph, c->stream), "replay");
}

void cuda_record_free(struct device *d, struct recording *r)
{
    (void)d;
    if (r && r->graph)
        cudaGraphExecDestroy(r->graph); // one that runs is freed when it ends
    free(r);
}
