/*
 * Our side of the benches: `bench text WEIGHTS PROMPTS.json STEPS THREADS` and
 * `bench fp32|bf16 WEIGHTS IMAGES STEPS THREADS`, the image tower in that precision. Prints a JSON
 * object: seconds of each step, peak memory; of bf16 also how far the worst image's features are
 * from fp32's, as relative L2 error and as cosine. PROMPTS.json is an array of token-id arrays,
 * class names only (run makes it).
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/text.h"
#include "core/clip/vision.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int fail(const struct err *e)
{
    fprintf(stderr, "bench: %s\n", e->text);
    return 1;
}

/* `more`: further members of the object, or "". */
static void print(const double *seconds, int n, const char *more)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds\": [");
    for (int i = 0; i < n; i++)
        printf("%s%.6f", i ? ", " : "", seconds[i]);
    printf("], \"peak_mb\": %.1f%s}\n", (double)usage.ru_maxrss / 1024, more);
}

/* SOT, 4 context vectors, the name's ids, EOT. */
static int read_prompts(struct text_prompts *p, const char *path, const struct clip *m)
{
    json_error_t error;
    json_t *names = json_load_file(path, 0, &error);
    if (!names)
        return -1;
    for (size_t k = 0; k < json_array_size(names); k++) {
        const json_t *name = json_array_get(names, k);
        int items[128] = {m->shape.vocab - 2, -1, -2, -3, -4}, n = 5;
        for (size_t i = 0; i < json_array_size(name); i++)
            items[n++] = (int)json_integer_value(json_array_get(name, i));
        items[n++] = m->shape.vocab - 1;
        text_prompts_add(p, items, (size_t)n);
    }
    json_decref(names);
    return 0;
}

static int bench_text(const char *weights, const char *prompts, int steps, struct device *d)
{
    struct err e = {0};
    struct clip m;
    struct text_prompts p = {0};
    struct text *t = NULL;
    if (clip_open(&m, weights, d, CLIP_TEXT, &e) < 0)
        return fail(&e);
    if (read_prompts(&p, prompts, &m) < 0 || text_new(&t, &m, &p, 4, TEXT_BACKWARD, &e) < 0)
        return fail(&e);
    size_t C = (size_t)m.shape.text_width, n = p.K * (size_t)m.shape.embed;
    float *host = mem_alloc(n > 4 * C ? n : 4 * C, sizeof *host);
    for (size_t i = 0; i < n; i++)
        host[i] = 0.001f * (float)(i % 7);
    float *gradient = device_put(d, host, n), *features = device_floats(d, n);
    for (size_t i = 0; i < 4 * C; i++)
        host[i] = 0.01f * (float)(i % 5);
    float *context = device_put(d, host, 4 * C), *dcontext = device_floats(d, 4 * C);
    double *seconds = mem_alloc((size_t)steps, sizeof *seconds);
    for (int i = -1; i < steps; i++) { // one step to warm up
        double start = now();
        text_forward(t, context, features);
        text_backward(t, gradient, dcontext);
        if (device_sync(d, &e) < 0)
            return fail(&e);
        if (i >= 0)
            seconds[i] = now() - start;
    }
    print(seconds, steps, "");
    free(seconds);
    free(host);
    device_release(d, gradient);
    device_release(d, features);
    device_release(d, context);
    device_release(d, dcontext);
    text_free(t);
    text_prompts_release(&p);
    clip_close(&m);
    return 0;
}

/* Seconds of `steps` passes over the images, and their features (images, E) in *out. */
static int time_images(const char *weights, int what, size_t images, int steps, struct device *d,
                       double *seconds, float **out, size_t *E)
{
    struct err e = {0};
    struct clip m;
    if (clip_open(&m, weights, d, what, &e) < 0)
        return fail(&e);
    struct vision *v = vision_new(&m, (int)images);
    size_t n = images * 3 * (size_t)m.shape.image_size * (size_t)m.shape.image_size;
    float *x = mem_alloc(n, sizeof *x);
    *E = (size_t)m.shape.embed;
    *out = mem_alloc(images * *E, sizeof **out);
    uint32_t noise = 1;
    for (size_t i = 0; i < n; i++) {
        noise = noise * 1664525 + 1013904223;
        x[i] = (float)(noise >> 8) * 0x1p-22f - 2;
    }
    for (int i = -1; i < steps; i++) {
        double start = now();
        if (vision_forward(v, x, images, *out, &e) < 0)
            return fail(&e);
        if (i >= 0)
            seconds[i] = now() - start;
    }
    free(x);
    vision_free(v);
    clip_close(&m);
    return 0;
}

/* Of the image that is worst off: |a - b| / |b| and a . b / |a| |b|. */
static void compare(const float *a, const float *b, size_t images, size_t E, double *error,
                    double *cosine)
{
    *error = 0;
    *cosine = 1;
    for (size_t i = 0; i < images; i++, a += E, b += E) {
        double dot = 0, aa = 0, bb = 0, dd = 0;
        for (size_t c = 0; c < E; c++) {
            dot += (double)a[c] * b[c];
            aa += (double)a[c] * a[c];
            bb += (double)b[c] * b[c];
            dd += ((double)a[c] - b[c]) * ((double)a[c] - b[c]);
        }
        *error = fmax(*error, sqrt(dd / bb));
        *cosine = fmin(*cosine, dot / sqrt(aa * bb));
    }
}

static int bench_images(const char *weights, bool bf16, int images, int steps, struct device *d)
{
    double *seconds = mem_zero((size_t)steps, sizeof *seconds), error, cosine;
    float *out = NULL, *reference = NULL;
    char more[128] = "";
    size_t n = (size_t)images, E;
    int rc =
        time_images(weights, CLIP_VISION | (bf16 ? CLIP_BF16 : 0), n, steps, d, seconds, &out, &E);
    if (rc == 0 && bf16)
        rc = time_images(weights, CLIP_VISION, n, 0, d, NULL, &reference, &E);
    if (rc == 0 && bf16) {
        compare(out, reference, n, E, &error, &cosine);
        snprintf(more, sizeof more, ", \"error\": %.3g, \"cosine\": %.6f", error, cosine);
    }
    if (rc == 0)
        print(seconds, steps, more);
    free(seconds);
    free(out);
    free(reference);
    return rc;
}

static int count(const char *text)
{
    long n;
    if (!str_to_long(text, 1, 1000000, &n)) {
        fprintf(stderr, "bench: '%s' is no whole number above 0\n", text);
        exit(2);
    }
    return (int)n;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bench text|fp32|bf16 WEIGHTS PROMPTS.json|IMAGES STEPS THREADS\n");
        return 2;
    }
    struct err e = {0};
    struct device *d;
    bool text = str_eq(argv[1], "text"), bf16 = str_eq(argv[1], "bf16");
    int threads = count(argv[5]), steps = count(argv[4]), images = text ? 1 : count(argv[3]);
    if (device_open(&d, "cpu", threads, &e) < 0)
        return fail(&e);
    int rc = text ? bench_text(argv[2], argv[3], steps, d)
                  : bench_images(argv[2], bf16, images, steps, d);
    device_close(d);
    return rc;
}
