#include "t.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/event.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define HEX16 "0123456789abcdef"

static void every_event_of_the_contract_is_accepted(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"event\":\"start\",\"runner\":{\"version\":\"0.1\"},\"device\":\"cpu\",\"threads\":2}",
        "{\"event\":\"start\",\"runner\":{},\"device\":\"cpu\",\"threads\":2,\"resumed\":7}",
        "{\"event\":\"start\",\"runner\":{},\"device\":\"cuda: NVIDIA H100\",\"determinism\":"
        "\"device\",\"threads\":2}",
        "{\"event\":\"fail\",\"class\":\"device\",\"text\":\"cuda:0: the GPU is lost\"}",
        "{\"event\":\"progress\",\"done\":12,\"of\":50,\"unit\":\"epoch\"}",
        "{\"event\":\"epoch\",\"epoch\":0,\"loss\":1.25,\"lr\":1e-05,\"accuracy\":64.1,"
        "\"singular\":[1.5,2],\"singular_change\":[],\"effective_rank\":1.9}",
        "{\"event\":\"epoch\",\"epoch\":3,\"loss\":1,\"lr\":0,\"accuracy\":0}",
        "{\"event\":\"metric\",\"split\":\"base\",\"name\":\"accuracy\",\"value\":71.4}",
        "{\"event\":\"prediction\",\"split\":\"new\",\"labels\":[0,5,2]}",
        "{\"event\":\"artifact\",\"kind\":\"bank\",\"path\":\"/w/b\",\"sha256\":\"" HEX16 HEX16
            HEX16 HEX16 "\"}",
        "{\"event\":\"fail\",\"class\":\"numeric\",\"text\":\"loss is not finite\"}",
        "{\"event\":\"done\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct err e = {0};
        json_t *event = NULL;
        assert_ok(event_parse(&event, lines[i], strlen(lines[i]), &e), &e);
        assert_non_null(json_string_value(json_object_get(event, "event")));
        json_decref(event);
    }
}

static void what_is_no_event_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"[1]", "an event must be a JSON object"},
        {"{\"done\":1}", "an event must say its name in 'event'"},
        {"{\"event\":\"dune\"}", "unknown event 'dune'"},
        {"{\"event\":\"du\\nne\"}", "unknown event 'du\\x0ane'"},
        {"{\"event\":\"done\",\"x\":1}", "event 'done' has 2 fields, expected 1"},
        {"{\"event\":\"metric\",\"split\":\"base\",\"name\":\"accuracy\"}",
         "event 'metric' has no 'value'"},
        {"{\"event\":\"metric\",\"split\":\"base\",\"name\":\"accuracy\",\"value\":\"7\"}",
         "event 'metric': 'value' must be a finite number"},
        {"{\"event\":\"metric\",\"split\":\"bas\",\"name\":\"accuracy\",\"value\":7}",
         "event 'metric': 'split' must be one of test base new train"},
        {"{\"event\":\"metric\",\"split\":\"test base\",\"name\":\"accuracy\",\"value\":7}",
         "event 'metric': 'split' must be one of test base new train"},
        {"{\"event\":\"metric\",\"split\":\"base\",\"name\":\"\",\"value\":7}",
         "event 'metric': 'name' must be text of at least one character"},
        {"{\"event\":\"progress\",\"done\":-1,\"of\":2,\"unit\":\"epoch\"}",
         "event 'progress': 'done' must be a whole number from 0"},
        {"{\"event\":\"prediction\",\"split\":\"new\",\"labels\":[0,1.5]}",
         "event 'prediction': 'labels' must be an array of whole numbers from 0"},
        {"{\"event\":\"artifact\",\"kind\":\"bank\",\"path\":\"p\",\"sha256\":\"12\"}",
         "event 'artifact': 'sha256' must be 64 hex digits"},
        {"{\"event\":\"fail\",\"class\":\"tired\",\"text\":\"no\"}",
         "event 'fail': 'class' must be a class of errors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        json_t *event = NULL;
        assert_int_equal(event_parse(&event, cases[i].line, strlen(cases[i].line), &e), ERR_PARSE);
        assert_text(&e, cases[i].text);
    }
}

static void numbers_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    static const char *const values[] = {"NaN", "Infinity", "1e999", "-1e999", "null"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct err e = {0};
        json_t *event = NULL;
        char *line = str_format(
            "{\"event\":\"metric\",\"split\":\"base\",\"name\":\"a\",\"value\":%s}", values[i]);
        assert_int_equal(event_parse(&event, line, strlen(line), &e), ERR_PARSE);
        free(line);
    }
}

static void garbage_and_too_long_lines_are_refused(void **state)
{
    (void)state;
    struct err e = {0};
    json_t *event = NULL;
    assert_int_equal(event_parse(&event, "\x1b[2J oops", 9, &e), ERR_PARSE);
    assert_non_null(strstr(e.text, "an event is not JSON: "));
    assert_non_null(strstr(e.text, "\\x1b[2J oops"));
    assert_int_equal(event_parse(&event, "{\"event\":\"done\",\"event\":\"done\"}", 31, &e),
                     ERR_PARSE);
    char *line = mem_zero(EVENT_LINE_LIMIT + 1, 1);
    assert_int_equal(event_parse(&event, line, EVENT_LINE_LIMIT + 1, &e), ERR_PARSE);
    assert_text(&e, "an event is longer than the limit of 4194304 bytes");
    free(line);
}

static void what_is_sent_parses_again(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    event_open(ends[1]);
    event_send(json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split", "test", "name",
                         "accuracy", "value", 100.0 / 3));
    event_open(-1);
    event_send(json_pack("{s:s}", "event", "done")); // nowhere
    close(ends[1]);
    char line[256];
    ssize_t n = read(ends[0], line, sizeof line);
    assert_true(n > 0 && line[n - 1] == '\n');
    struct err e = {0};
    json_t *event = NULL;
    assert_ok(event_parse(&event, line, (size_t)n - 1, &e), &e);
    assert_true(json_real_value(json_object_get(event, "value")) == 100.0 / 3);
    json_decref(event);
    close(ends[0]);
}

/* Exit status of a child that sends `event` to a pipe nobody reads. */
static int status_after_sending(json_t *event)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, 2);
        event_open(ends[1]);
        event_send(event);
        _exit(0);
    }
    json_decref(event);
    close(ends[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_closed_reader_ends_the_runner_and_a_wrong_event_is_a_bug(void **state)
{
    (void)state;
    assert_int_equal(status_after_sending(json_pack("{s:s}", "event", "done")), 3);
    assert_int_equal(status_after_sending(json_pack("{s:s}", "event", "dune")), 70);
    assert_int_equal(
        status_after_sending(json_pack("{s:s, s:o}", "event", "x", "value", json_real(NAN))), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_of_the_contract_is_accepted),
        cmocka_unit_test(what_is_no_event_is_refused_with_the_reason),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused),
        cmocka_unit_test(garbage_and_too_long_lines_are_refused),
        cmocka_unit_test(what_is_sent_parses_again),
        cmocka_unit_test(a_closed_reader_ends_the_runner_and_a_wrong_event_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
