#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "harness/sched/collect.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define METRIC "{\"event\":\"metric\",\"split\":\"base\",\"name\":\"accuracy\",\"value\":88.25}\n"
#define EPOCH(n) "{\"event\":\"epoch\",\"loss\":0,\"lr\":0,\"accuracy\":0,\"epoch\":" n "}\n"
#define DONE "{\"event\":\"done\"}\n"

/* The verdict on `text` with `status`: "" or "class: reason"; yours to free(). */
static char *verdict(const char *text, size_t piece, int status, const char *kind, const char *out)
{
    struct collect c;
    struct str reason = STR_INIT;
    char class_[16];
    collect_init(&c);
    for (size_t at = 0, size = strlen(text); at < size; at += piece)
        collect_feed(&c, text + at, piece < size - at ? piece : size - at);
    bool ok = collect_verdict(&c, status, kind, out, class_, &reason);
    char *said = ok ? mem_strdup("") : str_format("%s: %s", class_, reason.data);
    str_release(&reason);
    collect_release(&c);
    return said;
}

static void each_way_to_end_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status; // as of waitpid
        const char *want;
    } cases[] = {
        {METRIC DONE, 0, ""},
        {METRIC, 0, "protocol: protocol: the runner ended without 'done'"},
        {"", 0, "protocol: protocol: the runner ended without 'done'"},
        {DONE, 0, "protocol: protocol: done without a metric"},
        {METRIC "{\"event\":\"do", 0, "protocol: protocol: the last event is cut off"},
        {METRIC DONE, 1 << 8, "exit: exited with status 1"},
        {METRIC, 70 << 8, "bug: exited with status 70"},
        {METRIC "{\"event\":\"do", 11, "crash: killed by signal 11"},
        {"{\"event\":\"fail\",\"class\":\"numeric\",\"text\":\"loss is nan\\nin epoch 3\"}\n",
         1 << 8, "numeric: loss is nan\\x0ain epoch 3"},
        {"{\"event\":\"fail\",\"class\":\"memory\",\"text\":\"no\"}\n", 0, "memory: no"},
        {METRIC DONE METRIC, 0, "protocol: protocol: event 'metric' came after 'done'"},
        {METRIC METRIC DONE, 0, "protocol: protocol: 'metric base accuracy' came twice"},
        {EPOCH("1") EPOCH("3") EPOCH("2") METRIC DONE, 0,
         "protocol: protocol: epoch 2 came after epoch 3"},
        {EPOCH("1") EPOCH("1") METRIC DONE, 0, "protocol: protocol: 'epoch 1' came twice"},
        {METRIC DONE METRIC, 9, "protocol: protocol: event 'metric' came after 'done'"},
        {"{\"event\":\"metric\",\"split\":\"base\",\"name\":\"accuracy\",\"value\":\"x\"}\n" DONE,
         0, "protocol: protocol: event 'metric': 'value' must be a finite number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t piece = 1; piece < 200; piece += 66) {
            char *said = verdict(cases[i].text, piece, cases[i].status, "prompt", "/w/p");
            assert_string_equal(said, cases[i].want);
            free(said);
        }
}

static void an_artifact_must_be_the_one_that_was_asked_for(void **state)
{
    (void)state;
    char *folder = t_folder(), *out = fs_join(folder, "x.bank");
    char *lines = str_format("{\"event\":\"artifact\",\"kind\":\"bank\",\"path\":\"%s\","
                             "\"sha256\":\"" SHA "\"}\n" DONE,
                             out);
    char *want = str_format("protocol: protocol: the bank '%s' is not there", out);
    char *said = verdict(lines, 1000, 0, "bank", out);
    assert_string_equal(said, want);
    free(said);
    fclose(fopen(out, "w"));
    said = verdict(lines, 1000, 0, "bank", out);
    assert_string_equal(said, "");
    free(said);
    free(want);
    want = str_format("protocol: protocol: it made bank '%s' instead of bank '/other'", out);
    said = verdict(lines, 1000, 0, "bank", "/other");
    assert_string_equal(said, want);
    free(said);
    said = verdict(lines, 1000, 0, NULL, NULL); // an evaluation
    assert_string_equal(said, "protocol: protocol: it made a file that nobody asked for");
    free(said);
    said = verdict(DONE, 1000, 0, NULL, NULL);
    assert_string_equal(said, "protocol: protocol: done without a metric");
    free(said);
    said = verdict(DONE, 1000, 0, "bank", out);
    assert_string_equal(said, "protocol: protocol: done without a bank");
    free(said);
    free(want);
    free(lines);
    unlink(out);
    rmdir(folder);
    free(out);
    free(folder);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    struct collect c;
    collect_init(&c);
    char *block = mem_alloc(1 << 20, 1); // one endless line
    memset(block, 'x', 1 << 20);
    for (int i = 0; i < 100; i++)
        collect_feed(&c, block, 1 << 20);
    assert_text(&c.broken, "an event is longer than the limit of 4194304 bytes");
    assert_true(c.line.capacity <= 16 << 20);
    collect_release(&c);
    free(block);

    struct str line = STR_INIT; // many good lines
    collect_init(&c);
    for (int i = 0; i < 64 && !c.broken.code; i++) {
        str_clear(&line);
        str_addf(&line, "{\"event\":\"epoch\",\"loss\":0,\"lr\":0,\"accuracy\":0,\"epoch\":%d", i);
        str_pad(&line, 1 << 20, ' ');
        str_add(&line, "}\n");
        collect_feed(&c, line.data, line.size);
    }
    assert_text(&c.broken, "more than 67108864 bytes of events");
    collect_release(&c);
    str_release(&line);
}

static void progress_is_seen_and_not_kept(void **state)
{
    (void)state;
    struct collect c;
    struct str text = STR_INIT;
    collect_init(&c);
    const char *lines = "{\"event\":\"progress\",\"done\":3,\"of\":50,\"unit\":\"epoch\"}\n" METRIC
                        "{\"event\":\"metric\",\"split\":\"new\",\"name\":\"accuracy\","
                        "\"value\":82.5}\n";
    collect_feed(&c, lines, strlen(lines));
    assert_int_equal(c.step, 3);
    assert_int_equal(c.of, 50);
    assert_string_equal(c.unit, "epoch");
    assert_int_equal(json_array_size(c.events), 2);
    collect_summary(&c, &text);
    assert_string_equal(text.data, "base 88.3 new 82.5");
    str_release(&text);
    collect_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_end_has_its_verdict),
        cmocka_unit_test(an_artifact_must_be_the_one_that_was_asked_for),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(progress_is_seen_and_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
