/* One escaper a target. Text comes back whole, whatever it is, where the target can hold it. */
#include "t.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "hostile.h"
#include "results/baseline.h"
#include "results/escape.h"

/* `text` put through `escape`; yours to free(). */
static char *escaped(void (*escape)(struct str *, const char *), const char *text)
{
    struct str s = STR_INIT;
    escape(&s, text);
    return str_detach(&s);
}

struct sign {
    const char *from, *to;
};

/* What a reader of the target makes of it: each `from` read as `to`. */
static char *read_back(const char *text, const struct sign *signs)
{
    struct str s = STR_INIT;
    while (*text) {
        const struct sign *sign = signs;
        while (sign->from && !str_starts(text, sign->from))
            sign++;
        if (sign->from) {
            str_add(&s, sign->to);
            text += strlen(sign->from);
        } else {
            str_addc(&s, *text++);
        }
    }
    return str_detach(&s);
}

static void assert_comes_back(void (*escape)(struct str *, const char *), const struct sign *signs)
{
    for (int i = 0; i < HOSTILE; i++) {
        char *visible = escaped(escape_text, hostile[i]), *out = escaped(escape, hostile[i]);
        char *back = read_back(out, signs);
        assert_string_equal(back, visible);
        free(back);
        free(out);
        free(visible);
    }
}

static void text_has_nothing_that_steers(void **state)
{
    (void)state;
    for (int i = 0; i < HOSTILE; i++) {
        char *out = escaped(escape_text, hostile[i]);
        for (const char *c = out; *c; c++)
            assert_true((unsigned char)*c >= ' ' && *c != 127);
        assert_null(strstr(out, "\xe2\x80\xae"));
        assert_null(strstr(out, "\xe2\x80\x8b"));
        assert_null(strstr(out, "\xef\xbb\xbf"));
        assert_null(strstr(out, "\xc2\x9b"));
        free(out);
    }
    char *out = escaped(escape_text, "a\xe2\x80\xae"
                                     "b\xe4\xb8\xad\n");
    assert_string_equal(out, "a\\xe2\\x80\\xae"
                             "b\xe4\xb8\xad\\x0a");
    free(out);
}

static void html_comes_back_and_has_no_marks(void **state)
{
    (void)state;
    static const struct sign signs[] = {{"&amp;", "&"},   {"&lt;", "<"},  {"&gt;", ">"},
                                        {"&quot;", "\""}, {"&#39;", "'"}, {NULL, NULL}};
    assert_comes_back(escape_html, signs);
    for (int i = 0; i < HOSTILE; i++) {
        char *out = escaped(escape_html, hostile[i]);
        assert_null(strpbrk(out, "<>\"'"));
        free(out);
    }
}

static void markdown_comes_back_on_one_line(void **state)
{
    (void)state;
    static const struct sign signs[] = {{"\\\\", "\\"}, {"\\`", "`"}, {"\\*", "*"},   {"\\_", "_"},
                                        {"\\|", "|"},   {"\\[", "["}, {"\\]", "]"},   {"\\#", "#"},
                                        {"\\~", "~"},   {"\\$", "$"}, {"&amp;", "&"}, {"&lt;", "<"},
                                        {"&gt;", ">"},  {NULL, NULL}};
    assert_comes_back(escape_markdown, signs);
}

static void latex_comes_back_but_for_what_its_fonts_lack(void **state)
{
    (void)state;
    static const struct sign signs[] = {{"\\textbackslash{}", "\\"},
                                        {"\\textasciitilde{}", "~"},
                                        {"\\textasciicircum{}", "^"},
                                        {"\\textasciigrave{}", "`"},
                                        {"\\textless{}", "<"},
                                        {"\\textgreater{}", ">"},
                                        {"\\textbar{}", "|"},
                                        {"\\symbol{34}", "\""},
                                        {"-{}", "-"},
                                        {",{}", ","},
                                        {"'{}", "'"},
                                        {"\\{", "{"},
                                        {"\\}", "}"},
                                        {"\\$", "$"},
                                        {"\\&", "&"},
                                        {"\\#", "#"},
                                        {"\\_", "_"},
                                        {"\\%", "%"},
                                        {"[U+4E2D]", "\xe4\xb8\xad"},
                                        {"[U+6587]", "\xe6\x96\x87"},
                                        {"[U+1F40D]", "\xf0\x9f\x90\x8d"},
                                        {"[U+00F0]", "\xc3\xb0"},
                                        {"[U+00FE]", "\xc3\xbe"},
                                        {"``", "\xe2\x80\x9c"},
                                        {"''", "\xe2\x80\x9d"},
                                        {"---", "\xe2\x80\x94"},
                                        {"$\\leq$", "\xe2\x89\xa4"},
                                        {"$\\pm$", "\xc2\xb1"},
                                        {NULL, NULL}};
    assert_comes_back(escape_latex, signs);
}

static void latex_has_no_command_of_the_text(void **state)
{
    (void)state;
    char *out = escaped(escape_latex, "\\write18{x} ^^5c % $a_b$ a--b");
    assert_string_equal(out, "\\textbackslash{}write18\\{x\\} "
                             "\\textasciicircum{}\\textasciicircum{}5c \\% \\$a\\_b\\$ a-{}-b");
    free(out);
}

static void csv_comes_back_through_our_own_reader(void **state)
{
    (void)state;
    struct err e = {0};
    for (int i = 0; i < HOSTILE; i++) {
        char *out = escaped(escape_csv, hostile[i]), *fields[CSV_FIELDS], *next;
        size_t n, lines;
        char *line = str_format("%s,end", out);
        assert_ok(csv_record(line, fields, &n, &next, &lines, &e), &e);
        assert_int_equal(n, 2);
        bool formula = *hostile[i] && strchr("=+-@\t\r", *hostile[i]);
        assert_string_equal(fields[0] + formula, hostile[i]);
        assert_true(!formula || fields[0][0] == '\'');
        free(line);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_nothing_that_steers),
        cmocka_unit_test(html_comes_back_and_has_no_marks),
        cmocka_unit_test(markdown_comes_back_on_one_line),
        cmocka_unit_test(latex_comes_back_but_for_what_its_fonts_lack),
        cmocka_unit_test(latex_has_no_command_of_the_text),
        cmocka_unit_test(csv_comes_back_through_our_own_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
