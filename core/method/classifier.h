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

/* What is left to multiply unit (images) text^T with for logits: exp(logit scale), or 1 where that
 * is in the images already (a `half` device, as the reference multiplies). */
float classifier_scale(const struct learner *l);

/* logits (n, K) of text (K, E), unit length; unit (n, E) = the images of unit length, with norm
 * (n), times exp(logit scale) / classifier_scale. */
void classifier_logits_of(const struct learner *l, const float *text, int K, const float *images,
                          int n, float *unit, float *norm, float *logits);

/* logits (n, K) = exp(logit scale) * unit(images) text^T; text (K, E) of unit length. */
void classifier_logits(const struct learner *l, const float *text, int K, const float *images,
                       int n, float *logits);

#endif
