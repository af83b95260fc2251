#include "t.h"

#include "harness/sched/failure.h"
#include "harness/sched/retry.h"

#include <signal.h>

static void classes_tell_the_moment_from_the_cause(void **state)
{
    (void)state;
    static const struct {
        const char *class_;
        bool transient;
    } cases[] = {{"timeout", true},  {"hang", true},      {"killed", true},   {"memory", true},
                 {"disk", true},     {"system", true},    {"numeric", false}, {"corrupt", false},
                 {"missing", false}, {"protocol", false}, {"crash", false},   {"bug", false},
                 {"exit", false},    {"parse", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(failure_is_transient(cases[i].class_), cases[i].transient);
    assert_true(failure_wants_room("memory"));
    assert_false(failure_wants_room("killed"));
    assert_true(failure_is_environment("disk"));
    assert_true(failure_is_environment("system"));
    assert_false(failure_is_environment("memory"));
    assert_false(failure_is_environment("numeric"));
}

static void a_status_or_a_text_gives_the_class(void **state)
{
    (void)state;
    assert_string_equal(failure_of_status(SIGKILL), "killed");
    assert_string_equal(failure_of_status(SIGSEGV), "crash");
    assert_string_equal(failure_of_status(70 << 8), "bug");
    assert_string_equal(failure_of_status(3 << 8), "exit");
    assert_string_equal(failure_of_event("system", "unable to write 'x': No space left on device"),
                        "disk");
    assert_string_equal(failure_of_event("system", "unable to map 'x': Cannot allocate memory"),
                        "memory");
    assert_string_equal(failure_of_event("system", "unable to read 'x': Input/output error"),
                        "system");
    assert_string_equal(failure_of_event("numeric", "No space left on device"), "numeric");
}

static void failures_of_one_cause_differ_in_names_and_numbers_only(void **state)
{
    (void)state;
    struct str a = STR_INIT, b = STR_INIT, c = STR_INIT;
    failure_cause("corrupt", "'a.jpg': 12 bytes are left over", &a);
    failure_cause("corrupt", "'b.jpg': 7 bytes are left over", &b);
    failure_cause("corrupt", "it's cut off", &c);
    assert_string_equal(a.data, b.data);
    assert_string_equal(c.data, "corrupt: it's cut off");
    str_release(&a);
    str_release(&b);
    str_release(&c);
}

static void tries_are_few_and_further_apart_each_time(void **state)
{
    (void)state;
    struct retry r;
    struct retry_one one = {.run = 3, .reason = "why", .log = "log"}, out;
    retry_init(&r, 5);
    assert_true(retry_next(&r) < 0);
    assert_true(retry_add(&r, &one, 2, 4, 100));
    assert_true(retry_next(&r) == 104);
    assert_false(retry_take(&r, 103.9, NULL, NULL, &out));
    assert_true(retry_take(&r, 104, NULL, NULL, &out));
    assert_int_equal(out.run, 3);
    assert_true(retry_add(&r, &one, 2, 4, 200));
    assert_true(retry_next(&r) == 208);
    assert_false(retry_add(&r, &one, 2, 4, 300));
    retry_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_tell_the_moment_from_the_cause),
        cmocka_unit_test(a_status_or_a_text_gives_the_class),
        cmocka_unit_test(failures_of_one_cause_differ_in_names_and_numbers_only),
        cmocka_unit_test(tries_are_few_and_further_apart_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
