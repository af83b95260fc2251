/*
 * The pocket CLIP's image tower on each device: fp32 as the CPU has it, bf16 within a hundredth of
 * that, and an image's features whatever comes with it.
 */
#include "device/ops.h"

#include "core/clip/vision.h"

#define POCKET "recipes/pocket/model.safetensors"

enum { IMAGES = 5 };

/* Features (n, E) of the first n of the same noise pictures. Yours to free(). */
static float *encode(const char *kind, int what, size_t n, size_t *E)
{
    struct device *d = open_device(kind, 2);
    struct err e;
    struct clip m;
    assert_ok(clip_open(&m, POCKET, d, CLIP_VISION | what, &e), &e);
    const size_t pixels = 3 * (size_t)(m.shape.image_size * m.shape.image_size);
    state = 11;
    float *images = random_floats(IMAGES * pixels);
    struct vision *v = vision_new(&m, IMAGES);
    *E = (size_t)m.shape.embed;
    float *out = poison(n * *E);
    assert_ok(vision_forward(v, images, n, out, &e), &e);
    vision_free(v);
    clip_close(&m);
    device_close(d);
    free(images);
    return out;
}

static double distance(const float *x, const float *y, size_t n)
{
    double error = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        error += (x[i] - y[i]) * (x[i] - y[i]);
        total += y[i] * y[i];
    }
    return sqrt(error / total);
}

static void features_are_near_the_cpus(void **unused)
{
    (void)unused;
    size_t E;
    float *want = encode("cpu", 0, IMAGES, &E);
    for (size_t k = 0; k < KINDS; k++) {
        if (strcmp(kinds[k], "cpu") == 0)
            continue;
        float *fp32 = encode(kinds[k], 0, IMAGES, &E), *bf16 = encode(kinds[k], CLIP_BF16, 3, &E);
        const double exact = distance(fp32, want, IMAGES * E), rough = distance(bf16, want, 3 * E);
        if (!(exact < 1e-5 && rough < 0.01 && rough > 1e-4))
            fail_msg("%s: relative error %.3g in fp32, %.3g in bf16", kinds[k], exact, rough);
        float *all = encode(kinds[k], CLIP_BF16, IMAGES, &E);
        assert_memory_equal(bf16, all, 3 * E * sizeof *all);
        free(fp32);
        free(bf16);
        free(all);
    }
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(features_are_near_the_cpus)};
    return run_device_tests(tests);
}
