/* The CUDA device's memory, errors and messages, on the emulated GPU (tests/emu). */
#include "device/ops.h"

static struct device *open_cuda(void)
{
    struct device *d;
    struct err e;
    assert_ok(device_open(&d, "cuda", 1, &e), &e);
    return d;
}

static void what_goes_up_comes_down(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {1, 1000, 1 << 20, (9 << 20) + 13};
    struct device *d = open_cuda();
    struct err e;
    for (int i = 0; i < 4; i++) {
        size_t n = sizes[i];
        state = (uint32_t)i;
        float *x = random_floats(n), *y = poison(n), *kept = mem_dup(x, n * sizeof *x);
        float *block = device_put(d, x, n);
        memset(x, 0, n * sizeof *x); // the caller's array is free again
        d->ops->download(d, y, block, n * sizeof *y);
        assert_memory_equal(y, kept, n * sizeof *y);
        d->ops->zero(d, block, n * sizeof *y);
        d->ops->download(d, y, block, n * sizeof *y);
        assert_memory_equal(y, x, n * sizeof *y);
        device_release(d, block);
        free(x);
        free(y);
        free(kept);
    }
    assert_ok(device_sync(d, &e), &e);
    device_close(d);
}

static void full_memory_sticks_until_sync(void **unused)
{
    (void)unused;
    struct err e = {0};
    setenv("EMU_MEMORY_MB", "160", 1);
    struct device *d = open_cuda();
    void *most = d->ops->alloc(d, (size_t)80 << 20);
    assert_non_null(most);
    assert_null(d->ops->alloc(d, (size_t)80 << 20));
    assert_null(d->ops->alloc(d, 4)); // nothing happens after a failure
    assert_int_equal(device_sync(d, &e), ERR_MEMORY);
    assert_text(&e, "cuda:0: not enough memory: 83886080 bytes, 48 of 160 MiB are free");
    assert_int_equal(device_sync(d, &e), 0);
    device_release(d, most);
    device_close(d);
    unsetenv("EMU_MEMORY_MB");
}

static void its_clock_runs_forward(void **unused)
{
    (void)unused;
    struct device *d = open_cuda();
    struct err e;
    float *block = device_floats(d, 1 << 20);
    d->ops->mark(d, 0);
    for (int i = 0; i < 10; i++)
        d->ops->zero(d, block, sizeof(float) << 20);
    d->ops->mark(d, 1);
    double seconds = d->ops->elapsed(d);
    assert_true(seconds > 0 && seconds < 60);
    device_release(d, block);
    assert_ok(device_sync(d, &e), &e);
    device_close(d);
}

static void a_device_that_cannot_be_used_says_why(void **unused)
{
    (void)unused;
    static const struct {
        const char *name, *value, *kind, *text;
        int code;
    } cases[] = {
        {"EMU_DRIVER", "0", "cuda",
         "no NVIDIA driver; install one that serves CUDA 13.0, or use device cpu", ERR_MISSING},
        {"EMU_DRIVER", "12040", "cuda",
         "the NVIDIA driver serves CUDA 12.4, this build needs 13.0; update the driver, or use "
         "device cpu",
         ERR_MISSING},
        {"EMU_DEVICES", "0", "cuda",
         "the NVIDIA driver sees no GPU; see nvidia-smi, or use device cpu", ERR_MISSING},
        {"EMU_DEVICES", "1", "cuda:1", "there is no device cuda:1; the last one is cuda:0",
         ERR_USAGE},
        {"EMU_DEVICES", "3", "cuda:3", "there is no device cuda:3; the last one is cuda:2",
         ERR_USAGE},
        {"EMU_CAPABILITY", "75", "cuda",
         "cuda:0: emulated GPU has compute capability 7.5, 8.0 or newer is needed", ERR_MISSING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct device *d;
        struct err e;
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(device_open(&d, cases[i].kind, 1, &e), cases[i].code);
        assert_text(&e, cases[i].text);
        unsetenv(cases[i].name);
    }
}

static void elements_agree_with_the_cpu(void **unused)
{
    (void)unused;
    static const size_t spans[] = {1, 15, 1000, 50001};
    struct device *d = open_cuda(), *cpu = open_cpu(1);
    for (int i = 0; i < 8; i++) {
        size_t n = spans[i / 2], shift = i % 2; // aligned to 16 bytes, and not
        state = (uint32_t)i;
        float *x = random_floats(n + 1), *want = poison(n), *got = poison(n);
        float *dx = device_put(d, x, n + 1), *dy = device_floats(d, n + 1);
        cpu->ops->quickgelu_fwd(cpu, want, x + shift, n);
        d->ops->quickgelu_fwd(d, dy + shift, dx + shift, n);
        d->ops->download(d, got, dy + shift, n * sizeof *got);
        for (size_t j = 0; j < n; j++)
            assert_true(fabsf(got[j] - want[j]) <= 1e-6f);
        device_release(d, dx);
        device_release(d, dy);
        free(x);
        free(want);
        free(got);
    }
    device_close(d);
    device_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_up_comes_down),
        cmocka_unit_test(full_memory_sticks_until_sync),
        cmocka_unit_test(its_clock_runs_forward),
        cmocka_unit_test(a_device_that_cannot_be_used_says_why),
        cmocka_unit_test(elements_agree_with_the_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
