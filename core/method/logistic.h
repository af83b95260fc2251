/*
 * Multinomial logistic regression in double precision, the problem that scikit-learn's
 * LogisticRegression solves: sum of cross entropies + |W|^2 / (2 C), the intercept free of the
 * penalty. L-BFGS by liblbfgs, stopped as there: the gradient's largest entry below 1e-4, or 1,000
 * iterations.
 */
#ifndef PROMPTGRID_METHOD_LOGISTIC_H
#define PROMPTGRID_METHOD_LOGISTIC_H

#include "core/base/err.h"
#include "core/base/thread.h"

#include <stddef.h>

struct logistic_problem {
    const float *x;    // (N, D)
    const int *labels; // (N) 0..K-1
    size_t N;
    int D, K;
    double C; // inverse strength of the penalty
};

/* w (D + 1, K) = the solution, from zero; the last row is the intercept. */
int logistic_fit(double *w, const struct logistic_problem *p, struct thread_pool *pool,
                 struct err *e);

/* Rows whose largest logit, the first of equals, is the label's. */
size_t logistic_hits(const double *w, const struct logistic_problem *p, struct thread_pool *pool);

#endif
