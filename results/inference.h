/*
 * Tests between two methods, and intervals. Distributions come from GSL; p values are two-sided.
 *
 * A test that nothing speaks for or against (no pair differs) has p = 1; one that needs more pairs
 * than there are has p = NAN.
 */
#ifndef PROMPTGRID_RESULTS_INFERENCE_H
#define PROMPTGRID_RESULTS_INFERENCE_H

#include <stddef.h>
#include <stdint.h>

/* McNemar's test on images that only one of two methods gets right. */
enum { MCNEMAR_EXACT = 1000 }; // up to so many such images: the binomial distribution itself
double mcnemar(size_t only_a, size_t only_b); // above: chi-squared with Edwards' correction

struct test {
    size_t n;         // pairs that count
    double statistic; // t; Wilcoxon: the smaller sum of ranks
    double p;
};

/* Student's t of paired differences. Differences that are all the same but not 0 have p = 0. */
struct test paired_t(const double *difference, size_t n);

/* Wilcoxon's signed ranks. Differences of 0 are left out first, equal ones share their middle rank
 * (SciPy's zero_method 'wilcox'). The distribution is exact, also with shared ranks, up to
 * WILCOXON_EXACT pairs; above, the normal approximation with its variance corrected for ties. */
enum { WILCOXON_EXACT = 50 };
struct test wilcoxon(const double *difference, size_t n);

/* Holm's correction for `n` tests at once, in place; p values of NAN are left out. */
void holm(double *p, size_t n);

struct interval {
    double low, high;
};

/* Percentile bootstrap of the mean, `level` wide (0.95): `rounds` times n values drawn with
 * replacement by a counter-based generator, so the same seed gives the same bits. n >= 1. */
struct interval bootstrap_mean(const double *x, size_t n, double level, size_t rounds,
                               uint64_t seed);

/* ---- several methods over datasets ---- */

struct ranking {
    double statistic, p;        // Friedman's chi-squared, corrected for ties
    double critical_difference; // Nemenyi: average ranks further apart differ at the level asked
};

/* x: (datasets, methods) values, the largest is best. rank: (methods) average ranks, 1 is best,
 * ties share. At least 2 of each, or p and the difference are NAN. */
struct ranking rank_methods(const double *x, size_t datasets, size_t methods, double level,
                            double *rank);

/* Quantile of the studentized range of k means with infinite degrees of freedom. */
double studentized_range_quantile(double probability, size_t k);

#endif
