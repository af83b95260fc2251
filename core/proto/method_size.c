/* Numbers of trained parameters: see method_size.h. */
#include "core/proto/method_size.h"

#include "core/base/str.h"
#include "core/proto/method_keys.h"

#include <stdbool.h>

/* A whole number; 0 when the method has no such key. */
static long number(const json_t *params, const char *key)
{
    return (long)json_integer_value(json_object_get(params, key));
}

static const char *text(const json_t *params, const char *key)
{
    const char *value = json_string_value(json_object_get(params, key));
    return value ? value : "";
}

long method_vectors(const json_t *params)
{
    const char *words = text(params, "context");
    return *words ? method_words(words) : number(params, "length");
}

/* M vectors of one context: M C in full, R (M + C) of low rank. */
static long of_context(const json_t *params, long M, long C)
{
    long R = number(params, "rank");
    return R ? R * (M + C) : M * C;
}

long count_context(const json_t *params, const struct method_sizes *s)
{
    bool own = str_eq(text(params, "class-specific"), "yes") && !*text(params, "context");
    return (own ? s->classes : 1) * of_context(params, method_vectors(params), s->text_width);
}

/* The network E -> E / 16 -> C, weights and biases. (The literature's 34.8K leaves the biases out:
 * 4 x 512 + 512 x 32 + 32 x 512 = 34,816; with them it is 35,360.) */
long count_cocoop(const json_t *params, const struct method_sizes *s)
{
    long C = s->text_width, H = s->embed / 16;
    return of_context(params, method_vectors(params), C) + H * (s->embed + 1) + C * (H + 1);
}

/* The context, the deeper levels of the text's rows, and a layer C -> V for every level. */
long count_maple(const json_t *params, const struct method_sizes *s)
{
    long M = number(params, "length"), D = number(params, "depth"), C = s->text_width;
    return of_context(params, M, C) + (D - 1) * M * C + D * s->image_width * (C + 1);
}

/* The context, the deeper levels of the text's rows, and all levels of the image's. */
long count_ivlp(const json_t *params, const struct method_sizes *s)
{
    long M = number(params, "length"), D = number(params, "depth"), C = s->text_width;
    return of_context(params, M, C) + (D - 1) * M * C +
           D * number(params, "image-length") * s->image_width;
}

/* Every level's rows of the image tower, in full or of low rank. */
long count_vpt(const json_t *params, const struct method_sizes *s)
{
    return number(params, "depth") * of_context(params, number(params, "length"), s->image_width);
}

long count_linear_probe(const json_t *params, const struct method_sizes *s)
{
    (void)params;
    return s->classes * (s->embed + 1);
}

long count_clip_adapter(const json_t *params, const struct method_sizes *s)
{
    (void)params;
    return 2 * s->embed * (s->embed / 4);
}

long count_tip_adapter_f(const json_t *params, const struct method_sizes *s)
{
    (void)params;
    return s->images * s->embed;
}

long count_taskres(const json_t *params, const struct method_sizes *s)
{
    (void)params;
    return s->classes * s->embed;
}
