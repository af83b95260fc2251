/*
 * Frozen text features of classes from hand-written templates (spec/training.md section 6).
 */
#ifndef PROMPTGRID_METHOD_CLASSIFIER_H
#define PROMPTGRID_METHOD_CLASSIFIER_H

#include "core/method/method.h"

/* How the features of several templates become one per class. */
enum classifier_mean {
    CLASSIFIER_UNIT, // each of unit length, averaged, unit length again
    CLASSIFIER_RAW,  // averaged as they are; not unit length
};

/* out (K, E), device. A template has {} for the class name. */
int classifier_features(const struct learner *l, const char *const *templates, size_t n,
                        char *const *names, int K, enum classifier_mean mean, float *out,
                        struct err *e);

/* As classifier_features, of the templates that the keys "ensemble" (a set, or "none") and
 * "template" ("" = none) name together. */
int classifier_ensemble(const struct learner *l, char *const *names, int K,
                        enum classifier_mean mean, float *out, struct err *e);

/* logits (n, K) = exp(logit scale) * unit(images) text^T; text (K, E) of unit length. */
void classifier_logits(const struct learner *l, const float *text, int K, const float *images,
                       int n, float *logits);

#endif
