/* See stats.h. */
#include "results/stats.h"

#include <gsl/gsl_cdf.h>
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

double stats_t_half(const struct stats *s, double level)
{
    if (s->n < 2)
        return NAN;
    return gsl_cdf_tdist_Qinv((1 - level) / 2, (double)(s->n - 1)) * s->std / sqrt((double)s->n);
}
