/*
 * The image tower in bf16: how far its features are from fp32's, and the same bits whatever the
 * company and the threads. A CPU without bf16 instructions refuses, which is the whole test there.
 */
#include "clip/resnet_oracle.h"

#include "core/clip/vision.h"
#include "core/data/image.h"
#include "data/see.h"

#include <jansson.h>

#define POCKET "recipes/pocket/model.safetensors"

static bool missing; // this CPU has no bf16

static int setup(void **unused)
{
    (void)unused;
    struct err e = {0};
    struct device *d;
    struct clip m;
    assert_ok(device_open(&d, "cpu", 1, &e), &e);
    const int rc = clip_open(&m, POCKET, d, CLIP_VISION | CLIP_BF16, &e);
    missing = rc == ERR_MISSING;
    if (missing) {
        assert_text(&e, "this CPU has no bf16 instructions (AVX512-BF16 or AMX); use precision "
                        "fp32");
        print_message("skipped: %s\n", e.text);
    } else {
        assert_ok(rc, &e);
        clip_close(&m);
    }
    device_close(d);
    return 0;
}

/* Features (n, E) of images (n, 3, S, S), or of `images` noise pictures when NULL. Yours to free().
 */
static float *encode(const char *weights, int what, int threads, const float *images, size_t n,
                     size_t *E)
{
    struct err e;
    struct device *d;
    struct clip m;
    assert_ok(device_open(&d, "cpu", threads, &e), &e);
    assert_ok(clip_open(&m, weights, d, CLIP_VISION | what, &e), &e);
    const size_t pixels = 3 * (size_t)(m.shape.image_size * m.shape.image_size);
    float *noise = images ? NULL : oracle_values("bf16", n * pixels, 2);
    struct vision *v = vision_new(&m, (int)n);
    *E = (size_t)m.shape.embed;
    float *out = mem_alloc(n * *E, sizeof *out);
    assert_ok(vision_forward(v, images ? images : noise, n, out, &e), &e);
    free(noise);
    vision_free(v);
    clip_close(&m);
    device_close(d);
    return out;
}

/* The features' worst relative L2 error and cosine are within the bounds, and are no fp32. */
static void check(const char *weights, const float *images, size_t n, double error, double cosine)
{
    size_t E;
    float *a = encode(weights, CLIP_BF16, 2, images, n, &E),
          *b = encode(weights, 0, 2, images, n, &E);
    double worst = 0, least = 1;
    for (size_t i = 0; i < n; i++) {
        double dot = 0, aa = 0, bb = 0, dd = 0;
        for (size_t c = i * E; c < (i + 1) * E; c++) {
            dot += (double)a[c] * b[c];
            aa += (double)a[c] * a[c];
            bb += (double)b[c] * b[c];
            dd += ((double)a[c] - b[c]) * ((double)a[c] - b[c]);
        }
        worst = fmax(worst, sqrt(dd / bb));
        least = fmin(least, dot / sqrt(aa * bb));
    }
    if (!(worst <= error && least >= cosine && worst > 1e-4))
        fail_msg("'%s': relative error %.3g, cosine %.6f; expected at most %g, at least %g",
                 weights, worst, least, error, cosine);
    free(a);
    free(b);
}

/* Pocket's goldens are of 8 pictures; normalised (8, 3, S, S), yours to free(). */
static float *pocket_pictures(size_t *n)
{
    enum { S = 64 };
    struct err e;
    json_error_t error;
    json_t *goldens = json_load_file("recipes/pocket/goldens.json", 0, &error), *name;
    const json_t *names = json_object_get(goldens, "images");
    struct device *d = see_open("cpu");
    *n = json_array_size(names);
    float *images = mem_alloc(*n * 3 * S * S, sizeof *images);
    size_t i;
    json_array_foreach(names, i, name)
    {
        char *path = fs_join("recipes/pocket/data", json_string_value(name));
        struct image image;
        assert_ok(image_load(&image, path, &e), &e);
        float *numbers = see_test(d, &image, S);
        memcpy(images + i * 3 * S * S, numbers, 3 * S * S * sizeof *images);
        image_release(&image);
        free(numbers);
        free(path);
    }
    json_decref(goldens);
    device_close(d);
    return images;
}

static void features_of_pictures_are_within_a_hundredth_of_fp32s(void **unused)
{
    (void)unused;
    size_t n;
    float *images = pocket_pictures(&n);
    if (!missing)
        check(POCKET, images, n, 0.01, 0.9999);
    free(images);
}

static void features_of_random_models_are_within_a_hundredth_of_fp32s(void **unused)
{
    (void)unused;
    struct oracle o;
    for (size_t i = 0; i < ORACLES + RESNETS && !missing; i++) {
        if (i < ORACLES)
            oracle_open(&o, oracle_names[i]);
        else
            resnet_open(&o, resnet_names[i - ORACLES]);
        check(o.model, NULL, 6, 0.01, 0.9999);
        oracle_close(&o);
    }
}

static void bits_depend_on_neither_company_nor_threads(void **unused)
{
    (void)unused;
    struct oracle o;
    for (int kind = 0; kind < 2 && !missing; kind++) {
        if (kind)
            resnet_open(&o, "small");
        else
            oracle_open(&o, "wide");
        size_t E;
        float *all = encode(o.model, CLIP_BF16, 1, NULL, 20, &E);
        for (int threads = 1; threads <= 3; threads++) {
            float *some = encode(o.model, CLIP_BF16, threads, NULL, 4 + (size_t)threads, &E);
            assert_memory_equal(some, all, (4 + (size_t)threads) * E * sizeof *some);
            free(some);
        }
        free(all);
        oracle_close(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_of_pictures_are_within_a_hundredth_of_fp32s),
        cmocka_unit_test(features_of_random_models_are_within_a_hundredth_of_fp32s),
        cmocka_unit_test(bits_depend_on_neither_company_nor_threads),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
