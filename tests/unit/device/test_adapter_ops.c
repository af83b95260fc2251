/* Element operations of the feature adapters against double precision, at ragged sizes. */
#include "device/ops.h"

static const size_t sizes[] = {1, 17, 1000, 40001};

/* Inputs x, dy and an output of n numbers each. */
struct three {
    size_t n;
    float *x, *dy, *y;
};

static struct three three_new(size_t n)
{
    return (struct three){n, random_floats(n), random_floats(n), poison(n)};
}

static void three_free(struct three *t)
{
    free(t->x);
    free(t->dy);
    free(t->y);
}

static void check(const float *got, const double *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 2e-6 * (1 + fabs(want[i]))))
            fail_msg("element %zu: got %.9g, want %.9g", i, (double)got[i], want[i]);
}

static void relu_and_its_backward_pass_agree_with_doubles(void **state_)
{
    (void)state_;
    struct device *d = open_cpu(2);
    for (size_t s = 0; s < 4; s++) {
        struct three t = three_new(sizes[s]);
        double *want = mem_zero(t.n, sizeof *want);
        t.x[t.n / 2] = 0; // no slope there, as in torch
        for (size_t i = 0; i < t.n; i++)
            want[i] = t.x[i] > 0 ? (double)t.x[i] : 0;
        d->ops->relu_fwd(d, t.y, t.x, t.n);
        check(t.y, want, t.n);
        for (size_t i = 0; i < t.n; i++)
            want[i] = t.x[i] > 0 ? (double)t.dy[i] : 0;
        d->ops->relu_bwd(d, t.dy, t.dy, t.y, t.n);
        check(t.dy, want, t.n);
        free(want);
        three_free(&t);
    }
    device_close(d);
}

static void a_blend_is_the_weighted_sum(void **state_)
{
    (void)state_;
    struct device *d = open_cpu(2);
    for (size_t s = 0; s < 4; s++) {
        struct three t = three_new(sizes[s]);
        double *want = mem_zero(t.n, sizeof *want);
        for (size_t i = 0; i < t.n; i++)
            want[i] = (double)0.2f * t.dy[i] + (double)0.8f * t.x[i];
        d->ops->blend(d, t.dy, 0.2f, t.x, 0.8f, t.n);
        check(t.dy, want, t.n);
        free(want);
        three_free(&t);
    }
    device_close(d);
}

static void affinity_and_its_backward_pass_agree_with_doubles(void **state_)
{
    (void)state_;
    struct device *d = open_cpu(2);
    for (size_t s = 0; s < 4; s++) {
        struct three t = three_new(sizes[s]);
        double *want = mem_zero(t.n, sizeof *want);
        for (size_t i = 0; i < t.n; i++)
            want[i] = exp(5.5 * (t.x[i] - 1.0));
        d->ops->affinity_fwd(d, t.y, t.x, 5.5f, t.n);
        check(t.y, want, t.n);
        for (size_t i = 0; i < t.n; i++)
            want[i] *= 5.5 * t.dy[i];
        d->ops->affinity_bwd(d, t.dy, t.dy, t.y, 5.5f, t.n);
        check(t.dy, want, t.n);
        free(want);
        three_free(&t);
    }
    device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relu_and_its_backward_pass_agree_with_doubles),
        cmocka_unit_test(a_blend_is_the_weighted_sum),
        cmocka_unit_test(affinity_and_its_backward_pass_agree_with_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
