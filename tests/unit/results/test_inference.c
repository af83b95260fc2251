/* Intervals and tests against SciPy and plain enumeration: tests/oracle/stats/make.py. */
#include "t.h"

#include "results/inference.h"
#include "results/stats.h"

#include <jansson.h>

enum { MOST = 128 };

static json_t *cases(const char *key)
{
    static json_t *all;
    json_error_t error;
    if (!all)
        all = json_load_file("tests/oracle/stats/cases.json", 0, &error);
    assert_non_null(all);
    json_t *list = json_object_get(all, key);
    assert_true(json_array_size(list) > 0 || json_object_size(list) > 0);
    return list;
}

static double real_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static size_t reals(const json_t *list, double *out)
{
    size_t n = json_array_size(list);
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++)
        out[i] = json_number_value(json_array_get(list, i));
    return n;
}

/* Relative error 1e-10. */
static void assert_same(double got, double want, const char *what)
{
    if (!(fabs(got - want) <= 1e-10 * fabs(want)))
        fail_msg("%s: got %.17g, want %.17g", what, got, want);
}

static void student_intervals_match_scipy(void **state)
{
    (void)state;
    size_t i;
    json_t *item;
    json_array_foreach(cases("t_interval"), i, item)
    {
        double x[MOST];
        struct stats s = stats_of(x, reals(json_object_get(item, "x"), x));
        assert_same(stats_t_half(&s, real_at(item, "level")), real_at(item, "half"), "half");
    }
    const double one = 5;
    struct stats s = stats_of(&one, 1);
    assert_true(isnan(stats_t_half(&s, 0.95)));
}

static void mcnemar_matches_scipys_binomial_test(void **state)
{
    (void)state;
    size_t i;
    json_t *item;
    json_array_foreach(cases("mcnemar"), i, item)
    {
        size_t a = (size_t)real_at(item, "a"), b = (size_t)real_at(item, "b");
        assert_same(mcnemar(a, b), real_at(item, "p"), "p");
        assert_true(mcnemar(a, b) == mcnemar(b, a));
    }
}

static void paired_tests_match_scipy_and_enumeration(void **state)
{
    (void)state;
    size_t i;
    json_t *item;
    json_array_foreach(cases("paired"), i, item)
    {
        double d[MOST];
        const char *name = json_string_value(json_object_get(item, "name"));
        size_t n = reals(json_object_get(item, "d"), d);
        struct test t = paired_t(d, n), w = wilcoxon(d, n);
        assert_same(t.statistic, real_at(item, "t"), name);
        assert_same(t.p, real_at(item, "t_p"), name);
        assert_same(w.statistic, real_at(item, "w"), name);
        assert_same(w.p, real_at(item, "w_p"), name);
    }
}

static void tests_without_enough_to_test_say_so(void **state)
{
    (void)state;
    const double nothing[] = {0, 0, 0}, always[] = {0.5, 0.5, 0.5, 0.5};
    assert_true(paired_t(nothing, 3).p == 1);
    assert_true(wilcoxon(nothing, 3).p == 1);
    assert_int_equal(wilcoxon(nothing, 3).n, 0);
    assert_true(paired_t(always, 4).p == 0);
    assert_true(wilcoxon(always, 4).p == 0.125); // 2 / 2^4
    assert_true(isnan(paired_t(always, 1).p));
    assert_true(isnan(wilcoxon(NULL, 0).p));
    assert_true(wilcoxon(always, 1).p == 1);
}

static void holm_matches_its_definition_and_leaves_nan_out(void **state)
{
    (void)state;
    double p[MOST], want[MOST];
    size_t n = reals(json_object_get(cases("holm"), "p"), p);
    reals(json_object_get(cases("holm"), "adjusted"), want);
    holm(p, n);
    for (size_t i = 0; i < n; i++)
        assert_same(p[i], want[i], "adjusted");
    double some[] = {0.01, NAN, 0.03};
    holm(some, 3);
    assert_true(some[0] == 0.02 && isnan(some[1]) && some[2] == 0.03);
}

static void bootstrap_draws_what_its_counter_says(void **state)
{
    (void)state;
    size_t i;
    json_t *item;
    json_array_foreach(cases("bootstrap"), i, item)
    {
        double x[MOST], want[2];
        size_t n = reals(json_object_get(item, "x"), x);
        reals(json_object_get(item, "interval"), want);
        struct interval got =
            bootstrap_mean(x, n, real_at(item, "level"), (size_t)real_at(item, "rounds"),
                           (uint64_t)json_integer_value(json_object_get(item, "seed")));
        assert_same(got.low, want[0], "low");
        assert_same(got.high, want[1], "high");
    }
    const double one = 2.5;
    struct interval got = bootstrap_mean(&one, 1, 0.95, 10, 1);
    assert_true(got.low == 2.5 && got.high == 2.5);
}

static void ranks_and_critical_difference_match_scipy(void **state)
{
    (void)state;
    size_t i;
    json_t *item;
    json_array_foreach(cases("ranking"), i, item)
    {
        json_t *rows = json_object_get(item, "x");
        double x[MOST], rank[MOST], want[MOST];
        size_t datasets = json_array_size(rows), methods = json_array_size(json_array_get(rows, 0));
        assert_true(datasets * methods <= MOST);
        for (size_t d = 0; d < datasets; d++)
            reals(json_array_get(rows, d), x + d * methods);
        struct ranking got = rank_methods(x, datasets, methods, real_at(item, "level"), rank);
        reals(json_object_get(item, "rank"), want);
        for (size_t m = 0; m < methods; m++)
            assert_same(rank[m], want[m], "rank");
        assert_same(got.statistic, real_at(item, "statistic"), "statistic");
        assert_same(got.p, real_at(item, "p"), "p");
        assert_same(got.critical_difference, real_at(item, "critical_difference"), "difference");
    }
    const double equal[] = {1, 1, 2, 2};
    double rank[2];
    struct ranking got = rank_methods(equal, 2, 2, 0.95, rank);
    assert_true(rank[0] == 1.5 && rank[1] == 1.5 && got.statistic == 0 && got.p == 1);
    assert_true(isnan(rank_methods(equal, 1, 2, 0.95, rank).p));
}

static void studentized_range_matches_scipy(void **state)
{
    (void)state;
    size_t i;
    json_t *item;
    json_array_foreach(cases("range_quantile"), i, item)
    {
        double q = studentized_range_quantile(real_at(item, "p"), (size_t)real_at(item, "k"));
        assert_same(q, real_at(item, "q"), "q");
    }
    assert_true(isnan(studentized_range_quantile(0.95, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_intervals_match_scipy),
        cmocka_unit_test(mcnemar_matches_scipys_binomial_test),
        cmocka_unit_test(paired_tests_match_scipy_and_enumeration),
        cmocka_unit_test(tests_without_enough_to_test_say_so),
        cmocka_unit_test(holm_matches_its_definition_and_leaves_nan_out),
        cmocka_unit_test(bootstrap_draws_what_its_counter_says),
        cmocka_unit_test(ranks_and_critical_difference_match_scipy),
        cmocka_unit_test(studentized_range_matches_scipy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
