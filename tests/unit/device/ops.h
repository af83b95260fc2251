/*
 * What the tests of operations share: devices, inputs that repeat, results that start as no number,
 * and the two checks that every case goes through on every device.
 *
 * A case makes host arrays, sends them up, runs the operation, brings results down, and computes in
 * double what they should be. To add one: write it, and a row in its file's table.
 */
#ifndef PROMPTGRID_TESTS_DEVICE_OPS_H
#define PROMPTGRID_TESTS_DEVICE_OPS_H

#include "t.h"

#include "core/base/mem.h"
#include "core/device/device.h"

static uint32_t state; // of random_unit

static inline float random_unit(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1;
}

static inline float *random_floats(size_t n)
{
    float *x = mem_alloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = random_unit();
    return x;
}

/* Outputs start as something that no result is. */
static inline float *poison(size_t n)
{
    float *x = mem_alloc(n, sizeof *x);
    memset(x, 0xff, n * sizeof *x);
    return x;
}

enum { MOST_BLOCKS = 64 };
static void *blocks[MOST_BLOCKS]; // device memory of the running case
static int n_blocks;

/* ---- devices ---- */

static inline struct device *open_device(const char *kind, int threads)
{
    struct device *d;
    struct err e;
    assert_ok(device_open(&d, kind, threads, &e), &e);
    n_blocks = 0; // those of a test that failed are lost
    return d;
}

static inline struct device *open_cpu(int threads)
{
    return open_device("cpu", threads);
}

/* A program built with ON_GPU tests the GPU of the machine, without one it is skipped; others test
 * the CPU and the emulated GPU (tests/emu). */
#ifdef ON_GPU
static const char *const kinds[] = {"cuda"};
#else
static const char *const kinds[] = {"cpu", "cuda"};
#endif
enum { KINDS = sizeof kinds / sizeof kinds[0] };

#define run_device_tests(tests) (skip_without_device(), cmocka_run_group_tests(tests, NULL, NULL))

static inline void skip_without_device(void)
{
#ifdef ON_GPU
    struct device_info info;
    char why[512];
    if (device_probe(&info, 1, why, sizeof why) == 0) {
        fprintf(stderr, "skipped: %s\n", why);
        exit(77);
    }
#endif
}

/* Threads of the emulated GPU begin and go on in falling order, so that a missing barrier shows. */
void emu_order(bool falling) __attribute__((weak));

/* ---- memory of a case ---- */

/* A copy on the device, until the case is over. */
static inline void *up_bytes(struct device *d, const void *host, size_t bytes)
{
    void *block = d->ops->alloc(d, bytes);
    assert_true(n_blocks < MOST_BLOCKS);
    if (block)
        d->ops->upload(d, block, host, bytes);
    return blocks[n_blocks++] = block;
}

static inline float *up(struct device *d, const float *host, size_t n)
{
    return up_bytes(d, host, n * sizeof *host);
}

static inline int *up_ints(struct device *d, const int *host, size_t n)
{
    return up_bytes(d, host, n * sizeof *host);
}

static inline void down(struct device *d, float *host, const float *block, size_t n)
{
    d->ops->download(d, host, block, n * sizeof *host);
}

static inline void release_blocks(struct device *d)
{
    while (n_blocks)
        device_release(d, blocks[--n_blocks]);
}

/* ---- cases ---- */

/* `out` is what the device computed, `want` what it should be. */
struct result {
    float *out;
    double *want;
    size_t n;
};

static inline struct result result_new(size_t n)
{
    return (struct result){poison(n), mem_zero(n, sizeof(double)), n};
}

static inline void result_free(struct result *r)
{
    free(r->out);
    free(r->want);
}

struct op_case {
    const char *name;
    struct result (*run)(struct device *d, int size); // size picks the dimensions
    double limit;                                     // relative L2 error
};

static inline struct result run_case(struct device *d, const struct op_case *c, int size)
{
    struct err e = {0};
    struct result r = c->run(d, size);
    release_blocks(d);
    assert_ok(device_sync(d, &e), &e);
    return r;
}

static inline void check_values(const char *kind, const struct op_case *cases, size_t n, int sizes)
{
    struct device *d = open_device(kind, 2);
    for (size_t i = 0; i < n; i++)
        for (int size = 0; size < sizes; size++) {
            state = (uint32_t)(100 * i) + (uint32_t)size;
            struct result r = run_case(d, &cases[i], size);
            double error = 0, total = 0;
            for (size_t j = 0; j < r.n; j++) {
                error += (r.out[j] - r.want[j]) * (r.out[j] - r.want[j]);
                total += r.want[j] * r.want[j];
            }
            if (!(sqrt(error) <= cases[i].limit * sqrt(total) + 1e-9))
                fail_msg("%s: %s, size %d: relative error %.3g", kind, cases[i].name, size,
                         sqrt(error / total));
            result_free(&r);
        }
    device_close(d);
}

/* Whatever the threads of the CPU, and whatever the order of those of the GPU. */
static inline void check_bits(const char *kind, const struct op_case *cases, size_t n, int sizes)
{
    bool cpu = strcmp(kind, "cpu") == 0;
    struct device *devices[3] = {open_device(kind, 1), open_device(kind, 2),
                                 cpu ? open_device(kind, 3) : NULL};
    for (size_t i = 0; i < n; i++)
        for (int size = 0; size < sizes; size++) {
            struct result r[3];
            int runs = 0;
            for (; runs < 3 && devices[runs]; runs++) {
                state = 7;
                if (emu_order)
                    emu_order(runs == 1);
                r[runs] = run_case(devices[runs], &cases[i], size);
                if (memcmp(r[runs].out, r[0].out, r[0].n * sizeof(float)) != 0)
                    fail_msg("%s: %s, size %d: run %d gives other bits than the first", kind,
                             cases[i].name, size, runs + 1);
            }
            if (emu_order)
                emu_order(false);
            while (runs)
                result_free(&r[--runs]);
        }
    for (int t = 0; t < 3; t++)
        device_close(devices[t]);
}

#endif
