/* What a device does when its precision is fp16-storage, and that it does nothing of it otherwise.
 */
#include "device/ops.h"

#include "core/base/fs.h"
#include "core/base/half.h"
#include "core/base/str.h"

enum { N = 64, STEPS = 12 }; // of tests/oracle/half/make.py

static void values_are_rounded_only_on_a_half_device(struct device *d)
{
    size_t n = 40000;
    state = 1;
    float *x = random_floats(n), *y = mem_dup(x, n * sizeof *x), *block = up(d, x, n);
    device_half(d, block, n);
    down(d, y, block, n);
    assert_memory_equal(x, y, n * sizeof *x);
    d->half = true;
    device_half(d, block, n);
    down(d, y, block, n);
    for (size_t i = 0; i < n; i++)
        assert_true(y[i] == half_round(x[i]));
    free(x);
    free(y);
}

static void unit_vectors_are_divided_by_the_rounded_norm(struct device *d)
{
    enum { ROWS = 3, COLUMNS = 70, ALL = ROWS * COLUMNS };
    float out[ALL + ROWS], *norm = out + ALL;
    state = 2;
    float *x = random_floats(ALL);
    d->half = true;
    for (int i = 0; i < ALL; i++)
        x[i] = half_round(x[i]);
    float *y = up(d, out, ALL + ROWS);
    d->ops->l2norm_fwd(d, y, y + ALL, up(d, x, ALL), ROWS, COLUMNS);
    down(d, out, y, ALL + ROWS);
    for (int r = 0; r < ROWS; r++) {
        double square = 0;
        for (int c = 0; c < COLUMNS; c++)
            square += (double)x[r * COLUMNS + c] * x[r * COLUMNS + c];
        assert_true(norm[r] == half_round((float)sqrt(square)));
        for (int c = 0; c < COLUMNS; c++)
            assert_true(out[r * COLUMNS + c] == half_round(x[r * COLUMNS + c] / norm[r]));
    }
    free(x);
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

static void sgd_has_the_bits_of_fp16_tensors(struct device *d)
{
    struct err e;
    char *text;
    float p[N], g[N], want[N];
    const struct device_rates rates = {.lr = 0.002};
    d->half = true;
    assert_ok(fs_read(&text, NULL, "tests/oracle/half/steps.txt", 1 << 20, &e), &e);
    const char *at = read_row(text, p);
    float *p_ = up(d, p, N), *g_ = up(d, p, N), *buf = up(d, p, N);
    const struct device_rates *rates_ = up_bytes(d, &rates, sizeof rates);
    for (int step = 0; step < STEPS; step++) {
        at = read_row(at, g);
        at = read_row(at, want);
        d->ops->upload(d, g_, g, sizeof g);
        d->ops->sgd(d, p_, buf, g_, N, rates_, 0.9f, 5e-4f, step == 0);
        down(d, p, p_, N);
        for (int i = 0; i < N; i++)
            if (p[i] != want[i])
                fail_msg("step %d, element %d: %.9g, want %.9g", step, i, (double)p[i],
                         (double)want[i]);
    }
    free(text);
}

/* Run a check on a device of each kind. */
static void on_every_device(void (*check)(struct device *d))
{
    for (size_t k = 0; k < KINDS; k++) {
        struct device *d = open_device(kinds[k], 2);
        struct err e;
        check(d);
        release_blocks(d);
        assert_ok(device_sync(d, &e), &e);
        device_close(d);
    }
}

static void rounding(void **unused)
{
    (void)unused;
    on_every_device(values_are_rounded_only_on_a_half_device);
}

static void unit_vectors(void **unused)
{
    (void)unused;
    on_every_device(unit_vectors_are_divided_by_the_rounded_norm);
}

static void steps(void **unused)
{
    (void)unused;
    on_every_device(sgd_has_the_bits_of_fp16_tensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding),
        cmocka_unit_test(unit_vectors),
        cmocka_unit_test(steps),
    };
    return run_device_tests(tests);
}
