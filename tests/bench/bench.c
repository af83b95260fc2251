/*
 * Our side of the benches: `bench text WEIGHTS PROMPTS.json STEPS THREADS` and
 * `bench vit WEIGHTS IMAGES STEPS THREADS`. Prints a JSON object: seconds of each step, peak
 * memory. PROMPTS.json is an array of token-id arrays, class names only (run.py makes it).
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/text.h"
#include "core/clip/vision.h"

#include <jansson.h>
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

static void print(const double *seconds, int n)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds\": [");
    for (int i = 0; i < n; i++)
        printf("%s%.6f", i ? ", " : "", seconds[i]);
    printf("], \"peak_mb\": %.1f}\n", (double)usage.ru_maxrss / 1024);
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
    print(seconds, steps);
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

static int bench_vit(const char *weights, int images, int steps, struct device *d)
{
    struct err e = {0};
    struct clip m;
    if (clip_open(&m, weights, d, CLIP_VISION, &e) < 0)
        return fail(&e);
    struct vision *v = vision_new(&m, images);
    size_t size = 3 * (size_t)m.shape.image_size * (size_t)m.shape.image_size;
    float *x = mem_alloc((size_t)images * size, sizeof *x);
    float *out = mem_alloc((size_t)images * (size_t)m.shape.embed, sizeof *out);
    for (size_t i = 0; i < (size_t)images * size; i++)
        x[i] = 0.01f * (float)(i % 101) - 0.5f;
    double *seconds = mem_alloc((size_t)steps, sizeof *seconds);
    for (int i = -1; i < steps; i++) {
        double start = now();
        if (vision_forward(v, x, (size_t)images, out, &e) < 0)
            return fail(&e);
        if (i >= 0)
            seconds[i] = now() - start;
    }
    print(seconds, steps);
    free(seconds);
    free(x);
    free(out);
    vision_free(v);
    clip_close(&m);
    return 0;
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
        fprintf(stderr, "usage: bench text|vit WEIGHTS PROMPTS.json|IMAGES STEPS THREADS\n");
        return 2;
    }
    struct err e = {0};
    struct device *d;
    bool text = strcmp(argv[1], "text") == 0;
    int threads = count(argv[5]), steps = count(argv[4]), images = text ? 1 : count(argv[3]);
    if (device_open(&d, "cpu", threads, &e) < 0)
        return fail(&e);
    int rc = text ? bench_text(argv[2], argv[3], steps, d) : bench_vit(argv[2], images, steps, d);
    device_close(d);
    return rc;
}
