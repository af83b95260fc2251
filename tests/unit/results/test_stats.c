#include "t.h"

#include "results/stats.h"

static void mean_and_sample_deviation_match_hand_values(void **state)
{
    (void)state;
    const double x[] = {64.0, 66.0, 63.5};
    struct stats s = stats_of(x, 3);
    assert_int_equal(s.n, 3);
    assert_true(s.mean == 64.5);
    assert_true(fabs(s.std - sqrt(1.75)) < 1e-14); // (0.25 + 2.25 + 1) / 2
    const double pair[] = {1.0, 4.0};
    s = stats_of(pair, 2);
    assert_true(s.mean == 2.5);
    assert_true(fabs(s.std - 3 / sqrt(2)) < 1e-15);
}

static void one_value_has_no_deviation_and_none_has_no_mean(void **state)
{
    (void)state;
    const double x[] = {57.25};
    struct stats s = stats_of(x, 1);
    assert_true(s.mean == 57.25);
    assert_true(isnan(s.std));
    s = stats_of(NULL, 0);
    assert_int_equal(s.n, 0);
    assert_true(isnan(s.mean) && isnan(s.std));
}

static void equal_values_have_deviation_zero(void **state)
{
    (void)state;
    const double x[] = {89.1, 89.1, 89.1};
    assert_true(stats_of(x, 3).std < 1e-13);
}

static void harmonic_mean_matches_published_rows(void **state)
{
    (void)state;
    assert_true(fabs(stats_harmonic(82.69, 63.22) - 71.66) < 0.005); // CoOp, average of 11
    assert_true(fabs(stats_harmonic(69.34, 74.22) - 71.70) < 0.005); // zero-shot CLIP
    assert_true(stats_harmonic(50, 0) == 0);
    assert_true(isnan(stats_harmonic(NAN, 50)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_sample_deviation_match_hand_values),
        cmocka_unit_test(one_value_has_no_deviation_and_none_has_no_mean),
        cmocka_unit_test(equal_values_have_deviation_zero),
        cmocka_unit_test(harmonic_mean_matches_published_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
