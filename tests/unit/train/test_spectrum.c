/* Singular values and what is made of them against NumPy's. */
#include "t.h"

#include "core/train/spectrum.h"

static void values_and_effective_rank_are_numpys(void **unused)
{
    (void)unused;
    static const float x[18] = {1, 2, 3, 4, 5, 6, 0, 1, 0, -1, 2, 0, 2, 0, 1, 1, 0, 3};
    static const double want[3] = {10.00923033, 3.05212974, 1.58107946};
    double got[3];
    spectrum(x, 3, 6, got);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(got[i] - want[i]) < 1e-8);
    assert_true(fabs(spectrum_effective_rank(got, 3) - 2.2870063083326073) < 1e-9);
    assert_true(fabs(spectrum_nuclear(got, 3) - 14.642439525120253) < 1e-8);
    double energy[3];
    static const double shares[3] = {0.8945061769, 0.9776802478, 1.0000000000};
    spectrum_energy(got, 3, energy);
    for (int i = 0; i < 3; i++)
        assert_true(fabs(energy[i] - shares[i]) < 1e-8);
}

static void equal_rows_have_one_direction(void **unused)
{
    (void)unused;
    float x[4 * 64];
    double got[4];
    for (int i = 0; i < 4 * 64; i++)
        x[i] = (float)(i % 64 + 1);
    spectrum(x, 4, 64, got);
    assert_true(got[1] < 1e-4 * got[0]);
    assert_true(fabs(spectrum_effective_rank(got, 4) - 1) < 1e-3);
}

static void a_zero_matrix_has_no_rank(void **unused)
{
    (void)unused;
    const float x[8] = {0};
    double got[2];
    spectrum(x, 2, 4, got);
    assert_true(got[0] == 0 && got[1] == 0);
    assert_true(spectrum_effective_rank(got, 2) == 0);
    assert_true(spectrum_nuclear(got, 2) == 0);
    double energy[2] = {1, 1};
    spectrum_energy(got, 2, energy);
    assert_true(energy[0] == 0 && energy[1] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_effective_rank_are_numpys),
        cmocka_unit_test(equal_rows_have_one_direction),
        cmocka_unit_test(a_zero_matrix_has_no_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
