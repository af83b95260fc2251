/*
 * Convolutions of images with channels last, and their average pooling.
 *
 * One image is a chunk: the same oneDNN primitive for each, on one thread, so an image's bits
 * depend neither on the threads nor on the other images. The sum with what y holds and the ReLU are
 * part of the primitive.
 */
#include "core/base/mem.h"
#include "core/device/cpu/onednn.h"
#include "core/device/cpu/vec.h"

#include <stdlib.h>

struct conv {
    size_t in, out; // elements of an image before and after
    bool bf16;
    float *bias; // (N)
    dnnl_memory_t weight;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t x, b, y, scratch;
};

/* For the flags and a scratchpad that the caller has; NULL after a failure. */
static dnnl_primitive_attr_t attributes(int flags)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t after = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (!status)
        status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (!status)
        status = dnnl_post_ops_create(&after);
    if (!status && flags & CONV_ADD)
        status = dnnl_post_ops_append_sum(after, 1);
    if (!status && flags & CONV_RELU)
        status = dnnl_post_ops_append_eltwise(after, 1, dnnl_eltwise_relu, 0, 0);
    if (!status)
        status = dnnl_primitive_attr_set_post_ops(attr, after);
    dnnl_post_ops_destroy(after);
    if (!status)
        return attr;
    dnnl_primitive_attr_destroy(attr);
    return NULL;
}

/* Makes the primitive; *packed is the layout it wants the weights in. */
static dnnl_status_t prepare(dnnl_engine_t engine, struct conv *w, const struct conv_shape *s,
                             int side, int flags, dnnl_memory_desc_t *packed)
{
    const dnnl_data_type_t type = w->bf16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_dims_t stride = {s->stride, s->stride}, padding = {s->k / 2, s->k / 2};
    dnnl_memory_desc_t any;
    dnnl_convolution_desc_t desc;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_desc_init_by_tag(&w->x, 4, (dnnl_dims_t){1, s->C, s->S, s->S}, type, dnnl_nhwc);
    dnnl_memory_desc_init_by_tag(&w->y, 4, (dnnl_dims_t){1, s->N, side, side}, dnnl_f32, dnnl_nhwc);
    dnnl_memory_desc_init_by_tag(&w->b, 1, (dnnl_dims_t){s->N}, dnnl_f32, dnnl_a);
    dnnl_memory_desc_init_by_tag(&any, 4, (dnnl_dims_t){s->N, s->C, s->k, s->k}, type,
                                 dnnl_format_tag_any);
    dnnl_status_t status =
        dnnl_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct,
                                           &w->x, &any, &w->b, &w->y, stride, padding, padding);
    dnnl_primitive_attr_t attr = attributes(flags);
    if (!status)
        status =
            attr ? dnnl_primitive_desc_create(&pd, &desc, attr, engine, NULL) : dnnl_out_of_memory;
    if (!status)
        status = dnnl_primitive_create(&w->primitive, pd);
    if (!status) {
        *packed = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
        w->scratch = *dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    }
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

struct conv *cpu_conv_new(struct device *d, const float *weight, const float *bias,
                          const struct conv_shape *s, int flags)
{
    BUG_IF(s->k % 2 == 0);
    struct cpu *c = cpu_of(d);
    struct conv *w = mem_zero(1, sizeof *w);
    const int side = (s->S - 1) / s->stride + 1;
    w->in = (size_t)s->S * (size_t)s->S * (size_t)s->C;
    w->out = (size_t)side * (size_t)side * (size_t)s->N;
    w->bias = mem_dup(bias, (size_t)s->N * sizeof *bias);
    w->bf16 = flags & CONV_BF16;
    if (w->bf16 && !onednn_bf16(c))
        return w;
    onednn_alone();
    dnnl_memory_desc_t packed, plain;
    const dnnl_status_t status = prepare(c->onednn->engine, w, s, side, flags, &packed);
    if (status) {
        onednn_fail(c, "preparing a convolution", status);
        return w;
    }
    dnnl_memory_desc_init_by_tag(&plain, 4, (dnnl_dims_t){s->N, s->C, s->k, s->k}, dnnl_f32,
                                 dnnl_oihw);
    w->weight = onednn_pack(c, &plain, weight, &packed);
    return w;
}

void cpu_conv_free(struct device *d, struct conv *w)
{
    (void)d;
    if (!w)
        return;
    dnnl_memory_destroy(w->weight);
    dnnl_primitive_destroy(w->primitive);
    free(w->bias);
    free(w);
}

struct convolution {
    struct cpu *c;
    const struct conv *w;
    float *y;
    const float *x;
};

static void convolution_chunk(void *arg, size_t image)
{
    const struct convolution *a = arg;
    const struct conv *w = a->w;
    dnnl_engine_t engine = a->c->onednn->engine;
    // The scratchpad, then the inputs in bf16; whole vectors keep the second part aligned.
    const size_t pad = (dnnl_memory_desc_get_size(&w->scratch) / 4 + LANES) / LANES * LANES;
    float *scratch = cpu_scratch(a->c, pad + (w->bf16 ? w->in / 2 + 1 : 0));
    const void *x = a->x + image * w->in;
    if (w->bf16) {
        narrow_bf16((uint16_t *)(scratch + pad), x, w->in);
        x = scratch + pad;
    }
    dnnl_memory_t mx, my, mb, ms;
    onednn_alone();
    dnnl_memory_create(&mx, &w->x, engine, (void *)x);
    dnnl_memory_create(&my, &w->y, engine, a->y + image * w->out);
    dnnl_memory_create(&mb, &w->b, engine, w->bias);
    dnnl_memory_create(&ms, &w->scratch, engine, scratch);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, mx},
                                    {DNNL_ARG_WEIGHTS, w->weight},
                                    {DNNL_ARG_BIAS, mb},
                                    {DNNL_ARG_DST, my},
                                    {DNNL_ARG_SCRATCHPAD, ms}};
    const dnnl_status_t status =
        dnnl_primitive_execute(w->primitive, a->c->onednn->streams[thread_worker()], 5, args);
    if (status)
        BUG("oneDNN: a prepared convolution failed with status %d", (int)status);
    dnnl_memory_destroy(mx);
    dnnl_memory_destroy(my);
    dnnl_memory_destroy(mb);
    dnnl_memory_destroy(ms);
}

void cpu_conv_fwd(struct device *d, float *y, const float *x, const struct conv *w, int B)
{
    struct convolution a = {cpu_of(d), w, y, x};
    if (a.c->error.code)
        return;
    BUG_IF(!w->weight);
    thread_run(a.c->pool, (size_t)B, convolution_chunk, &a);
}

struct pooling {
    float *y;
    const float *x;
    int S, C, k;
};

/* One row of windows of one image. */
CPU_CLONES static void pool_row(float *restrict y, const float *restrict x, int S, int C, int k)
{
    const float scale = 1.0f / (float)(k * k);
    for (int column = 0; column < S / k; column++, y += C) {
        memset(y, 0, (size_t)C * sizeof *y);
        for (int i = 0; i < k * k; i++) {
            const float *from = x + (size_t)(i / k * S + column * k + i % k) * (size_t)C;
            for (int c = 0; c < C; c++)
                y[c] += from[c];
        }
        for (int c = 0; c < C; c++)
            y[c] *= scale;
    }
}

static void pool_chunk(void *arg, size_t row)
{
    const struct pooling *a = arg;
    const size_t S = (size_t)a->S, C = (size_t)a->C, k = (size_t)a->k;
    pool_row(a->y + row * (S / k) * C, a->x + row * k * S * C, a->S, a->C, a->k);
}

void cpu_avgpool(struct device *d, float *y, const float *x, int B, int S, int C, int k)
{
    BUG_IF(S % k);
    struct pooling a = {y, x, S, C, k};
    if (!cpu_of(d)->error.code)
        thread_run(cpu_of(d)->pool, (size_t)B * (size_t)(S / k), pool_chunk, &a);
}
