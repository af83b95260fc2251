/* Learning rates and data order against the spec's numbers (training.md section 2) and torch. */
#include "t.h"

#include "core/train/schedule.h"

static void rates_are_the_measured_ones(void **unused)
{
    (void)unused;
    static const double ten[] = {1e-5, .002, .0019510565, .0018090170, .0015877853, .0013090170};
    for (int e = 0; e < 6; e++)
        assert_true(fabs(schedule_lr(e, 10, .002, 1e-5) - ten[e]) < 5e-11);
    assert_true(fabs(schedule_lr(9, 10, .002, 1e-5) - .000190983) < 5e-10);
    static const double five[] = {1e-5, .0035, .00316578, .00229078, .00120922};
    for (int e = 0; e < 5; e++)
        assert_true(fabs(schedule_lr(e, 5, .0035, 1e-5) - five[e]) < 5e-9);
    assert_true(fabs(schedule_lr(49, 50, .002, 1e-5) - 7.8853e-06) < 5e-11);
    assert_true(fabs(schedule_lr(19, 20, .0025, 1e-5) - 6.1179e-05) < 5e-10);
}

static void the_short_batch_is_dropped_unless_it_is_the_only_one(void **unused)
{
    (void)unused;
    assert_int_equal(schedule_used(100, 32), 96);
    assert_int_equal(schedule_used(96, 32), 96);
    assert_int_equal(schedule_used(31, 32), 31);
    assert_int_equal(schedule_used(80, 128), 80);
}

/* torch 1.13: manual_seed(1); per epoch torch.empty((), dtype=torch.int64).random_() twice, then
 * torch.randperm(8, generator seeded with the second). */
static void orders_are_torchs(void **unused)
{
    (void)unused;
    static const uint32_t want[2][8] = {{6, 1, 0, 3, 4, 5, 7, 2}, {0, 5, 2, 6, 3, 4, 1, 7}};
    struct rng r;
    rng_seed_torch(&r, 1);
    for (int epoch = 0; epoch < 2; epoch++) {
        uint32_t order[8];
        schedule_order(&r, 8, order);
        assert_memory_equal(order, want[epoch], sizeof order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_the_measured_ones),
        cmocka_unit_test(the_short_batch_is_dropped_unless_it_is_the_only_one),
        cmocka_unit_test(orders_are_torchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
