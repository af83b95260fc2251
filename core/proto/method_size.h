/*
 * How many numbers a method trains, before anything is run: from its parameters, the model's widths
 * and the classes and images it is trained on. tests/unit/method/test_parameters.c holds every
 * formula against what the method allocates.
 */
#ifndef PROMPTGRID_PROTO_METHOD_SIZE_H
#define PROMPTGRID_PROTO_METHOD_SIZE_H

#include <jansson.h>

struct method_sizes {
    long text_width, image_width, embed;          // C, V (0: not a vision transformer), E
    long classes, images;                         // K, N: of the training part
    long text_layers, image_layers, image_tokens; // of the towers; 0 = unknown
};

/* M: the words of the context, or what the method was told where it has none. */
long method_vectors(const json_t *params);

/* One function for a column of method_keys.c's table; `params` has every key of the method. */
typedef long (*method_count)(const json_t *params, const struct method_sizes *s);

long count_context(const json_t *params,
                   const struct method_sizes *s); // learned vectors or factors
long count_cocoop(const json_t *params, const struct method_sizes *s);
long count_maple(const json_t *params, const struct method_sizes *s);
long count_ivlp(const json_t *params, const struct method_sizes *s);
long count_vpt(const json_t *params, const struct method_sizes *s);
long count_linear_probe(const json_t *params, const struct method_sizes *s);
long count_clip_adapter(const json_t *params, const struct method_sizes *s);
long count_tip_adapter_f(const json_t *params, const struct method_sizes *s);
long count_taskres(const json_t *params, const struct method_sizes *s);

#endif
