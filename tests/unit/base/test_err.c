/* Error values: texts, classes, exit statuses. */
#include "t.h"

#include <errno.h>
#include <sys/wait.h>

static void set_stores_code_and_text_and_returns_the_code(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_PARSE, "line %d of '%s'", 3, "x"), ERR_PARSE);
    assert_int_equal(e.code, ERR_PARSE);
    assert_text(&e, "line 3 of 'x'");
}

static void sys_adds_the_reason_of_errno(void **state)
{
    (void)state;
    struct err e = {0};
    errno = ENOSPC;
    assert_int_equal(err_sys(&e, "unable to write '%s'", "a"), ERR_SYS);
    assert_text(&e, "unable to write 'a': No space left on device");
}

static void wrap_puts_the_context_in_front_and_keeps_the_code(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, ERR_CORRUPT, "bad magic");
    assert_int_equal(err_wrap(&e, "bank '%s'", "b"), ERR_CORRUPT);
    assert_text(&e, "bank 'b': bad magic");
}

static void texts_longer_than_the_buffer_are_cut_and_terminated(void **state)
{
    (void)state;
    struct err e = {0};
    char *word = malloc(3 * sizeof e.text);
    memset(word, 'a', 3 * sizeof e.text - 1);
    word[3 * sizeof e.text - 1] = 0;

    err_set(&e, ERR_RANGE, "%s", word);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_wrap(&e, "context");
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_memory_equal(e.text, "context: aaaa", 13);
    err_wrap(&e, "%s", word);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    errno = EIO;
    err_sys(&e, "%s", word); // the cause is there all the same
    assert_string_equal(e.text + strlen(e.text) - 21, "a: Input/output error");
    free(word);
}

static void every_code_has_a_name_and_an_exit_status(void **state)
{
    (void)state;
    static const struct {
        int code, status;
        const char *name;
    } want[] = {
        {ERR_SYS, 3, "system"},      {ERR_USAGE, 2, "usage"},     {ERR_PARSE, 2, "parse"},
        {ERR_RANGE, 2, "range"},     {ERR_MISSING, 3, "missing"}, {ERR_CORRUPT, 3, "corrupt"},
        {ERR_NUMERIC, 1, "numeric"}, {ERR_MEMORY, 3, "memory"},   {ERR_CANCELLED, 130, "cancelled"},
        {ERR_BUSY, 3, "busy"},       {-99, 1, "unknown"},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct err e = {.code = want[i].code};
        assert_string_equal(err_name(want[i].code), want[i].name);
        assert_int_equal(err_exit_status(&e), want[i].status);
    }
}

static void a_bug_says_where_and_exits_with_70(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        err_bug("file.c", 12, "rank %d", -1);
    }
    close(ends[1]);
    char text[64] = {0};
    size_t used = 0;
    for (ssize_t n; (n = read(ends[0], text + used, sizeof text - 1 - used)) > 0;)
        used += (size_t)n;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 70);
    assert_string_equal(text, "file.c:12: BUG: rank -1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_stores_code_and_text_and_returns_the_code),
        cmocka_unit_test(sys_adds_the_reason_of_errno),
        cmocka_unit_test(wrap_puts_the_context_in_front_and_keeps_the_code),
        cmocka_unit_test(texts_longer_than_the_buffer_are_cut_and_terminated),
        cmocka_unit_test(every_code_has_a_name_and_an_exit_status),
        cmocka_unit_test(a_bug_says_where_and_exits_with_70),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
