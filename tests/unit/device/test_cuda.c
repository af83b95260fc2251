/* The CUDA device's memory, errors and messages, on the emulated GPU (tests/emu). */
#include "device/ops.h"

#include <fcntl.h>
#include <sys/wait.h>

static struct device *open_cuda(void)
{
    return open_device("cuda", 1);
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

static void a_probe_names_every_gpu(void **unused)
{
    (void)unused;
    struct device_info info[4];
    char why[256];
    setenv("EMU_DEVICES", "2", 1);
    assert_int_equal(device_probe(info, 4, why, sizeof why), 2);
    assert_string_equal(info[1].kind, "cuda:1");
    assert_string_equal(info[1].name, "emulated GPU");
    assert_int_equal(10 * info[1].major + info[1].minor, 90);
    assert_int_equal(info[1].toolkit, 13000);
    assert_true(info[1].free > 0 && info[1].free <= info[1].memory);
    assert_string_equal(info[1].problem, "");
    setenv("EMU_CAPABILITY", "75", 1);
    assert_int_equal(device_probe(info, 1, why, sizeof why), 1);
    assert_string_equal(info[0].problem,
                        "cuda:0: emulated GPU has compute capability 7.5, 8.0 or newer is needed");
    unsetenv("EMU_CAPABILITY");
    setenv("EMU_DEVICES", "0", 1);
    assert_int_equal(device_probe(info, 4, why, sizeof why), 0);
    assert_string_equal(why, "the NVIDIA driver sees no GPU; see nvidia-smi, or use device cpu");
    unsetenv("EMU_DEVICES");
}

static void the_device_is_described(void **unused)
{
    (void)unused;
    struct device *d = open_cuda();
    char *text = device_describe(d);
    assert_string_equal(text, "cuda: emulated GPU, CUDA 13.0, cuBLASLt 13.0.0, driver for 13.0");
    free(text);
    device_close(d);
}

/* y += gather(layer(x)), the second time from a copy of x */
static void work(struct device *d, const struct linear *l, float *x, float *y, int *index)
{
    enum { K = 24, N = 16, R = 3 };
    float *room = y + R * N;
    d->ops->linear_fwd(d, room, x, l, R);
    d->ops->gather(d, room + R * N, room, index, R, N);
    d->ops->add(d, y, room + R * N, R * N);
    device_copy(d, x, x + R * K, R * K);
}

static void what_was_recorded_runs_on_what_memory_holds(void **unused)
{
    (void)unused;
    enum { K = 24, N = 16, R = 3, ROOM = 3 * R * N };
    static const int order[R] = {2, 2, 0};
    struct err e;
    float *results[2];
    state = 5;
    float *weight = random_floats(N * K), *bias = random_floats(N);
    float *first = random_floats(2 * R * K), *then = random_floats(2 * R * K);
    for (int recorded = 0; recorded < 2; recorded++) {
        struct device *d = open_cuda();
        struct linear *l = d->ops->linear_new(d, weight, bias, N, K, LINEAR_FORWARD | LINEAR_BF16);
        float *x = up(d, first, 2 * R * K), *y = d->ops->alloc(d, ROOM * sizeof *y);
        int *index = up_ints(d, order, R);
        d->ops->zero(d, y, ROOM * sizeof *y);
        work(d, l, x, y, index); // prepares what the recording needs
        struct recording *r = NULL;
        if (recorded) {
            d->ops->record_begin(d);
            work(d, l, x, y, index);
            r = d->ops->record_end(d);
            assert_non_null(r);
        }
        for (int i = 0; i < 4; i++) {
            d->ops->upload(d, x, i % 2 ? first : then, 2 * R * K * sizeof *x);
            if (recorded)
                d->ops->replay(d, r);
            else
                work(d, l, x, y, index);
            if (i == 1) { // scratch that grows leaves the recording's alone
                float *wide = d->ops->alloc(d, 1000 * K * sizeof *wide);
                float *out = d->ops->alloc(d, 1000 * N * sizeof *out);
                d->ops->zero(d, wide, 1000 * K * sizeof *wide);
                d->ops->linear_fwd(d, out, wide, l, 1000);
                device_release(d, wide);
                device_release(d, out);
            }
        }
        results[recorded] = poison(R * N);
        down(d, results[recorded], y, R * N);
        d->ops->record_free(d, r);
        d->ops->linear_free(d, l);
        device_release(d, y);
        release_blocks(d);
        assert_ok(device_sync(d, &e), &e);
        device_close(d);
    }
    assert_memory_equal(results[0], results[1], R * N * sizeof(float));
    free(results[0]);
    free(results[1]);
    free(weight);
    free(bias);
    free(first);
    free(then);
}

static void what_cannot_be_recorded_says_so(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "cuda:0: alloc cannot be recorded", "cuda:0: upload cannot be recorded",
        "cuda:0: download cannot be recorded",
        "cuda:0: a matrix product that has not run before cannot be recorded"};
    struct device *d = open_cuda();
    struct err e;
    float x[4] = {1, 2, 3, 4}, *block = up(d, x, 4), *y = up(d, x, 4);
    for (int i = 0; i < 4; i++) {
        d->ops->record_begin(d);
        if (i == 0)
            assert_null(d->ops->alloc(d, 4));
        else if (i == 1)
            d->ops->upload(d, block, x, 4);
        else if (i == 2)
            d->ops->download(d, x, block, 4);
        else
            d->ops->matmul_nn(d, y, block, block, 1, 1, 4, 1);
        assert_null(d->ops->record_end(d));
        assert_int_equal(device_sync(d, &e), ERR_SYS);
        assert_text(&e, texts[i]);
    }
    down(d, x, block, 4); // and the device is whole again
    assert_true(x[3] == 4);
    release_blocks(d);
    assert_ok(device_sync(d, &e), &e);
    device_close(d);
}

/* ---- failing calls: this program again, since faults are read before main ---- */

/* What the device said when its N-th call failed; "" where it ended without an error. */
static void fails(const char *fault, char *said, size_t size)
{
    int pipes[2], status;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        dup2(pipes[1], 3);
        setenv("PROMPTGRID_FAULT", fault, 1);
        execl("/proc/self/exe", "test_cuda", "fault", (char *)NULL);
        _exit(99);
    }
    close(pipes[1]);
    size_t n = 0;
    for (ssize_t got; n < size - 1 && (got = read(pipes[0], said + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* In the child: use the device, close it, write what it said to descriptor 3. */
static int use_device(void)
{
    struct device *d;
    struct err e = {0};
    float x[4] = {1, 2, 3, 4};
    if (device_open(&d, "cuda", 1, &e) == 0) {
        float *block = device_put(d, x, 4);
        d->ops->quickgelu_fwd(d, block, block, 4);
        d->ops->matmul_nn(d, block, block, block, 1, 1, 1, 1);
        d->ops->record_begin(d);
        d->ops->add(d, block, block, 4);
        struct recording *r = d->ops->record_end(d);
        if (r)
            d->ops->replay(d, r);
        d->ops->download(d, x, block, sizeof x);
        device_sync(d, &e);
        d->ops->record_free(d, r);
        device_release(d, block);
        device_close(d);
    }
    return dprintf(3, "%s", e.text) < 0;
}

static void every_call_may_fail(void **unused)
{
    (void)unused;
    static const struct {
        const char *error, *text;
    } kinds_of_failure[] = {
        {"EIO", "the GPU's memory is faulty until it is reset (cudaErrorECCUncorrectable)"},
        {"ENODEV", "the GPU is lost or another process holds it (cudaErrorDevicesUnavailable)"},
    };
    char fault[64], said[2048] = "start";
    int n = 1;
    for (; *said && n < 100; n++) {
        snprintf(fault, sizeof fault, "gpu:%d:%s", n, kinds_of_failure[n % 2].error);
        fails(fault, said, sizeof said);
        if (*said && !strstr(said, kinds_of_failure[n % 2].text))
            fail_msg("%s: %s", fault, said);
    }
    assert_true(n > 20 && n < 100); // each call of use_device had its turn
    fails("gpu:7:ENOMEM", said, sizeof said);
    assert_non_null(strstr(said, "memory"));
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return use_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_up_comes_down),
        cmocka_unit_test(full_memory_sticks_until_sync),
        cmocka_unit_test(its_clock_runs_forward),
        cmocka_unit_test(a_device_that_cannot_be_used_says_why),
        cmocka_unit_test(a_probe_names_every_gpu),
        cmocka_unit_test(the_device_is_described),
        cmocka_unit_test(what_was_recorded_runs_on_what_memory_holds),
        cmocka_unit_test(what_cannot_be_recorded_says_so),
        cmocka_unit_test(every_call_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
