/* Metrics from predictions (spec/training.md section 13). */
#include "t.h"

#include "core/train/eval.h"

static void accuracy_and_macro_f1_are_the_hand_counted_ones(void **unused)
{
    (void)unused;
    // label 0: 3 images, 2 right; label 1: 2 images, 1 right; label 2 is predicted but never right;
    // label 3 does not occur and is not predicted
    const int labels[] = {0, 0, 0, 1, 1};
    int predicted[] = {0, 0, 1, 1, 2};
    struct eval_result r = {.predicted = predicted};
    eval_metrics(&r, labels, 5, 4);
    assert_true(fabs(r.accuracy - 60) < 1e-12);
    // F1: 0: 2*2/(3+2) = 0.8; 1: 2*1/(2+2) = 0.5; mean over labels 0 and 1
    assert_true(fabs(r.macro_f1 - 65) < 1e-12);
}

static void a_class_never_predicted_counts_as_zero(void **unused)
{
    (void)unused;
    const int labels[] = {0, 1};
    int predicted[] = {0, 0};
    struct eval_result r = {.predicted = predicted};
    eval_metrics(&r, labels, 2, 2);
    assert_true(fabs(r.accuracy - 50) < 1e-12);
    assert_true(fabs(r.macro_f1 - 100 * (2.0 / 3) / 2) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accuracy_and_macro_f1_are_the_hand_counted_ones),
        cmocka_unit_test(a_class_never_predicted_counts_as_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
