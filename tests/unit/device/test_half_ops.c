/* What a device does when its precision is fp16-storage, and that it does nothing of it otherwise.
 */
#include "device/ops.h"

#include "core/base/fs.h"
#include "core/base/half.h"
#include "core/base/str.h"

enum { N = 64, STEPS = 12 }; // of tests/oracle/half/make.py

static void values_are_rounded_only_on_a_half_device(void **unused)
{
    (void)unused;
    struct device *d = open_cpu(2);
    size_t n = 40000;
    state = 1;
    float *x = random_floats(n), *y = mem_dup(x, n * sizeof *x);
    device_half(d, y, n);
    assert_memory_equal(x, y, n * sizeof *x);
    d->half = true;
    device_half(d, y, n);
    for (size_t i = 0; i < n; i++)
        assert_true(y[i] == half_round(x[i]));
    free(x);
    free(y);
    device_close(d);
}

static void unit_vectors_are_divided_by_the_rounded_norm(void **unused)
{
    (void)unused;
    struct device *d = open_cpu(1);
    enum { R = 3, C = 70 };
    float y[R * C], norm[R];
    state = 2;
    float *x = random_floats(R * C);
    d->half = true;
    device_half(d, x, R * C);
    d->ops->l2norm_fwd(d, y, norm, x, R, C);
    for (int r = 0; r < R; r++) {
        double square = 0;
        for (int c = 0; c < C; c++)
            square += (double)x[r * C + c] * x[r * C + c];
        assert_true(norm[r] == half_round((float)sqrt(square)));
        for (int c = 0; c < C; c++)
            assert_true(y[r * C + c] == half_round(x[r * C + c] / norm[r]));
    }
    free(x);
    device_close(d);
}

static const char *read_row(const char *text, float *out)
{
    for (int i = 0; i < N; i++) {
        char *end;
        unsigned bits = (unsigned)strtoul(text, &end, 16);
        double sign = bits & 0x8000 ? -1 : 1, mantissa = bits & 0x3ff;
        int exponent = bits >> 10 & 31;
        out[i] = (float)(sign *
                         (exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24)));
        text = end;
    }
    return text;
}

static void sgd_has_the_bits_of_fp16_tensors(void **unused)
{
    (void)unused;
    struct device *d = open_cpu(2);
    struct err e;
    char *text;
    float p[N], buf[N], g[N], want[N];
    d->half = true;
    assert_ok(fs_read(&text, NULL, "tests/oracle/half/steps.txt", 1 << 20, &e), &e);
    const char *at = read_row(text, p);
    memset(buf, 0xff, sizeof buf);
    for (int step = 0; step < STEPS; step++) {
        at = read_row(at, g);
        at = read_row(at, want);
        const struct device_rates rates = {.lr = 0.002};
        d->ops->sgd(d, p, buf, g, N, &rates, 0.9f, 5e-4f, step == 0);
        for (int i = 0; i < N; i++)
            if (p[i] != want[i])
                fail_msg("step %d, element %d: %.9g, want %.9g", step, i, (double)p[i],
                         (double)want[i]);
    }
    free(text);
    device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_rounded_only_on_a_half_device),
        cmocka_unit_test(unit_vectors_are_divided_by_the_rounded_norm),
        cmocka_unit_test(sgd_has_the_bits_of_fp16_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
