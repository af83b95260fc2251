/* Memory of a GPU: see need.h. The terms are the allocations of core/clip and core/train, with
 * every optional one in; tests/unit/method/test_need.c holds them against what is allocated. */
#include "core/proto/need.h"

#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"

#include <stdbool.h>

enum {
    NAME_ROWS = 8,           // tokens of a class's name, its period and the end, or of a template
    MLP_ROWS = 1024,         // of core/clip/text.c
    KEPT_FLOATS = 80 << 20,  // MLP activations that core/clip/text.c keeps rather than recompute
    PROMPTS = 1024,          // at most so many prompts of CoCoOp at once
    ENCODED = 128,           // images that the encoder has in flight
    TESTED = 4096,           // rows of logits
    UNKNOWN_TOWER = 1 << 29, // floats of an image tower that is no transformer
    DECODED_FLOATS = 240 << 20, // two batches of decoded images, see runner/decode.h
    VIEWS_FLOATS = 32 << 20,    // between the passes of their views
    IMAGE_FLOATS = 1 << 18,     // a decoded image, and how many of them a method on pixels keeps
    IMAGES_FLOATS = 1 << 28,
};

/* Frozen matrices of a tower of `layers` blocks. */
static double tower_weights(long layers, long width, long embed)
{
    return 12.0 * (double)layers * (double)width * (double)width + (double)width * (double)embed;
}

/* R rows of the text tower, each with a path of at most `path` rows. */
static double text_floats(const struct method_sizes *s, double rows, double path, double classes,
                          bool backward)
{
    double C = (double)s->text_width, L = (double)s->text_layers, H = C / 64;
    double block = rows * (5 * C + 4 + H * path), kept = L * rows * 5 * C;
    return (backward ? L : 3) * block + (kept < KEPT_FLOATS ? kept : KEPT_FLOATS) + 9 * rows * C +
           8.0 * MLP_ROWS * C + 5 * classes * (double)s->embed;
}

/* `images` in the image tower, with or without gradients to its prompts. */
static double image_floats(const struct method_sizes *s, double images, double prompts,
                           bool backward)
{
    double V = (double)s->image_width, T = (double)s->image_tokens + prompts;
    double L = (double)s->image_layers, rows = images * T;
    if (!s->image_layers)
        return UNKNOWN_TOWER;
    return rows * V * (backward ? 9 * L + 12 : 12) + images * 3 * 336 * 336;
}

static long number(const json_t *params, const char *key, long otherwise)
{
    const json_t *value = json_object_get(params, key);
    return value ? (long)json_integer_value(value) : otherwise;
}

static bool says(const json_t *params, const char *key, const char *word)
{
    return str_eq(json_string_value(json_object_get(params, key)), word);
}

/* The prompts of `trees` images, or one forest for all, as rows. */
static double forest_floats(const json_t *params, const struct method_sizes *s, double trees,
                            bool backward)
{
    double K = (double)s->classes, M = (double)method_vectors(params);
    // Classes share the rows of a context that stands first and is one for all.
    bool shared = !says(params, "class-specific", "yes") && !says(params, "position", "front") &&
                  !says(params, "position", "middle");
    double own = NAME_ROWS + (shared ? 0 : M), rows = trees * (1 + M + K * own);
    return text_floats(s, rows, 1 + M + NAME_ROWS, trees * K, backward);
}

/* Decoded images of a method on pixels. */
static double pixel_floats(double images)
{
    double kept = images * IMAGE_FLOATS;
    return (kept < IMAGES_FLOATS ? kept : IMAGES_FLOATS) + VIEWS_FLOATS;
}

/* While training, and while testing: the larger. */
static double method_text(const json_t *params, const struct method_row *method,
                          const struct method_sizes *s, bool trains)
{
    double most = s->classes < PROMPTS ? (double)PROMPTS / (double)(s->classes + 1) : 1;
    double batch = (double)number(params, "batch", 1);
    if (!str_eq(method->name, "cocoop"))
        return forest_floats(params, s, 1, trains);
    double train = trains ? forest_floats(params, s, batch < most ? batch : most, true) : 0;
    double test = forest_floats(params, s, most, false);
    return train > test ? train : test;
}

static double learner_floats(const json_t *spec, const struct method_sizes *s)
{
    const json_t *params = json_object_get(spec, "params");
    const struct method_row *method = method_find(spec_get_text(spec, "method"));
    double K = (double)s->classes, N = (double)s->images, E = (double)s->embed;
    bool trains = method && method->trains && str_eq(spec_get_text(spec, "job"), "train");
    bool pixels = method && (method->needs & METHOD_PIXELS);
    double floats = tower_weights(s->text_layers, s->text_width, s->embed);
    if (!method)
        return floats;
    floats += method_text(params, method, s, trains);
    floats += TESTED * (E + 2 * K);
    if (pixels)
        floats += tower_weights(s->image_layers, s->image_width, s->embed) +
                  image_floats(s, ENCODED, (double)number(params, "length", 0), false) +
                  image_floats(s, (double)number(params, "batch", 1),
                               (double)number(params, "image-length", 16), trains) +
                  pixel_floats(N);
    else if (trains) // features, and what a cache of them makes: keys, moments, affinities, labels
        floats += N * (method->needs & METHOD_VAL_ALL ? 6 * E + 2 * K : 2 * E);
    if (method->parameters)
        floats += 5.0 * (double)method->parameters(params, s);
    return floats;
}

double need_gpu(const json_t *spec, const struct method_sizes *s)
{
    bool encodes = str_eq(spec_get_text(spec, "job"), "encode");
    double floats = encodes ? tower_weights(s->image_layers, s->image_width, s->embed) +
                                  image_floats(s, ENCODED, 0, false) + DECODED_FLOATS + VIEWS_FLOATS
                            : learner_floats(spec, s);
    return NEED_CONTEXT + 1.1 * 4 * floats;
}
