/* The device of a job: by its kind, or what is there. */
#include "t.h"

#include "core/base/str.h"
#include "runner/start.h"

static int open_kind(const char *kind, struct device **d, struct err *e)
{
    json_t *spec = json_pack("{s:s}", "precision", "fp32");
    const struct job job = {.spec = spec, .threads = 1, .device = kind};
    *d = NULL;
    const int rc = start_device(d, &job, e);
    json_decref(spec);
    return rc;
}

static void a_job_without_a_device_is_the_cpus(void **state)
{
    (void)state;
    static const char *const kinds[] = {NULL, "cpu"};
    for (size_t i = 0; i < 2; i++) {
        struct device *d;
        struct err e = {0};
        assert_ok(open_kind(kinds[i], &d, &e), &e);
        assert_string_equal(d->ops->kind, "cpu");
        device_close(d);
    }
}

static void auto_takes_what_is_there(void **state)
{
    (void)state;
    struct device_info info;
    struct device *d;
    struct err e = {0};
    char why[256];
    bool gpu = device_probe(&info, 1, why, sizeof why) == 1 && !*info.problem;
    assert_ok(open_kind("auto", &d, &e), &e);
    assert_string_equal(d->ops->kind, gpu ? "cuda" : "cpu");
    device_close(d);
}

static void a_numbered_gpu_that_cannot_be_had_is_lost(void **state)
{
    (void)state;
    struct device *d;
    struct err e = {0};
    assert_int_equal(open_kind("cuda:63", &d, &e), ERR_DEVICE);
    assert_true(*e.text);
    assert_int_equal(open_kind("tpu", &d, &e), ERR_USAGE);
    assert_text(&e, "unknown device 'tpu', expected 'cpu', 'cuda' or 'cuda:N'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_without_a_device_is_the_cpus),
        cmocka_unit_test(auto_takes_what_is_there),
        cmocka_unit_test(a_numbered_gpu_that_cannot_be_had_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
