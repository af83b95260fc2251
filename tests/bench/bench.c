/*
 * Our side of the benches, on DEVICE (default: cpu):
 *
 *   bench text WEIGHTS PROMPTS.json STEPS THREADS [DEVICE]      a step of the text tower
 *   bench fp32|bf16 WEIGHTS IMAGES STEPS THREADS [DEVICE]       the image tower in that precision
 *   bench tower fp32|bf16 WEIGHTS STEPS THREADS [DEVICE]        the same without transfers: a group
 *   bench encode fp32|bf16 WEIGHTS STEPS THREADS [DEVICE]       a batch of the encode job
 * (encode.c) bench product bf16|fp32|tf32 SIDE STEPS THREADS [DEVICE]    a square matrix product
 *
 * Prints a JSON object: seconds of each step, peak memory; of a GPU also the memory in use there;
 * of bf16 also how far the worst image's features are from fp32's, as relative L2 error and as
 * cosine. Times are the device's own where it has a clock, and what it can record is replayed, as
 * in training. PROMPTS.json is an array of token-id arrays, class names only (run makes it).
 */
#include "encode.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/text.h"
#include "core/clip/tower.h"
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

/* ---- timing ---- */

/* What is timed: it may be called again and again. */
typedef void (*bench_work)(void *arg);

/* Seconds of each of `steps` calls. The first call, not counted, warms up; where the device
 * records, the second is recorded and what is timed is its replay. */
static int time_steps(struct device *d, bench_work work, void *arg, int steps, double *seconds,
                      struct err *e)
{
    struct recording *recording = NULL;
    work(arg);
    int rc = device_sync(d, e);
    if (rc == 0 && d->ops->replay) {
        d->ops->record_begin(d);
        work(arg);
        recording = d->ops->record_end(d);
        if (recording)
            d->ops->replay(d, recording);
        rc = device_sync(d, e);
    }
    for (int i = 0; i < steps && rc == 0; i++) {
        double start = now();
        if (d->ops->mark)
            d->ops->mark(d, 0);
        if (recording)
            d->ops->replay(d, recording);
        else
            work(arg);
        if (d->ops->mark)
            d->ops->mark(d, 1);
        rc = device_sync(d, e);
        seconds[i] = d->ops->mark ? d->ops->elapsed(d) : now() - start;
    }
    if (recording)
        d->ops->record_free(d, recording);
    return rc;
}

/* ", \"device_mb\": N" of a GPU. */
static const char *device_memory(const struct device *d, size_t before)
{
    static char text[64];
    struct device_info info[16];
    char why[256];
    int n = str_eq(d->ops->kind, "cpu") ? 0 : device_probe(info, 16, why, sizeof why);
    if (n > 0)
        snprintf(text, sizeof text, ", \"device_mb\": %.1f",
                 ((double)before - (double)info[0].free) / (1 << 20));
    return text;
}

static size_t device_free_bytes(const struct device *d)
{
    struct device_info info[16];
    char why[256];
    int n = str_eq(d->ops->kind, "cpu") ? 0 : device_probe(info, 16, why, sizeof why);
    return n > 0 ? info[0].free : 0;
}

struct text_work {
    struct text *t;
    float *context, *features, *gradient, *dcontext;
};

static void text_step(void *arg)
{
    struct text_work *w = arg;
    text_forward(w->t, w->context, w->features);
    text_backward(w->t, w->gradient, w->dcontext);
}

static int bench_text(const char *weights, const char *prompts, int steps, struct device *d)
{
    struct err e = {0};
    struct clip m;
    struct text_prompts p = {0};
    struct text *t = NULL;
    size_t before = device_free_bytes(d);
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
    struct text_work w = {t, context, features, gradient, dcontext};
    if (time_steps(d, text_step, &w, steps, seconds, &e) < 0)
        return fail(&e);
    print(seconds, steps, device_memory(d, before));
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

/* n numbers about as large as normalised pixels; yours to free(). */
static float *noise_images(size_t n)
{
    float *x = mem_alloc(n, sizeof *x);
    uint32_t noise = 1;
    for (size_t i = 0; i < n; i++) {
        noise = noise * 1664525 + 1013904223;
        x[i] = (float)(noise >> 8) * 0x1p-22f - 2;
    }
    return x;
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
    float *x = noise_images(n);
    *E = (size_t)m.shape.embed;
    *out = mem_alloc(images * *E, sizeof **out);
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

struct tower_work {
    const struct tower *tower;
    void *work;
    float *features, *images;
};

static void tower_forward(void *arg)
{
    struct tower_work *w = arg;
    w->tower->forward(w->work, w->features, w->images);
}

/* As many images as the tower passes at once, which lie on the device. */
static int bench_tower(bool bf16, const char *weights, int steps, struct device *d)
{
    struct err e = {0};
    struct clip m;
    size_t before = device_free_bytes(d);
    if (clip_open(&m, weights, d, CLIP_VISION | (bf16 ? CLIP_BF16 : 0), &e) < 0)
        return fail(&e);
    struct tower_work w = {.tower = tower_of(&m.shape)};
    size_t group = (size_t)w.tower->group(&m.shape, d->ops->apart), S = (size_t)m.shape.image_size;
    float *host = noise_images(group * 3 * S * S);
    w.work = w.tower->begin(&m, (int)group);
    w.images = device_put(d, host, group * 3 * S * S);
    w.features = device_floats(d, group * (size_t)m.shape.embed);
    free(host);
    double *seconds = mem_zero((size_t)steps, sizeof *seconds);
    int rc = device_sync(d, &e);
    if (rc < 0 || (rc = time_steps(d, tower_forward, &w, steps, seconds, &e)) < 0)
        fail(&e);
    else {
        char *more = str_format(", \"images\": %zu%s", group, device_memory(d, before));
        print(seconds, steps, more);
        free(more);
    }
    free(seconds);
    w.tower->end(w.work);
    device_release(d, w.images);
    device_release(d, w.features);
    clip_close(&m);
    return rc < 0;
}

static int bench_encode(bool bf16, const char *weights, int steps, int threads, struct device *d)
{
    struct err e = {0};
    struct clip m;
    size_t images = 0, before = device_free_bytes(d);
    if (clip_open(&m, weights, d, CLIP_VISION | (bf16 ? CLIP_BF16 : 0), &e) < 0)
        return fail(&e);
    double *seconds = mem_zero((size_t)steps, sizeof *seconds);
    const int rc = encode_time(&m, threads, steps, seconds, &images, &e);
    if (rc < 0)
        fail(&e);
    else {
        char *more = str_format(", \"images\": %zu%s", images, device_memory(d, before));
        print(seconds, steps, more);
        free(more);
    }
    free(seconds);
    clip_close(&m);
    return rc < 0;
}

struct product_work {
    struct device *d;
    struct linear *w;
    float *x, *y;
    int side;
};

static void product(void *arg)
{
    struct product_work *p = arg;
    p->d->ops->linear_fwd(p->d, p->y, p->x, p->w, p->side);
}

/* y = x W^T of side x side on random numbers: the ceiling that the towers are held against. bf16
 * includes rounding x to it. */
static int bench_product(const char *kind, int side, int steps, struct device *d)
{
    struct err e = {0};
    size_t n = (size_t)side * (size_t)side;
    float *host = noise_images(n);
    d->tf32 = str_eq(kind, "tf32");
    struct product_work p = {
        .d = d,
        .w = d->ops->linear_new(d, host, NULL, side, side,
                                LINEAR_FORWARD | (str_eq(kind, "bf16") ? LINEAR_BF16 : 0)),
        .x = device_put(d, host, n),
        .y = device_floats(d, n),
        .side = side,
    };
    free(host);
    double *seconds = mem_zero((size_t)steps, sizeof *seconds);
    int rc = device_sync(d, &e);
    if (rc < 0 || (rc = time_steps(d, product, &p, steps, seconds, &e)) < 0)
        fail(&e);
    else
        print(seconds, steps, "");
    free(seconds);
    device_release(d, p.x);
    device_release(d, p.y);
    d->ops->linear_free(d, p.w);
    return rc < 0;
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
    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: bench text WEIGHTS PROMPTS.json STEPS THREADS [DEVICE]\n"
                        "       bench fp32|bf16 WEIGHTS IMAGES STEPS THREADS [DEVICE]\n"
                        "       bench tower fp32|bf16 WEIGHTS STEPS THREADS [DEVICE]\n"
                        "       bench encode fp32|bf16 WEIGHTS STEPS THREADS [DEVICE]\n"
                        "       bench product bf16|fp32|tf32 SIDE STEPS THREADS [DEVICE]\n");
        return 2;
    }
    struct err e = {0};
    struct device *d;
    const char *what = argv[1];
    int threads = count(argv[5]), steps = count(argv[4]);
    if (device_open(&d, argc == 7 ? argv[6] : "cpu", threads, &e) < 0)
        return fail(&e);
    int rc;
    if (str_eq(what, "text"))
        rc = bench_text(argv[2], argv[3], steps, d);
    else if (str_eq(what, "tower"))
        rc = bench_tower(str_eq(argv[2], "bf16"), argv[3], steps, d);
    else if (str_eq(what, "encode"))
        rc = bench_encode(str_eq(argv[2], "bf16"), argv[3], steps, threads, d);
    else if (str_eq(what, "product"))
        rc = bench_product(argv[2], count(argv[3]), steps, d);
    else
        rc = bench_images(argv[2], str_eq(what, "bf16"), count(argv[3]), steps, d);
    device_close(d);
    return rc;
}
