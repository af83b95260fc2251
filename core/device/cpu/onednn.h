/*
 * oneDNN for gemm.c and conv.c: engine, streams, packing of weights.
 *
 * oneDNN runs single-threaded here: work is cut into chunks of a fixed size and the pool computes
 * each on one thread, so the bits do not depend on the threads.
 */
#ifndef PROMPTGRID_DEVICE_CPU_ONEDNN_H
#define PROMPTGRID_DEVICE_CPU_ONEDNN_H

#include "core/device/cpu/cpu.h"

#include <dnnl.h>

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t *streams; // (threads)
    int threads;
};

/* Keep oneDNN on the calling thread; before every call that makes or runs a primitive. */
void onednn_alone(void);

/* The sticky error, unless there is one: "oneDNN: <what> failed with status N". */
void onednn_fail(struct cpu *c, const char *what, dnnl_status_t status);

/* The CPU multiplies bf16; if not, the sticky error says so. */
bool onednn_bf16(struct cpu *c);

/* Weights at `from`, laid out as `plain`, in the layout `packed`; NULL after a failure. */
dnnl_memory_t onednn_pack(struct cpu *c, const dnnl_memory_desc_t *plain, const void *from,
                          const dnnl_memory_desc_t *packed);

#endif
