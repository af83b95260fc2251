/* Predictions from logits, and metrics from predictions (spec/training.md section 13). */
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

/* A method whose images are their own logits. */
enum { CLASSES = 4 };

static void pass_on(struct learner *l, const float *images, int n, float *logits)
{
    (void)l;
    memcpy(logits, images, (size_t)n * CLASSES * sizeof *logits);
}

static int fetch_rows(void *arg, size_t first, size_t n, float *out, struct err *e)
{
    (void)e;
    memcpy(out, (const float *)arg + first * CLASSES, n * CLASSES * sizeof *out);
    return 0;
}

/* eval_run on N rows of logits whose labels are all 0. */
static int run(float *rows, size_t N, struct eval_result *r, struct err *e)
{
    static const struct method mirror = {.name = "mirror", .logits = pass_on};
    static const int labels[8];
    const struct clip clip = {.shape.embed = CLASSES};
    struct learner l = {.method = &mirror, .clip = &clip, .K = CLASSES};
    struct eval_images images = {fetch_rows, rows, N, labels};
    assert_ok(device_open(&l.device, "cpu", 1, e), e);
    int rc = eval_run(&l, &images, r, e);
    device_close(l.device);
    return rc;
}

static void the_first_largest_logit_is_the_prediction(void **unused)
{
    (void)unused;
    float rows[][CLASSES] = {{1, 2, 3, 4}, {4, 3, 2, 1},     {1, 5, 5, 5},
                             {0, 0, 0, 0}, {-3, -2, -2, -9}, {-7, -8, -1, -1}};
    const int want[] = {3, 0, 1, 0, 1, 2};
    struct eval_result r;
    struct err e = {0};
    assert_ok(run(rows[0], 6, &r, &e), &e);
    for (int i = 0; i < 6; i++)
        assert_int_equal(r.predicted[i], want[i]);
    assert_true(fabs(r.accuracy - 100.0 * 2 / 6) < 1e-12);
    free(r.predicted);
}

static void a_logit_that_is_not_finite_is_refused_wherever_it_is(void **unused)
{
    (void)unused;
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++)
        for (int column = 0; column < CLASSES; column++) {
            float rows[3][CLASSES] = {{1, 2, 3, 4}, {1, 4, 3, 2}, {4, 3, 2, 1}};
            struct eval_result r;
            struct err e = {0};
            rows[1][column] = bad[b];
            assert_int_equal(run(rows[0], 3, &r, &e), ERR_NUMERIC);
            assert_text(&e, "the logits of test image 1 are not finite");
            assert_null(r.predicted);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accuracy_and_macro_f1_are_the_hand_counted_ones),
        cmocka_unit_test(the_first_largest_logit_is_the_prediction),
        cmocka_unit_test(a_logit_that_is_not_finite_is_refused_wherever_it_is),
        cmocka_unit_test(a_class_never_predicted_counts_as_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
