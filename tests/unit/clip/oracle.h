/*
 * The random CLIPs of tests/oracle/clip: their weights and inputs are made from names, here and in
 * make.py alike, and only results are stored.
 */
#ifndef PROMPTGRID_TESTS_CLIP_ORACLE_H
#define PROMPTGRID_TESTS_CLIP_ORACLE_H

#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/model.h"
#include "core/clip/safetensors.h"

static const char *const oracle_names[] = {"small", "three", "wide"};
enum { ORACLES = sizeof oracle_names / sizeof *oracle_names };

struct oracle {
    char *folder, *model; // temporary; the weights
    struct clip_shape shape;
    struct safetensors fixture;
};

/* n numbers in [-scale, scale) that depend on the name only; yours to free(). */
static inline float *oracle_values(const char *name, size_t n, double scale)
{
    uint64_t seed = 0xcbf29ce484222325; // FNV-1a of the name, then splitmix64
    for (const char *p = name; *p; p++)
        seed = (seed ^ (unsigned char)*p) * 0x100000001b3;
    float *out = mem_alloc(n + 1, sizeof *out);
    for (size_t i = 0; i < n; i++) {
        uint64_t x = seed + (i + 1) * 0x9e3779b97f4a7c15;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        x = (x ^ x >> 31) >> 53;
        out[i] = (float)(((double)x - 1024) * scale / 1024);
    }
    return out;
}

/* A tensor of the fixture, of any shape; yours to free(). */
static inline float *oracle_floats(const struct oracle *o, const char *name)
{
    const struct tensor *t = safetensors_find(&o->fixture, name);
    struct err e;
    float *out = NULL;
    assert_non_null(t);
    assert_ok(safetensors_floats(&o->fixture, name, t->dims, t->shape, &out, &e), &e);
    return out;
}

/* The model's tensors as they are collected. */
struct oracle_model {
    struct tensor_out *tensors;
    size_t n, capacity;
};

static inline void oracle_tensor(struct oracle_model *m, const char *name, int dims, size_t a,
                                 size_t b, size_t c, size_t d)
{
    const size_t shape[4] = {a, b, c, d};
    size_t count = 1;
    for (int i = 0; i < dims; i++)
        count *= shape[i];
    float *data = oracle_values(
        name, count, dims < 2 ? 0.25 : sqrt(3.0 / (double)(count / shape[0]))); // as Clip.w
    for (size_t i = 0; dims == 1 && str_ends(name, ".weight") && i < count; i++)
        data[i] += 1;
    struct tensor_out t = {.name = mem_strdup(name), .dims = dims, .data = data};
    memcpy(t.shape, shape, sizeof shape);
    MEM_PUSH(m->tensors, m->n, m->capacity) = t;
}

static inline void oracle_block(struct oracle_model *m, const char *tower, int index, size_t C)
{
    const struct {
        const char *name;
        size_t rows, columns; // columns 0 = a vector
    } parts[] = {
        {"ln_1.weight", C, 0},
        {"ln_1.bias", C, 0},
        {"attn.in_proj_weight", 3 * C, C},
        {"attn.in_proj_bias", 3 * C, 0},
        {"attn.out_proj.weight", C, C},
        {"attn.out_proj.bias", C, 0},
        {"ln_2.weight", C, 0},
        {"ln_2.bias", C, 0},
        {"mlp.c_fc.weight", 4 * C, C},
        {"mlp.c_fc.bias", 4 * C, 0},
        {"mlp.c_proj.weight", C, 4 * C},
        {"mlp.c_proj.bias", C, 0},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *name = str_format("%stransformer.resblocks.%d.%s", tower, index, parts[i].name);
        oracle_tensor(m, name, parts[i].columns ? 2 : 1, parts[i].rows, parts[i].columns, 0, 0);
        free(name);
    }
}

static inline void oracle_text_tower(struct oracle_model *m, const struct clip_shape *s)
{
    const size_t C = (size_t)s->text_width;
    oracle_tensor(m, "token_embedding.weight", 2, (size_t)s->vocab, C, 0, 0);
    oracle_tensor(m, "positional_embedding", 2, (size_t)s->context, C, 0, 0);
    for (int i = 0; i < s->text_layers; i++)
        oracle_block(m, "", i, C);
    oracle_tensor(m, "ln_final.weight", 1, C, 0, 0, 0);
    oracle_tensor(m, "ln_final.bias", 1, C, 0, 0, 0);
    oracle_tensor(m, "text_projection", 2, C, (size_t)s->embed, 0, 0);
    oracle_tensor(m, "logit_scale", 0, 0, 0, 0, 0);
    *(float *)m->tensors[m->n - 1].data = 3;
}

/* Write and free the tensors. */
static inline void oracle_save(struct oracle_model *m, const char *path)
{
    struct err e;
    assert_ok(safetensors_write(path, m->tensors, m->n, NULL, &e), &e);
    for (size_t i = 0; i < m->n; i++) {
        free((char *)m->tensors[i].name);
        free((float *)m->tensors[i].data);
    }
    free(m->tensors);
    *m = (struct oracle_model){0};
}

static inline void oracle_write_model(const struct oracle *o)
{
    const struct clip_shape *s = &o->shape;
    struct oracle_model m = {0};
    const size_t vw = (size_t)s->vision_width, E = (size_t)s->embed;
    const size_t p = (size_t)s->patch, g = (size_t)(s->image_size / s->patch);
    oracle_tensor(&m, "visual.conv1.weight", 4, vw, 3, p, p);
    oracle_tensor(&m, "visual.class_embedding", 1, vw, 0, 0, 0);
    oracle_tensor(&m, "visual.positional_embedding", 2, 1 + g * g, vw, 0, 0);
    oracle_tensor(&m, "visual.ln_pre.weight", 1, vw, 0, 0, 0);
    oracle_tensor(&m, "visual.ln_pre.bias", 1, vw, 0, 0, 0);
    for (int i = 0; i < s->vision_layers; i++)
        oracle_block(&m, "visual.", i, vw);
    oracle_tensor(&m, "visual.ln_post.weight", 1, vw, 0, 0, 0);
    oracle_tensor(&m, "visual.ln_post.bias", 1, vw, 0, 0, 0);
    oracle_tensor(&m, "visual.proj", 2, vw, E, 0, 0);
    oracle_text_tower(&m, s);
    oracle_save(&m, o->model);
}

static inline void oracle_open(struct oracle *o, const char *name)
{
    struct err e;
    char *path = str_format("tests/oracle/clip/%s/fixture.safetensors", name);
    *o = (struct oracle){.folder = t_folder()};
    assert_ok(safetensors_open(&o->fixture, path, &e), &e);
    free(path);
    float *sizes = oracle_floats(o, "shape");
    struct clip_shape *s = &o->shape;
    int *const fields[] = {&s->image_size,    &s->patch,      &s->vision_width,
                           &s->vision_layers, &s->text_width, &s->text_layers,
                           &s->context,       &s->vocab,      &s->embed};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        *fields[i] = (int)sizes[i];
    free(sizes);
    o->model = fs_join(o->folder, "model.safetensors");
    oracle_write_model(o);
}

static inline void oracle_close(struct oracle *o)
{
    unlink(o->model);
    rmdir(o->folder);
    free(o->model);
    free(o->folder);
    safetensors_close(&o->fixture);
}

#endif
