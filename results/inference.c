/* Paired tests, Holm's correction and the bootstrap: see inference.h. */
#include "results/inference.h"

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "results/stats.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

double mcnemar(size_t only_a, size_t only_b)
{
    size_t n = only_a + only_b, few = only_a < only_b ? only_a : only_b;
    if (only_a == only_b)
        return 1;
    if (n <= MCNEMAR_EXACT)
        return fmin(1, 2 * gsl_cdf_binomial_P((unsigned)few, 0.5, (unsigned)n));
    double apart = (double)(n - 2 * few) - 1;
    return gsl_cdf_chisq_Q(apart * apart / (double)n, 1);
}

struct test paired_t(const double *difference, size_t n)
{
    struct stats s = stats_of(difference, n);
    struct test test = {n, NAN, NAN};
    if (n < 2)
        return test;
    test.statistic = s.mean / (s.std / sqrt((double)n));
    if (s.std == 0) { // no spread: the t of 0 / 0 or of infinity
        test.statistic = s.mean == 0 ? 0 : test.statistic;
        test.p = s.mean == 0;
    } else {
        test.p = 2 * gsl_cdf_tdist_Q(fabs(test.statistic), (double)(n - 1));
    }
    return test;
}

/* ---- Wilcoxon ---- */

static int by_size(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* Twice the middle ranks of |d|, d sorted by it: whole numbers. Returns the sum of t^3 - t over the
 * groups of t equal ones. */
static double double_ranks(const double *d, size_t n, size_t *ranks)
{
    double ties = 0;
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && fabs(d[j]) == fabs(d[i]);)
            j++;
        for (size_t k = i; k < j; k++)
            ranks[k] = i + 1 + j;
        double t = (double)(j - i);
        ties += t * t * t - t;
    }
    return ties;
}

/* P(sum of the ranks of the positive ones <= sum) when every sign is a fair coin. */
static double signed_rank_cdf(const size_t *ranks, size_t n, size_t sum)
{
    double *chance = mem_zero(sum + 1, sizeof *chance), total = 0; // of each sum, up to `sum`
    chance[0] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t s = sum + 1; s-- > 0;)
            chance[s] = (chance[s] + (s >= ranks[i] ? chance[s - ranks[i]] : 0)) / 2;
    for (size_t s = 0; s <= sum; s++)
        total += chance[s];
    free(chance);
    return total;
}

struct test wilcoxon(const double *difference, size_t n)
{
    double *d = mem_alloc(n + 1, sizeof *d);
    size_t used = 0, plus = 0, minus = 0;
    for (size_t i = 0; i < n; i++)
        if (difference[i] != 0)
            d[used++] = difference[i];
    size_t *ranks = mem_alloc(used + 1, sizeof *ranks);
    qsort(d, used, sizeof *d, by_size);
    double ties = double_ranks(d, used, ranks), m = (double)used;
    for (size_t i = 0; i < used; i++)
        *(d[i] > 0 ? &plus : &minus) += ranks[i];
    size_t least = plus < minus ? plus : minus;
    struct test test = {used, (double)least / 2, n ? 1 : NAN};
    if (used && used <= WILCOXON_EXACT) {
        test.p = fmin(1, 2 * signed_rank_cdf(ranks, used, least));
    } else if (used) {
        double z = test.statistic - m * (m + 1) / 4;
        double variance = m * (m + 1) * (2 * m + 1) / 24 - ties / 48;
        test.p = fmin(1, 2 * gsl_cdf_ugaussian_P(z / sqrt(variance)));
    }
    free(ranks);
    free(d);
    return test;
}

/* ---- Holm ---- */

static int by_value(const void *a, const void *b)
{
    const double *x = *(const double *const *)a, *y = *(const double *const *)b;
    return (*x > *y) - (*x < *y);
}

void holm(double *p, size_t n)
{
    double **sorted = mem_alloc(n + 1, sizeof *sorted), least = 0;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            sorted[m++] = &p[i];
    qsort(sorted, m, sizeof *sorted, by_value);
    for (size_t i = 0; i < m; i++) {
        least = fmax(least, fmin(1, *sorted[i] * (double)(m - i)));
        *sorted[i] = least;
    }
    free(sorted);
}

/* ---- bootstrap ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between the two nearest of the sorted values, as numpy and R (type 7) have it. */
static double quantile(const double *sorted, size_t n, double probability)
{
    double at = probability * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct interval bootstrap_mean(const double *x, size_t n, double level, size_t rounds,
                               uint64_t seed)
{
    double *means = mem_alloc(rounds, sizeof *means);
    for (size_t r = 0; r < rounds; r++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            uint32_t word[4];
            rng_at(seed, r, i, word);
            sum += x[(uint64_t)word[0] * n >> 32];
        }
        means[r] = sum / (double)n;
    }
    qsort(means, rounds, sizeof *means, ascending);
    struct interval out = {quantile(means, rounds, (1 - level) / 2),
                           quantile(means, rounds, (1 + level) / 2)};
    free(means);
    return out;
}
