/* Journals: the last part counts, whatever was cut off before it. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/proto/tasks.h"

#include <unistd.h>

static void the_last_part_of_a_journal_counts(void **state)
{
    (void)state;
    char *first = journal_start("a", "100", 0, 5), *second = journal_start("b", "100", 1, 9);
    char *end = journal_exit(3, 12, 2.5);
    char *text = str_format("%s{\"event\":\"start\"}\n{\"event\":\"epo\n%s{\"event\":\"x\"}\n%s",
                            first, second, end);
    struct journal j;
    journal_parse(&j, text, strlen(text));
    assert_true(j.started && j.exited);
    assert_int_equal(j.status, 3);
    assert_int_equal(j.restarts, 1);
    assert_string_equal(j.host, "b");
    assert_string_equal(j.job, "100");
    assert_true(j.began == 9 && j.ended == 12 && j.seconds == 2.5);
    assert_int_equal(j.size, strlen("{\"event\":\"x\"}\n"));
    assert_memory_equal(j.events, "{\"event\":\"x\"}\n", j.size);

    for (size_t n = 0; n < strlen(text); n++) { // cut anywhere, it is at most not ended
        journal_parse(&j, text, n);
        assert_false(j.exited && n + 1 < strlen(text));
        assert_true(!j.started || j.events + j.size <= text + n);
    }
    journal_parse(&j, "", 0);
    assert_false(j.started || j.exited);
    free(text);
    free(end);
    free(second);
    free(first);
}

static void seconds_do_not_follow_the_wall_clock(void **state)
{
    static const struct {
        const char *exit;
        double seconds;
    } cases[] = {
        {"{\"exit\":0,\"time\":-3591.0,\"seconds\":2.5}\n", 2.5},
        {"{\"exit\":0,\"time\":9000000.0,\"seconds\":0.25}\n", 0.25},
        {"{\"exit\":0,\"time\":12.0,\"seconds\":-1.0}\n", 0},
        {"{\"exit\":0,\"time\":12.0}\n", 3}, // of the first versions
        {"{\"exit\":0,\"time\":-3591.0}\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct journal j;
        char *start = journal_start("a", "100", 0, 9);
        char *text = str_format("%s%s", start, cases[i].exit);
        journal_parse(&j, text, strlen(text));
        assert_true(j.exited && j.seconds == cases[i].seconds);
        free(text);
        free(start);
    }
}

static void a_list_is_checked(void **state)
{
    static const char good[] =
        "{\"token\":\"t\",\"recipe\":\"r\",\"stage\":\"train\",\"revision\":1,\"tasks\":[{\"run\":"
        "\"a\","
        "\"job\":\"j\",\"journal\":\"k\",\"log\":\"l\",\"needs\":[],\"seconds\":0}]}";
    (void)state;
    struct err e = {0};
    json_t *list;
    char *folder = t_folder(), *path = fs_join(folder, "list.json");
    assert_ok(fs_write(path, good, strlen(good), &e), &e);
    assert_ok(tasks_read(&list, path, &e), &e);
    json_decref(list);
    for (size_t n = 0; n < strlen(good); n++) {
        assert_ok(fs_write(path, good, n, &e), &e);
        assert_int_equal(tasks_read(&list, path, &e), ERR_PARSE);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tasks_read(&list, path, &e), ERR_MISSING);
    assert_int_equal(rmdir(folder), 0);
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_part_of_a_journal_counts),
        cmocka_unit_test(seconds_do_not_follow_the_wall_clock),
        cmocka_unit_test(a_list_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
