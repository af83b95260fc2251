/*
 * The GPU's own clock: two events in the stream, for the benches.
 */
#include "core/device/cuda/cuda.cuh"

void cuda_mark(struct device *d, int which)
{
    struct cuda *c = cuda_of(d);
    if (c->error.code || cuda_recording(c, "the clock"))
        return;
    if (c->marks[which] || cuda_check(c, cudaEventCreate(&c->marks[which]), "the clock"))
        cuda_check(c, cudaEventRecord(c->marks[which], c->stream), "the clock");
}

double cuda_elapsed(struct device *d)
{
    struct cuda *c = cuda_of(d);
    float ms = 0;
    if (!c->error.code && c->marks[0] && c->marks[1] &&
        cuda_check(c, cudaEventSynchronize(c->marks[1]), "the clock"))
        cuda_check(c, cudaEventElapsedTime(&ms, c->marks[0], c->marks[1]), "the clock");
    return 1e-3 * ms;
}

void cuda_clock_free(struct cuda *c)
{
    for (int i = 0; i < 2; i++)
        if (c->marks[i])
            cudaEventDestroy(c->marks[i]);
}
