/* The ResNet image tower: against plain PyTorch on two random CLIPs, without folding, on every
 * device; the same bits whatever the company, the batch and the threads. */
#include "clip/resnet_oracle.h"

#include "core/clip/vision.h"
#include "device/ops.h"

static struct clip *open_model_on(const char *kind, const char *weights, int threads)
{
    struct err e;
    struct clip *m = mem_zero(1, sizeof *m);
    assert_ok(clip_open(m, weights, open_device(kind, threads), CLIP_VISION, &e), &e);
    return m;
}

static struct clip *open_model(const char *weights, int threads)
{
    return open_model_on("cpu", weights, threads);
}

static void close_model(struct clip *m)
{
    struct device *d = m->device;
    clip_close(m);
    device_close(d);
    free(m);
}

/* Features of n images through working memory for `batch`; yours to free(). */
static float *encode(const struct clip *m, int batch, const float *images, size_t n)
{
    struct err e;
    struct vision *v = vision_new(m, batch);
    float *out = mem_alloc(n * (size_t)m->shape.embed + 1, sizeof *out);
    assert_ok(vision_forward(v, images, n, out, &e), &e);
    vision_free(v);
    return out;
}

static size_t pixels_of(const struct clip_shape *s)
{
    return 3 * (size_t)(s->image_size * s->image_size);
}

static void features_equal_plain_pytorch(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < RESNETS * KINDS; i++) {
        struct oracle o;
        resnet_open(&o, resnet_names[i / KINDS]);
        struct clip *m = open_model_on(kinds[i % KINDS], o.model, 2);
        assert_memory_equal(&m->shape, &o.shape, sizeof m->shape);
        const size_t n = safetensors_find(&o.fixture, "image_features")->shape[0];
        const size_t E = (size_t)m->shape.embed;
        float *images = oracle_values("images", n * pixels_of(&m->shape), 2);
        float *got = encode(m, 2, images, n), *want = oracle_floats(&o, "image_features");
        for (size_t r = 0; r < n; r++)
            assert_near(got + r * E, want + r * E, E, 1e-5);
        free(images);
        free(got);
        free(want);
        close_model(m);
        oracle_close(&o);
    }
}

static void an_images_features_depend_on_neither_company_nor_batch(void **unused)
{
    (void)unused;
    enum { N = 19 };
    for (size_t i = 0; i < RESNETS; i++) {
        struct oracle o;
        resnet_open(&o, resnet_names[i]);
        struct clip *m = open_model(o.model, 2);
        const size_t pixels = pixels_of(&m->shape), E = (size_t)m->shape.embed;
        float *images = oracle_values("company", N * pixels, 2);
        float *first = encode(m, 1, images, N);
        static const int batches[] = {2, 3, 16, 64};
        for (size_t b = 0; b < 4; b++) {
            float *all = encode(m, batches[b], images, N);
            float *some = encode(m, batches[b], images + 5 * pixels, 4);
            assert_memory_equal(all, first, N * E * sizeof *all);
            assert_memory_equal(some, first + 5 * E, 4 * E * sizeof *some);
            free(all);
            free(some);
        }
        free(first);
        free(images);
        close_model(m);
        oracle_close(&o);
    }
}

static void any_number_of_threads_gives_the_same_bits(void **unused)
{
    (void)unused;
    struct oracle o;
    float *first = NULL;
    resnet_open(&o, "small");
    float *images = oracle_values("threads", 5 * pixels_of(&o.shape), 2);
    for (int threads = 1; threads <= 3; threads++) {
        struct clip *m = open_model(o.model, threads);
        float *out = encode(m, 5, images, 5);
        if (!first)
            first = mem_dup(out, 5 * (size_t)m->shape.embed * sizeof *out);
        assert_memory_equal(out, first, 5 * (size_t)m->shape.embed * sizeof *out);
        free(out);
        close_model(m);
    }
    free(first);
    free(images);
    oracle_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_plain_pytorch),
        cmocka_unit_test(an_images_features_depend_on_neither_company_nor_batch),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
