/*
 * Evaluation of a method's result: logits of test images, predictions, metrics.
 */
#ifndef PROMPTGRID_TRAIN_EVAL_H
#define PROMPTGRID_TRAIN_EVAL_H

#include "core/method/method.h"

struct eval_result {
    int *predicted;  // (N) index of the first largest logit; yours to free()
    double accuracy; // percent
    double macro_f1; // percent: unweighted mean of F1 over the labels that occur
};

/* Test images, fetched in order: out (n, width), device memory, = images first .. first + n - 1. */
struct eval_images {
    int (*fetch)(void *arg, size_t first, size_t n, float *out, struct err *e);
    void *arg;
    size_t N;
    const int *labels; // (N) 0..K-1
};

/* The learner's classes are set; its result is used as it is deployed. A logit that is not finite
 * is ERR_NUMERIC. */
int eval_run(struct learner *l, const struct eval_images *images, struct eval_result *out,
             struct err *e);

/* Only the metrics, from predictions. */
void eval_metrics(struct eval_result *r, const int *labels, size_t N, size_t K);

#endif
