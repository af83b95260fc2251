/*
 * Testing a trained method: metrics and predictions of the test images of some classes.
 */
#ifndef PROMPTGRID_RUNNER_TEST_H
#define PROMPTGRID_RUNNER_TEST_H

#include "runner/work.h"

/* A range of the dataset's classes and the split that its metrics are sent under. */
struct part {
    const char *name; // "base"
    int first, n;
};

/* Classify the part's test images among the part's classes, send "metric" and "prediction". */
int test_part(struct work *w, const struct bank *bank, const struct part *part, struct err *e);

#endif
