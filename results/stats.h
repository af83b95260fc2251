/* Statistics over seeds. Sums run in index order, so the same values give the same bits. */
#ifndef PROMPTGRID_RESULTS_STATS_H
#define PROMPTGRID_RESULTS_STATS_H

#include <stddef.h>

struct stats {
    size_t n;
    double mean; // NAN when n = 0
    double std;  // sample standard deviation (n - 1); NAN when n < 2
};

struct stats stats_of(const double *x, size_t n);

/* 2ab / (a + b); 0 when either is 0; NAN when either is. */
double stats_harmonic(double a, double b);

/* Half the width of Student's interval of the mean, `level` of the time around the true one (0.95);
 * NAN when n < 2. */
double stats_t_half(const struct stats *s, double level);

#endif
