/* What the cases of test_ops.c work on: inputs that repeat, results that start as no number, and a
 * forest of rows. */
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

static inline struct device *open_cpu(int threads)
{
    struct device *d;
    struct err e;
    assert_ok(device_open(&d, "cpu", threads, &e), &e);
    return d;
}

/* A case computes its outputs into `out` on `d`, and what they should be into `want`. */
struct result {
    float *out;
    double *want;
    size_t n;
};

static inline struct result result_new(size_t n)
{
    return (struct result){poison(n), mem_zero(n, sizeof(double)), n};
}

/* A forest: row r's parent is r - 1 within a trunk of 5 rows, then branches hang from row 4 or 2.
 */
static inline struct device_tree forest(int rows)
{
    int *parent = mem_alloc((size_t)rows, sizeof *parent),
        *query = mem_alloc((size_t)rows, sizeof *query);
    int *start = mem_alloc((size_t)rows + 1, sizeof *start), *path = NULL;
    size_t n = 0, capacity = 0;
    for (int r = 0; r < rows; r++) {
        parent[r] = r < 5 ? r - 1 : r % 3 == 0 ? 4 : r % 3 == 1 ? r - 1 : 2;
        query[r] = r;
        start[r] = (int)n;
        int chain[256], length = 0;
        for (int at = r; at >= 0; at = parent[at])
            chain[length++] = at;
        while (length)
            MEM_PUSH(path, n, capacity) = chain[--length];
    }
    start[rows] = (int)n;
    free(parent);
    return (struct device_tree){rows, rows, query, start, path};
}

static inline void forest_free(struct device_tree *t)
{
    free((int *)t->query);
    free((int *)t->start);
    free((int *)t->path);
}

#endif
