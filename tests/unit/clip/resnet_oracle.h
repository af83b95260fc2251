/* The random ResNet CLIPs of tests/oracle/resnet, made from names as in oracle.h. */
#ifndef PROMPTGRID_TESTS_CLIP_RESNET_ORACLE_H
#define PROMPTGRID_TESTS_CLIP_RESNET_ORACLE_H

#include "clip/oracle.h"

static const char *const resnet_names[] = {"small", "odd"};
enum { RESNETS = sizeof resnet_names / sizeof *resnet_names };

/* "<conv>.weight" (N, C, k, k) and the BatchNorm behind it. */
static inline void resnet_conv(struct oracle_model *m, const char *at, const char *conv,
                               const char *norm, size_t N, size_t C, size_t k)
{
    static const char *const stats[] = {"weight", "bias", "running_mean", "running_var"};
    char *name = str_format("%s%s.weight", at, conv);
    oracle_tensor(m, name, 4, N, C, k, k);
    free(name);
    for (int i = 0; i < 4; i++) {
        name = str_format("%s%s.%s", at, norm, stats[i]);
        oracle_tensor(m, name, 1, N, 0, 0, 0);
        free(name);
    }
    float *var = (float *)m->tensors[m->n - 1].data;
    for (size_t i = 0; i < N; i++)
        var[i] = 1 + 2 * var[i];
}

static inline void resnet_stages(struct oracle_model *m, const struct clip_shape *s)
{
    size_t in = (size_t)s->vision_width;
    for (int stage = 0; stage < 4; stage++)
        for (int b = 0; b < s->stages[stage]; b++) {
            const size_t planes = (size_t)s->vision_width << stage;
            char *at = str_format("visual.layer%d.%d.", stage + 1, b);
            resnet_conv(m, at, "conv1", "bn1", planes, in, 1);
            resnet_conv(m, at, "conv2", "bn2", planes, planes, 3);
            resnet_conv(m, at, "conv3", "bn3", 4 * planes, planes, 1);
            if (b == 0)
                resnet_conv(m, at, "downsample.0", "downsample.1", 4 * planes, in, 1);
            in = 4 * planes;
            free(at);
        }
}

static inline void resnet_tensors(struct oracle_model *m, const struct clip_shape *s)
{
    const size_t w = (size_t)s->vision_width, F = 32 * w, g = (size_t)s->image_size / 32;
    resnet_conv(m, "visual.", "conv1", "bn1", w / 2, 3, 3);
    resnet_conv(m, "visual.", "conv2", "bn2", w / 2, w / 2, 3);
    resnet_conv(m, "visual.", "conv3", "bn3", w, w / 2, 3);
    resnet_stages(m, s);
    oracle_tensor(m, "visual.attnpool.positional_embedding", 2, 1 + g * g, F, 0, 0);
    static const char *const layers[] = {"q_proj", "k_proj", "v_proj", "c_proj"};
    for (int i = 0; i < 4; i++) {
        char *weight = str_format("visual.attnpool.%s.weight", layers[i]);
        char *bias = str_format("visual.attnpool.%s.bias", layers[i]);
        const size_t out = i == 3 ? (size_t)s->embed : F;
        oracle_tensor(m, weight, 2, out, F, 0, 0);
        oracle_tensor(m, bias, 1, out, 0, 0, 0);
        free(weight);
        free(bias);
    }
    oracle_text_tower(m, s);
}

static inline void resnet_open(struct oracle *o, const char *name)
{
    struct err e;
    char *path = str_format("tests/oracle/resnet/%s/fixture.safetensors", name);
    *o = (struct oracle){.folder = t_folder()};
    assert_ok(safetensors_open(&o->fixture, path, &e), &e);
    free(path);
    float *sizes = oracle_floats(o, "shape");
    struct clip_shape *s = &o->shape;
    *s = (struct clip_shape){
        .patch = 32, .text_width = 64, .text_layers = 1, .context = 8, .vocab = 20};
    s->kind = CLIP_RESNET;
    s->image_size = (int)sizes[0];
    s->vision_width = (int)sizes[1];
    for (int i = 0; i < 4; i++) {
        s->stages[i] = (int)sizes[2 + i];
        s->vision_layers += s->stages[i];
    }
    s->embed = (int)sizes[6];
    free(sizes);
    o->model = fs_join(o->folder, "model.safetensors");
    struct oracle_model m = {0};
    resnet_tensors(&m, s);
    oracle_save(&m, o->model);
}

#endif
