/* fp16: every value, every gap between two of them, and what is outside. */
#include "t.h"

#include "core/base/half.h"

/* The value of 16 bits, by the format's definition. */
static double value_of(unsigned bits)
{
    double sign = bits & 0x8000 ? -1 : 1, mantissa = bits & 0x3ff;
    int exponent = bits >> 10 & 31;
    return exponent ? sign * ldexp(1024 + mantissa, exponent - 25) : sign * ldexp(mantissa, -24);
}

static void every_value_stays_as_it_is(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        if ((bits & 0x7c00) == 0x7c00)
            continue; // infinite or NaN
        float x = (float)value_of(bits);
        assert_true(half_round(x) == x);
        assert_int_equal(half_bits(x), bits);
    }
}

static void between_two_values_the_nearer_is_taken_and_ties_go_to_even(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x7bff; bits++) {
        double a = value_of(bits), b = value_of(bits + 1);
        float middle = (float)((a + b) / 2);
        float even = (float)(bits % 2 ? b : a);
        assert_true(half_round(middle) == even);
        assert_true(half_round(-middle) == -even);
        assert_true(half_round(nextafterf(middle, 0)) == (float)a);
        assert_true(half_round(nextafterf(middle, 1e6f)) == (float)b);
    }
}

static void what_is_too_large_is_infinite_and_nan_stays(void **state)
{
    (void)state;
    assert_true(half_round(65519.996f) == 65504);
    assert_true(isinf(half_round(65520)) && half_round(65520) > 0);
    assert_true(half_round(-1e30f) == -INFINITY);
    assert_true(half_round(INFINITY) == INFINITY);
    assert_true(isnan(half_round(NAN)));
    assert_int_equal(half_bits(1e30f), 0x7c00);
    assert_int_equal(half_bits(-INFINITY), 0xfc00);
    assert_int_equal(half_bits(NAN) & 0x7fff, 0x7e00);
    assert_int_equal(half_bits(-0.0f), 0x8000);
    assert_true(half_round(1e-30f) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_stays_as_it_is),
        cmocka_unit_test(between_two_values_the_nearer_is_taken_and_ties_go_to_even),
        cmocka_unit_test(what_is_too_large_is_infinite_and_nan_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
