/* Lines on stderr: prefix, kind, and nothing that steers a terminal. */
#include "t.h"

#include "core/base/log.h"

#include <fcntl.h>

static void lines_carry_name_and_kind_and_show_control_bytes(void **state)
{
    (void)state;
    int ends[2], old = dup(2);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], 2);
    log_info("%d runs", 3);
    log_warn("no gnuplot");
    log_name("promptgrid-runner");
    log_error("recipe 'a\x1b[2J'\n  rank: 0\n        ^");
    log_name("promptgrid");
    dup2(old, 2);
    close(old);
    close(ends[1]);
    char text[400] = {0};
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    assert_string_equal(text, "promptgrid: 3 runs\n"
                              "promptgrid: warning: no gnuplot\n"
                              "promptgrid-runner: error: recipe 'a\\x1b[2J'\n"
                              "  rank: 0\n"
                              "        ^\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_carry_name_and_kind_and_show_control_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
