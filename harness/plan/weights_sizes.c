/* Widths from a safetensors header: see weights_sizes.h. */
#include "harness/plan/weights_sizes.h"

#include "core/base/fs.h"
#include "core/base/str.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 8, HEADER_LIMIT = 16 << 20, LAYERS_LIMIT = 1000 };

/* Which dimension of which tensor is a width; the first name that is there counts. */
static const struct {
    const char *tensor;
    size_t dimension, field;
} widths[] = {
    {"ln_final.weight", 0, offsetof(struct method_sizes, text_width)},
    {"text_model.final_layer_norm.weight", 0, offsetof(struct method_sizes, text_width)},
    {"text_projection", 1, offsetof(struct method_sizes, embed)},
    {"text_projection.weight", 0, offsetof(struct method_sizes, embed)},
    {"visual.class_embedding", 0, offsetof(struct method_sizes, image_width)},
    {"vision_model.embeddings.class_embedding", 0, offsetof(struct method_sizes, image_width)},
    {"visual.positional_embedding", 0, offsetof(struct method_sizes, image_tokens)},
    {"vision_model.embeddings.position_embedding.weight", 0,
     offsetof(struct method_sizes, image_tokens)},
    {"visual.attnpool.positional_embedding", 0, offsetof(struct method_sizes, image_tokens)},
};

/* Blocks of the towers, numbered in the names of their tensors. */
static const struct {
    const char *prefix;
    size_t field;
} layers[] = {
    {"transformer.resblocks.", offsetof(struct method_sizes, text_layers)},
    {"text_model.encoder.layers.", offsetof(struct method_sizes, text_layers)},
    {"visual.transformer.resblocks.", offsetof(struct method_sizes, image_layers)},
    {"vision_model.encoder.layers.", offsetof(struct method_sizes, image_layers)},
};

static void count_layers(struct method_sizes *s, const char *tensor)
{
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        if (!str_starts(tensor, layers[i].prefix))
            continue;
        long *field = (long *)((char *)s + layers[i].field);
        long number = strtol(tensor + strlen(layers[i].prefix), NULL, 10) + 1;
        if (number > *field && number < LAYERS_LIMIT)
            *field = number;
    }
}

static json_t *read_header(const struct fs_map *map)
{
    uint64_t size = 0;
    if (map->size < PREFIX)
        return NULL;
    for (int i = PREFIX - 1; i >= 0; i--)
        size = size << 8 | map->data[i];
    if (size > HEADER_LIMIT || size > map->size - PREFIX)
        return NULL;
    return json_loadb((const char *)map->data + PREFIX, (size_t)size, 0, NULL);
}

bool weights_sizes(struct method_sizes *s, const char *path)
{
    struct fs_map map;
    struct err e;
    *s = (struct method_sizes){0};
    if (fs_map_open(&map, path, &e) < 0)
        return false;
    json_t *header = read_header(&map);
    fs_map_close(&map);
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const json_t *shape = json_object_get(json_object_get(header, widths[i].tensor), "shape");
        long *field = (long *)((char *)s + widths[i].field);
        if (shape && !*field)
            *field = (long)json_integer_value(json_array_get(shape, widths[i].dimension));
    }
    const char *tensor;
    json_t *unused;
    json_object_foreach(header, tensor, unused)
    {
        count_layers(s, tensor);
    }
    json_decref(header);
    return s->text_width > 0 && s->embed > 0;
}
