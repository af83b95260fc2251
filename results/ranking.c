/* Average ranks of methods over datasets, with Friedman's test and Nemenyi's critical difference
 * (Demsar, "Statistical comparisons of classifiers over multiple data sets", 2006). */
#include "core/base/mem.h"
#include "results/inference.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

struct range {
    double q, k;
};

/* k phi(z) (Phi(z) - Phi(z - q))^(k-1): z is the largest of k, the others are within q below. */
static double range_density(double z, void *arg)
{
    const struct range *r = arg;
    double within = gsl_cdf_ugaussian_P(z) - gsl_cdf_ugaussian_P(z - r->q);
    return r->k * gsl_ran_ugaussian_pdf(z) * pow(within, r->k - 1);
}

static double range_cdf(double q, size_t k, gsl_integration_glfixed_table *points)
{
    enum { EDGE = 9 }; // of the normal distribution; 1e-19 lies beyond
    struct range range = {q, (double)k};
    gsl_function f = {range_density, &range};
    return gsl_integration_glfixed(&f, -EDGE, EDGE, points);
}

double studentized_range_quantile(double probability, size_t k)
{
    enum { POINTS = 200 }; // the density is smooth: all digits of a double
    if (k < 2 || !(probability > 0 && probability < 1))
        return NAN;
    gsl_integration_glfixed_table *points = gsl_integration_glfixed_table_alloc(POINTS);
    double low = 0, high = 1;
    while (range_cdf(high, k, points) < probability)
        high *= 2;
    for (double middle; (middle = low + (high - low) / 2) > low && middle < high;)
        *(range_cdf(middle, k, points) < probability ? &low : &high) = middle;
    gsl_integration_glfixed_table_free(points);
    return high;
}

/* Ranks of one dataset's values added to `rank`; returns the sum of t^3 - t over ties. */
static double add_ranks(const double *x, size_t methods, double *rank)
{
    double ties = 0;
    for (size_t i = 0; i < methods; i++) {
        size_t better = 0, equal = 0;
        for (size_t j = 0; j < methods; j++) {
            better += x[j] > x[i];
            equal += x[j] == x[i];
        }
        double t = (double)equal;
        rank[i] += (double)better + (t + 1) / 2;
        ties += t * t - 1; // each of the t members of a group adds its share
    }
    return ties;
}

struct ranking rank_methods(const double *x, size_t datasets, size_t methods, double level,
                            double *rank)
{
    struct ranking out = {NAN, NAN, NAN};
    double n = (double)datasets, k = (double)methods, ties = 0, squares = 0;
    for (size_t i = 0; i < methods; i++)
        rank[i] = 0;
    for (size_t d = 0; d < datasets; d++)
        ties += add_ranks(x + d * methods, methods, rank);
    for (size_t i = 0; i < methods; i++) {
        squares += rank[i] * rank[i];
        rank[i] /= n;
    }
    if (datasets < 2 || methods < 2)
        return out;
    double untied = 1 - ties / (n * k * (k * k - 1)); // 0: every method is equal on every dataset
    out.statistic = untied > 0 ? (12 / (k * n * (k + 1)) * squares - 3 * n * (k + 1)) / untied : 0;
    out.p = gsl_cdf_chisq_Q(out.statistic, k - 1);
    out.critical_difference =
        studentized_range_quantile(level, methods) * sqrt(k * (k + 1) / (12 * n));
    return out;
}
