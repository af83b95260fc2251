/* Option tables: parsing, whole error texts, help. */
#include "t.h"

#include "core/base/opt.h"

static bool json;
static const char *out_path, *format;
static long jobs;
static struct opt_list data;

static const struct opt table[] = {
    {"json", OPT_FLAG, &json, NULL, "print JSON"},
    {"o", OPT_TEXT, &out_path, "FILE", "where to write"},
    {"format", OPT_TEXT, &format, "text|csv", "how to write"},
    {"jobs", OPT_COUNT, &jobs, "N", "runs at once"},
    {"data", OPT_LIST, &data, "DIR", "folder of datasets"},
    {0},
};

/* Parse the words after the program's name; `words` ends with NULL and is rearranged. */
static int parse(const char **words, int *rest, struct err *e)
{
    json = false;
    out_path = format = NULL;
    jobs = 0;
    free(data.items);
    data = (struct opt_list){0};
    int argc = 0;
    while (words[argc])
        argc++;
    return opt_parse(table, argc, (char **)words, rest, e);
}
#define WORDS(...) ((const char *[]){"promptgrid", __VA_ARGS__, NULL})

static void options_and_words_may_be_mixed(void **state)
{
    (void)state;
    struct err e = {0};
    int rest;
    const char **w = WORDS("a.yaml", "--json", "-o", "x", "b", "--jobs=3", "--data", "d1",
                           "--data=d2", "--format=", "-", "--", "--json", "-o");
    assert_int_equal(parse(w, &rest, &e), 0);
    assert_true(json);
    assert_string_equal(out_path, "x");
    assert_string_equal(format, "");
    assert_int_equal(jobs, 3);
    assert_int_equal(data.n, 2);
    assert_string_equal(data.items[0], "d1");
    assert_string_equal(data.items[1], "d2");
    static const char *const left[] = {"a.yaml", "b", "-", "--json", "-o"};
    assert_int_equal(rest, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(w[i + 1], left[i]);
}

static void nothing_is_fine(void **state)
{
    (void)state;
    struct err e = {0};
    int rest = 9;
    assert_int_equal(parse((const char *[]){"promptgrid", NULL}, &rest, &e), 0);
    assert_int_equal(rest, 0);
}

static void help_is_always_known(void **state)
{
    (void)state;
    struct err e = {0};
    int rest;
    assert_int_equal(parse(WORDS("--json", "-h"), &rest, &e), 1);
    assert_int_equal(parse(WORDS("--help", "--wrong"), &rest, &e), 1);
    assert_int_equal(parse(WORDS("--", "--help"), &rest, &e), 0);
    assert_int_equal(rest, 1);
}

static void errors_say_what_is_wrong_and_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *words[4];
        const char *want;
    } cases[] = {
        {{"--jsn"}, "unknown option '--jsn', did you mean '--json'?"},
        {{"-json"}, "unknown option '-json', did you mean '--json'?"},
        {{"--fromat=csv"}, "unknown option '--fromat=csv', did you mean '--format'?"},
        {{"-p"}, "unknown option '-p', did you mean '-o'?"},
        {{"--verbose"}, "unknown option '--verbose'"},
        {{"--json=yes"}, "option '--json' takes no value"},
        {{"--jobs"}, "option '--jobs' needs a value (N)"},
        {{"-o"}, "option '-o' needs a value (FILE)"},
        {{"--jobs", "many"}, "option '--jobs' needs a whole number from 0, not 'many'"},
        {{"--jobs", "-1"}, "option '--jobs' needs a whole number from 0, not '-1'"},
        {{"--jobs=3000000000"}, "option '--jobs' needs a whole number from 0, not '3000000000'"},
        {{"--jobs="}, "option '--jobs' needs a whole number from 0, not ''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        int rest;
        const char *words[6] = {"promptgrid"};
        for (int j = 0; cases[i].words[j]; j++)
            words[j + 1] = cases[i].words[j];
        assert_int_equal(parse(words, &rest, &e), ERR_USAGE);
        assert_int_equal(e.code, ERR_USAGE);
        assert_text(&e, cases[i].want);
    }
}

static void help_shows_every_row_aligned(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    opt_help(table, &s);
    assert_string_equal(s.data, "  --json                print JSON\n"
                                "  -o FILE               where to write\n"
                                "  --format text|csv     how to write\n"
                                "  --jobs N              runs at once\n"
                                "  --data DIR            folder of datasets\n");
    str_release(&s);
}

static void help_for_programs_has_tabs(void **state)
{
    (void)state;
    struct err e = {0};
    struct str s = STR_INIT;
    int rest;
    assert_int_equal(parse(WORDS("--jobs", "2", "--help=table"), &rest, &e), 1);
    opt_help(table, &s);
    assert_string_equal(s.data, "\t--json\t\tprint JSON\n"
                                "\t-o\tFILE\twhere to write\n"
                                "\t--format\ttext|csv\thow to write\n"
                                "\t--jobs\tN\truns at once\n"
                                "\t--data\tDIR\tfolder of datasets\n");
    str_clear(&s);
    assert_int_equal(parse(WORDS("--help"), &rest, &e), 1);
    opt_help(table + 3, &s);
    assert_string_equal(s.data, "  --jobs N              runs at once\n"
                                "  --data DIR            folder of datasets\n");
    str_release(&s);
}

static int release(void **state)
{
    (void)state;
    free(data.items);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words_may_be_mixed),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(help_is_always_known),
        cmocka_unit_test(errors_say_what_is_wrong_and_what_was_meant),
        cmocka_unit_test(help_shows_every_row_aligned),
        cmocka_unit_test(help_for_programs_has_tabs),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
