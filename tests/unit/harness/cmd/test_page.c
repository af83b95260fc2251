/* Reference pages: each format keeps text as text, and placeholders know what completes them. */
#include "t.h"

#include "harness/cmd/manual.h"
#include "harness/cmd/page.h"

static void write_page(struct page *p)
{
    p->format->title(p, "x-y", 5, "what \"it\" is");
    p->format->heading(p, 1, "One's keys");
    p->format->text(p, ".so /etc/passwd\n'x' is a_b*c* <i>|\\n");
    p->format->code(p, ".a: [b]\n\n  c\n");
    p->format->terms(p, &(struct page_columns){"key", "values", "default", "meaning"});
    p->format->term(p, &(struct page_term){"a|b", "1 to 2", "", "-z \\ | `c`"});
    p->format->term(p, &(struct page_term){"d", NULL, NULL, ".e"});
}

static void roff_takes_no_text_for_a_request(void **state)
{
    (void)state;
    struct page p = {.format = &page_roff, .out = STR_INIT};
    write_page(&p);
    assert_string_equal(p.out.data,
                        ".TH X-Y 5 \"\" \"promptgrid " PROMPTGRID_VERSION "\" \"promptgrid\"\n"
                        ".SH NAME\nx\\-y \\- what \"it\" is\n"
                        ".SH \"ONE\\(aqS KEYS\"\n"
                        ".PP\n\\&.so /etc/passwd\n\\&\\(aqx\\(aq is a_b*c* <i>|\\en\n"
                        ".PP\n.nf\n.RS 4\n\\&.a: [b]\n\n  c\n.RE\n.fi\n"
                        ".TP\n\\fBa|b\\fR \\fI1 to 2\\fR\n\\-z \\e | \\(gac\\(ga\n(default: )\n"
                        ".TP\n\\fBd\\fR\n\\&.e\n");
    str_release(&p.out);
}

static void markdown_takes_no_text_for_marks(void **state)
{
    (void)state;
    struct page p = {.format = &page_markdown, .out = STR_INIT};
    write_page(&p);
    assert_string_equal(p.out.data, "# x-y\n\nwhat \"it\" is\n"
                                    "\n## One's keys\n"
                                    "\n.so /etc/passwd\n'x' is a\\_b\\*c\\* \\<i\\>\\|\\\\n\n"
                                    "\n    .a: [b]\n\n      c\n"
                                    "\n| key | values | default | meaning |\n"
                                    "| --- | --- | --- | --- |\n"
                                    "| `a\\|b` | 1 to 2 | `\"\"` | -z \\\\ \\| \\`c\\` |\n"
                                    "| `d` |  |  | .e |\n");
    str_release(&p.out);
}

static void a_command_is_read_from_its_help(void **state)
{
    (void)state;
    struct manual_command c;
    struct err e = {0};
    assert_ok(manual_parse(&c, "data check",
                           "usage: promptgrid data check [options] DATASET\n\nread a split\nand "
                           "look\n\n\t--json\t\tprint JSON\n\t-o\tFILE\twhere\n",
                           &e),
              &e);
    assert_string_equal(c.usage, "promptgrid data check [options] DATASET");
    assert_string_equal(c.arguments, "[options] DATASET");
    assert_string_equal(c.about, "read a split and look");
    assert_int_equal(c.n, 2);
    assert_string_equal(c.options[0].name, "--json");
    assert_string_equal(c.options[0].argument, "");
    assert_string_equal(c.options[1].argument, "FILE");
    assert_string_equal(c.options[1].help, "where");
    struct manual m = {.commands = malloc(sizeof c), .n = 1};
    m.commands[0] = c;
    manual_release(&m);
    assert_int_equal(manual_parse(&c, "run", "what?\n", &e), ERR_PARSE);
    assert_text(&e, "'promptgrid run --help=table' begins with 'what?', expected 'usage: "
                    "promptgrid run ...'");
}

static void placeholders_say_what_completes_them(void **state)
{
    (void)state;
    static const struct {
        const char *placeholder;
        enum manual_kind kind;
        const char *words;
    } cases[] = {
        {"N", MANUAL_NOTHING, ""},
        {"DIR", MANUAL_FOLDER, ""},
        {"[DIR]", MANUAL_FOLDER, ""},
        {"NAME|DIR", MANUAL_FOLDER, ""},
        {"RUN|FILE", MANUAL_FILE, ""},
        {"[RECIPE...]", MANUAL_RECIPE, ""},
        {"std|t", MANUAL_WORDS, "std t"},
        {"H-of-averages|mean-of-H", MANUAL_WORDS, "H-of-averages mean-of-H"},
        {"AXIS=V,V", MANUAL_NOTHING, ""},
        {"COLUMN[:METRIC]", MANUAL_NOTHING, ""},
        {"", MANUAL_NOTHING, ""},
    };
    struct str words = STR_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(manual_kind(cases[i].placeholder, &words), cases[i].kind);
        assert_string_equal(words.data, cases[i].words);
    }
    assert_int_equal(manual_kind("METHOD", &words), MANUAL_WORDS);
    assert_non_null(strstr(words.data, "coop"));
    str_release(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roff_takes_no_text_for_a_request),
        cmocka_unit_test(markdown_takes_no_text_for_marks),
        cmocka_unit_test(a_command_is_read_from_its_help),
        cmocka_unit_test(placeholders_say_what_completes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
