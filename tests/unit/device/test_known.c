/* The known answer of a GPU: a sound one gives it, one with a wrong bit anywhere does not. */
#include "device/ops.h"

#include "core/device/known.h"

#include <fcntl.h>
#include <sys/wait.h>

static void the_cpu_is_not_asked(void **unused)
{
    (void)unused;
    struct device *d = open_cpu(1);
    struct known *k;
    struct err e = {0};
    assert_ok(known_open(&k, d, &e), &e);
    assert_null(k);
    assert_ok(known_ask(k, &e), &e);
    known_close(k);
    device_close(d);
}

/* In every precision, again and again, and whatever else the device does in between. */
static void a_sound_gpu_answers_right(void **unused)
{
    (void)unused;
    for (int precision = 0; precision < 3; precision++) {
        struct device *d = open_device("cuda", 1);
        struct known *k;
        struct err e = {0};
        d->half = precision == 1;
        d->tf32 = precision == 2;
        assert_ok(known_open(&k, d, &e), &e);
        float *x = random_floats(1000 * 96), *block = up(d, x, 1000 * 96), *y = poison(1000 * 96);
        d->ops->matmul_nt(d, block, block, block, 96, 96, 96, 1);
        down(d, x, block, 1000 * 96);
        assert_ok(known_ask(k, &e), &e);
        down(d, y, block, 1000 * 96); // nothing of it was touched
        assert_memory_equal(x, y, 1000 * 96 * sizeof *x);
        release_blocks(d);
        known_close(k);
        device_close(d);
        free(x);
        free(y);
    }
}

/* An activation that is off by its last place from some call on. */
static struct device_ops drifting;
static const struct device_ops *sound;
static int drift_after;

static void drift(struct device *d, float *y, const float *x, size_t n)
{
    sound->quickgelu_fwd(d, y, x, n);
    if (drift_after-- <= 0)
        sound->blend(d, y, 1 + 0x1p-23f, y, 0, n);
}

static void a_last_place_that_changes_is_noticed(void **unused)
{
    (void)unused;
    struct device *d = open_device("cuda", 1);
    struct known *k;
    struct err e = {0};
    sound = d->ops;
    drifting = *sound;
    drifting.quickgelu_fwd = drift;
    d->ops = &drifting;
    drift_after = 2;
    assert_ok(known_open(&k, d, &e), &e);
    assert_ok(known_ask(k, &e), &e);
    assert_int_equal(known_ask(k, &e), ERR_DEVICE);
    assert_non_null(strstr(e.text, " of QuickGELU is "));
    known_close(k);
    device_close(d);
}

/* ---- wrong bits: this program again, since faults are read before main ---- */

#ifdef ON_GPU
enum { STEP = 7 }; // a process on a GPU takes a second to start
#else
enum { STEP = 1 };
#endif
enum { SAID = 1024 };

/* What a GPU of which call n goes wrong says when it is asked so many "times"; "": nothing. */
static void ask_with(int n_wrong, const char *times, char said[SAID])
{
    int pipes[2], status;
    char fault[64];
    size_t n = 0;
    snprintf(fault, sizeof fault, "gpu:%d:FLIP", n_wrong);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        dup2(pipes[1], 3);
        setenv("PROMPTGRID_FAULT", fault, 1);
        execl("/proc/self/exe", "test_known", times, (char *)NULL);
        _exit(99);
    }
    close(pipes[1]);
    for (ssize_t got; n < SAID - 1 && (got = read(pipes[0], said + n, SAID - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* In the child. */
static int ask_times(int times)
{
    struct device *d;
    struct known *k = NULL;
    struct err e = {0};
    int rc = device_open(&d, "cuda", 1, &e);
    if (rc == 0)
        rc = known_open(&k, d, &e);
    while (rc == 0 && --times)
        rc = known_ask(k, &e);
    known_close(k);
    device_close(d);
    return dprintf(3, "%s",
                   rc == 0            ? ""
                   : rc == ERR_DEVICE ? e.text
                                      : "no matter of the device") < 0;
}

/* From call `first` on, `step` by `step`: the last one whose wrong bit is noticed. */
static int last_noticed(const char *times, int first, int step)
{
    char said[SAID];
    int last = 0;
    for (int n = first; n < first + 40 || n < last + 12; n += step) {
        ask_with(n, times, said);
        if (!*said)
            continue;
        if (!strstr(said, ": it computes wrongly: number "))
            fail_msg("call %d: %s", n, said);
        if (last && last != n - step)
            fail_msg("a wrong bit in call %d is noticed, not one in call %d", n, n - step);
        last = n;
    }
    return last;
}

/* Whatever call goes wrong, up to those after the last result: what closes the device. */
static void a_wrong_bit_anywhere_is_noticed(void **unused)
{
    (void)unused;
    const int first = last_noticed("1", 1, STEP), second = last_noticed("2", first + 1, 7);
    assert_true(first > 60);
    assert_true(second > first + 50);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return ask_times(argv[1][0] - '0');
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cpu_is_not_asked),
        cmocka_unit_test(a_sound_gpu_answers_right),
        cmocka_unit_test(a_last_place_that_changes_is_noticed),
        cmocka_unit_test(a_wrong_bit_anywhere_is_noticed),
    };
    return run_device_tests(tests);
}
