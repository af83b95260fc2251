/* See stats.h. */
#include "results/stats.h"

#include <math.h>

struct stats stats_of(const double *x, size_t n)
{
    struct stats s = {n, NAN, NAN};
    if (n == 0)
        return s;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    s.mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - s.mean) * (x[i] - s.mean);
    if (n > 1)
        s.std = sqrt(squares / (double)(n - 1));
    return s;
}

double stats_harmonic(double a, double b)
{
    if (isnan(a) || isnan(b))
        return NAN;
    return a > 0 && b > 0 ? 2 * a * b / (a + b) : 0;
}
