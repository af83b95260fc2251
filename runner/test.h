/*
 * Testing a trained method: metrics and predictions of the test images of some classes.
 */
#ifndef PROMPTGRID_RUNNER_TEST_H
#define PROMPTGRID_RUNNER_TEST_H

#include "core/train/eval.h"
#include "runner/work.h"

/* A range of the dataset's classes and the split that its metrics are sent under. */
struct part {
    const char *name; // "base"
    int first, n;
};

/* Classify the part's *n test images among the part's classes; the predictions are yours to free().
 * The part's classes are then the learner's. */
int test_measure(struct work *w, const struct bank *bank, const struct part *part,
                 struct eval_result *out, size_t *n, struct err *e);

/* Classify the part's test images among the part's classes; send "metric" and "prediction", after
 * the device's known answer. */
int test_part(struct work *w, const struct bank *bank, const struct part *part, struct err *e);

#endif
