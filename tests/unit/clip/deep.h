/*
 * The fixtures of tests/oracle/deep beside the random CLIPs they were made with.
 */
#ifndef PROMPTGRID_TESTS_CLIP_DEEP_H
#define PROMPTGRID_TESTS_CLIP_DEEP_H

#include "core/clip/text.h"
#include "tests/unit/clip/oracle.h"

enum { DEEP_M = 2, DEEP_V = 3, DEEP_B = 4, DEEP_STEPS = 20, DEEP_EPOCH = 4 };

/* As oracle_open; the fixture is the one about deep prompts. */
static inline void deep_open(struct oracle *o, const char *name)
{
    struct err e;
    char *path = str_format("tests/oracle/deep/%s.safetensors", name);
    oracle_open(o, name);
    safetensors_close(&o->fixture);
    assert_ok(safetensors_open(&o->fixture, path, &e), &e);
    free(path);
}

/* SOT, DEEP_M contexts, name, EOT for each of the fixture's names. */
static inline void deep_prompts(struct text_prompts *p, const struct oracle *o)
{
    const struct tensor *t = safetensors_find(&o->fixture, "names");
    float *rows = oracle_floats(o, "names");
    for (size_t k = 0; k < t->shape[0]; k++) {
        int items[128] = {o->shape.vocab - 2, TEXT_CONTEXT(0), TEXT_CONTEXT(1)}, n = 1 + DEEP_M;
        for (size_t i = 0; i < t->shape[1] && rows[k * t->shape[1] + i] >= 0; i++)
            items[n++] = (int)rows[k * t->shape[1] + i];
        items[n++] = o->shape.vocab - 1;
        text_prompts_add(p, items, (size_t)n);
    }
    free(rows);
}

/* |got - fixture| within the relative tolerance; the fixture's tensor has n numbers. */
static inline void deep_compare(const struct oracle *o, const char *name, const float *got,
                                size_t n, double tolerance)
{
    const struct tensor *t = safetensors_find(&o->fixture, name);
    float *want = oracle_floats(o, name);
    assert_int_equal(t->count, n);
    assert_near(got, want, n, tolerance);
    free(want);
}

/* The labels of a training step. */
static inline void deep_labels(const struct oracle *o, int step, int *labels)
{
    float *given = oracle_floats(o, "labels");
    for (int i = 0; i < DEEP_B; i++)
        labels[i] = (int)given[step * DEEP_B + i];
    free(given);
}

#endif
