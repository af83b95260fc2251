/* The image tower: against plain PyTorch on three random CLIPs and on pocket's goldens; the same
 * bits whatever the company, the batch and the threads. */
#include "clip/oracle.h"

#include "core/clip/vision.h"
#include "core/data/image.h"
#include "data/see.h"

#include <jansson.h>

static void open_model(struct device **d, struct clip *m, const char *weights, int threads)
{
    struct err e;
    assert_ok(device_open(d, "cpu", threads, &e), &e);
    assert_ok(clip_open(m, weights, *d, CLIP_VISION, &e), &e);
}

static void close_model(struct device *d, struct clip *m)
{
    clip_close(m);
    device_close(d);
}

/* Features of n images (3, S, S) through working memory for `batch`; yours to free(). */
static float *encode(const struct clip *m, int batch, const float *images, size_t n)
{
    struct err e;
    struct vision *v = vision_new(m, batch);
    float *out = mem_alloc(n * (size_t)m->shape.embed + 1, sizeof *out);
    assert_ok(vision_forward(v, images, n, out, &e), &e);
    vision_free(v);
    return out;
}

static void features_equal_plain_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORACLES; i++) {
        struct oracle o;
        struct device *d;
        struct clip m;
        oracle_open(&o, oracle_names[i]);
        open_model(&d, &m, o.model, 2);
        assert_memory_equal(&m.shape, &o.shape, sizeof m.shape);
        const size_t n = safetensors_find(&o.fixture, "image_features")->shape[0];
        const size_t pixels = 3 * (size_t)(m.shape.image_size * m.shape.image_size);
        float *images = oracle_values("images", n * pixels, 2), *got = encode(&m, 3, images, n);
        float *want = oracle_floats(&o, "image_features");
        for (size_t r = 0; r < n; r++)
            assert_near(got + r * (size_t)m.shape.embed, want + r * (size_t)m.shape.embed,
                        (size_t)m.shape.embed, 1e-5);
        free(images);
        free(got);
        free(want);
        close_model(d, &m);
        oracle_close(&o);
    }
}

static void an_images_features_depend_on_neither_company_nor_batch(void **state)
{
    (void)state;
    enum { N = 9 };
    for (size_t i = 0; i < ORACLES; i++) {
        struct oracle o;
        struct device *d;
        struct clip m;
        oracle_open(&o, oracle_names[i]);
        open_model(&d, &m, o.model, 2);
        const size_t pixels = 3 * (size_t)(m.shape.image_size * m.shape.image_size);
        const size_t E = (size_t)m.shape.embed;
        float *images = oracle_values("company", N * pixels, 2);
        // image 0 again at a place that is neither a group's first nor in the same block of rows
        memcpy(images + 7 * pixels, images, pixels * sizeof *images);
        float *first = encode(&m, 1, images, N);
        for (int batch = 1; batch <= 12; batch += batch < 4 ? 1 : 4) {
            float *all = encode(&m, batch, images, N);
            assert_memory_equal(all, first, N * E * sizeof *all);
            float *some = encode(&m, batch, images + 3 * pixels, 5);
            assert_memory_equal(all, all + 7 * E, E * sizeof *all);
            assert_memory_equal(some, all + 3 * E, 5 * E * sizeof *all);
            for (size_t r = 0; r < N; r++) {
                float *one = encode(&m, batch, images + r * pixels, 1);
                assert_memory_equal(one, all + r * E, E * sizeof *one);
                free(one);
            }
            free(all);
            free(some);
        }
        free(first);
        free(images);
        close_model(d, &m);
        oracle_close(&o);
    }
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    struct oracle o;
    float *first = NULL;
    oracle_open(&o, "wide");
    const size_t pixels = 3 * (size_t)(o.shape.image_size * o.shape.image_size);
    float *images = oracle_values("threads", 20 * pixels, 2);
    for (int threads = 1; threads <= 3; threads++) {
        struct device *d;
        struct clip m;
        open_model(&d, &m, o.model, threads);
        float *out = encode(&m, 20, images, 20);
        if (first)
            assert_memory_equal(out, first, 20 * (size_t)m.shape.embed * sizeof *out);
        else
            first = out;
        if (out != first)
            free(out);
        close_model(d, &m);
    }
    free(first);
    free(images);
    oracle_close(&o);
}

static void no_image_is_no_error(void **state)
{
    (void)state;
    struct oracle o;
    struct device *d;
    struct clip m;
    struct err e;
    oracle_open(&o, "small");
    open_model(&d, &m, o.model, 1);
    struct vision *v = vision_new(&m, 4);
    assert_ok(vision_forward(v, NULL, 0, NULL, &e), &e);
    vision_free(v);
    vision_free(NULL);
    close_model(d, &m);
    oracle_close(&o);
}

static void pocket_image_features_equal_the_goldens(void **state)
{
    (void)state;
    struct device *d;
    struct clip m;
    struct err e;
    json_error_t error;
    json_t *goldens = json_load_file("recipes/pocket/goldens.json", 0, &error), *name;
    const json_t *rows = json_object_get(goldens, "image_features");
    open_model(&d, &m, "recipes/pocket/model.safetensors", 2);
    const size_t S = (size_t)m.shape.image_size, E = (size_t)m.shape.embed;
    const size_t n = json_array_size(rows);
    assert_int_equal(n, 8);
    float *images = mem_alloc(n * 3 * S * S, sizeof *images), *want = mem_alloc(E, sizeof *want);
    size_t i;
    json_array_foreach(json_object_get(goldens, "images"), i, name)
    {
        char *path = fs_join("recipes/pocket/data", json_string_value(name));
        struct image image;
        assert_ok(image_load(&image, path, &e), &e);
        float *numbers = see_test(d, &image, (int)S);
        memcpy(images + i * 3 * S * S, numbers, 3 * S * S * sizeof *images);
        image_release(&image);
        free(numbers);
        free(path);
    }
    float *got = encode(&m, 8, images, n);
    for (i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        assert_int_equal(json_array_size(row), E);
        for (size_t c = 0; c < E; c++)
            want[c] = (float)json_number_value(json_array_get(row, c));
        assert_near(got + i * E, want, E, 1e-5);
    }
    free(images);
    free(want);
    free(got);
    json_decref(goldens);
    close_model(d, &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_plain_pytorch),
        cmocka_unit_test(an_images_features_depend_on_neither_company_nor_batch),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(no_image_is_no_error),
        cmocka_unit_test(pocket_image_features_equal_the_goldens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
