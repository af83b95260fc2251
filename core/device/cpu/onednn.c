/*
 * oneDNN's engine, streams and packing: see onednn.h.
 */
#include "core/device/cpu/onednn.h"

#include "core/base/mem.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

const char *onednn_version(void)
{
    static char text[64];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return text;
}

struct onednn *onednn_new(int threads, struct err *e)
{
    struct onednn *o = mem_zero(1, sizeof *o);
    o->streams = mem_zero((size_t)threads, sizeof *o->streams);
    dnnl_status_t status = dnnl_engine_create(&o->engine, dnnl_cpu, 0);
    for (; !status && o->threads < threads; o->threads++)
        status = dnnl_stream_create(&o->streams[o->threads], o->engine, dnnl_stream_default_flags);
    if (status) {
        err_set(e, ERR_SYS, "oneDNN: no CPU engine (status %d)", (int)status);
        onednn_free(o);
        return NULL;
    }
    return o;
}

void onednn_free(struct onednn *o)
{
    for (int i = 0; i < o->threads; i++)
        dnnl_stream_destroy(o->streams[i]);
    free(o->streams);
    dnnl_engine_destroy(o->engine);
    free(o);
}

void onednn_alone(void)
{
    omp_set_num_threads(1); // its own threads would change the bits and crowd the cores
}

void onednn_fail(struct cpu *c, const char *what, dnnl_status_t status)
{
    if (!c->error.code)
        err_set(&c->error, status == dnnl_out_of_memory ? ERR_MEMORY : ERR_SYS,
                "oneDNN: %s failed with status %d", what, (int)status);
}

bool onednn_bf16(struct cpu *c)
{
    // Levels are sets of bits; one that includes another has all of its bits.
    const unsigned has = dnnl_get_effective_cpu_isa(), needs = dnnl_cpu_isa_avx512_core_bf16;
    if ((has & needs) == needs)
        return true;
    if (!c->error.code)
        err_set(&c->error, ERR_MISSING,
                "this CPU has no bf16 instructions (AVX512-BF16 or AMX); use precision fp32");
    return false;
}

dnnl_memory_t onednn_pack(struct cpu *c, const dnnl_memory_desc_t *plain, const void *from,
                          const dnnl_memory_desc_t *packed)
{
    dnnl_engine_t engine = c->onednn->engine;
    dnnl_memory_t source = NULL, out = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t reorder = NULL;
    onednn_alone();
    dnnl_status_t status = dnnl_memory_create(&source, plain, engine, (void *)from);
    if (!status)
        status = dnnl_memory_create(&out, packed, engine, DNNL_MEMORY_ALLOCATE);
    if (!status)
        status = dnnl_reorder_primitive_desc_create(&pd, plain, engine, packed, engine, NULL);
    if (!status)
        status = dnnl_primitive_create(&reorder, pd);
    if (!status) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, out}};
        status = dnnl_primitive_execute(reorder, c->onednn->streams[0], 2, args);
    }
    if (status) {
        onednn_fail(c, "packing weights", status);
        dnnl_memory_destroy(out);
        out = NULL;
    }
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(pd);
    dnnl_memory_destroy(source);
    return out;
}
