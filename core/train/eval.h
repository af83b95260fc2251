/*
 * Evaluation of a prompt: features of a set of classes against a bank of test images.
 */
#ifndef PROMPTGRID_TRAIN_EVAL_H
#define PROMPTGRID_TRAIN_EVAL_H

#include "core/method/method.h"

struct eval_result {
    int *predicted;  // (N) index of the first largest logit; yours to free()
    double accuracy; // percent
    double macro_f1; // percent: unweighted mean of F1 over the labels that occur
};

/* images (N, E), host, not unit length; labels (N) 0..K-1. Uses the context as it is deployed. */
int eval_run(struct learner *l, const struct text_prompts *prompts, const float *images,
             const int *labels, size_t N, struct eval_result *out, struct err *e);

/* Only the metrics, from predictions. */
void eval_metrics(struct eval_result *r, const int *labels, size_t N, size_t K);

#endif
