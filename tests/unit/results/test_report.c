/* The report's page: what is let through of a picture, and names that are only names. */
#include "t.h"

#include "core/base/str.h"
#include "results/report.h"

static void assert_svg(const char *svg, const char *want)
{
    struct str out = STR_INIT;
    struct err e = {0};
    assert_ok(report_svg(svg, "f1-", "a & b", &out, &e), &e);
    assert_string_equal(out.data, want);
    str_release(&out);
}

static void assert_refused(const char *svg, const char *want)
{
    struct str out = STR_INIT;
    struct err e = {0};
    assert_int_equal(report_svg(svg, "f1-", "t", &out, &e), ERR_PARSE);
    assert_text(&e, want);
    str_release(&out);
}

static void a_picture_keeps_its_drawing_and_gets_names_of_its_own(void **state)
{
    (void)state;
    assert_svg("<?xml version=\"1.0\"?>\n<svg width=\"9\" xmlns=\"http://www.w3.org/2000/svg\">"
               "<title>Gnuplot</title><desc>x <y></desc><g id='a' fill = 'none'>"
               "<path d='M0,0 L1,1'/><use xlink:href='#p'/><text x=\"1\">&lt;b&gt;</text>"
               "<rect style='fill:url(#q); stroke:none'/></g></svg>\n",
               "<svg role=\"img\" aria-label=\"a &amp; b\" width=\"9\"><g id=\"f1-a\" "
               "fill=\"none\"><path d=\"M0,0 L1,1\"/><use href=\"#f1-p\"/><text x=\"1\">&lt;b&gt;"
               "</text><rect style=\"fill:url(#f1-q); stroke:none\"/></g></svg>\n");
    assert_svg("<svg><image href='data:image/png;base64,AAAA'/></svg>",
               "<svg role=\"img\" aria-label=\"a &amp; b\"><image "
               "href=\"data:image/png;base64,AAAA\"/></svg>");
}

static void what_acts_or_leaves_the_page_is_refused(void **state)
{
    (void)state;
    assert_refused("plain", "a figure is no SVG");
    assert_refused("<svg><script>alert(1)</script></svg>", "a figure has the element 'script'");
    assert_refused("<svg><foreignObject/></svg>", "a figure has the element 'foreignObject'");
    assert_refused("<svg><!-- --></svg>", "a figure has the element ''");
    assert_refused("<svg onload='x()'/>", "a figure has the attribute 'onload'");
    assert_refused("<svg><use href='http://a/b'/></svg>", "a figure refers to 'http://a/b'");
    assert_refused("<svg><image href='data:text/html,x'/></svg>",
                   "a figure refers to 'data:text/html,x'");
    assert_refused("<svg><g style='fill:url(http://a)'/></svg>",
                   "a figure refers to 'fill:url(http://a)'");
    assert_refused("<svg><g id=a/></svg>", "a figure's attribute 'id' has no value");
    assert_refused("<svg><g id='a", "a figure has the element 'g'");
}

static void names_are_only_names_everywhere(void **state)
{
    (void)state;
    static const char bad[] = "</pre><script>x</script>\"'&\x1b[2J";
    json_t *failures = json_pack("[{s:s, s:s, s:s, s:i, s:s}]", "run", "ab", "label", bad, "reason",
                                 bad, "attempts", 2, "log", bad);
    json_t *origins =
        json_pack("{s:[{s:s, s:b, s:s, s:s, s:s, s:i}], s:[{s:{s:s}, s:i}], s:s}", "revisions",
                  "commit", bad, "dirty", 1, "diff", bad, "runner_sha256", bad, "build", bad,
                  "runs", 1, "machines", "facts", bad, bad, "runs", 1, "last", bad);
    json_t *inputs = json_pack("[{s:s, s:s, s:s}]", "what", bad, "name", bad, "sha256", bad);
    json_t *commands = json_pack("[{s:s, s:s}]", "command", bad, "about", bad);
    struct report_table table = {(char *)"t", (char *)"<section class=\"table\"></section>\n",
                                 (char *)bad};
    struct report_figure figure = {
        .name = (char *)"n", .title = (char *)bad, .why = (char *)bad, .files = (char *)bad};
    const struct report r = {.name = bad,
                             .about = bad,
                             .path = bad,
                             .text = bad,
                             .sha256 = bad,
                             .runs = 4,
                             .done = 1,
                             .failed = 1,
                             .blocked = 1,
                             .wanted = 1,
                             .failures = failures,
                             .missing = bad,
                             .origins = origins,
                             .inputs = inputs,
                             .commands = commands,
                             .tables = &table,
                             .n_tables = 1,
                             .figures = &figure,
                             .n_figures = 1,
                             .refresh = 5};
    struct str out = STR_INIT;
    report_html(&r, &out);
    size_t scripts = 0;
    for (const char *at = out.data; (at = strstr(at, "<script")) != NULL; at++)
        scripts++;
    assert_int_equal(scripts, 1); // the page's own
    assert_null(strchr(out.data, '\x1b'));
    assert_non_null(strstr(out.data, "1 of 4 runs done, 1 to do, 1 failed, 1 cannot run here"));
    assert_non_null(strstr(out.data, "http-equiv=\"refresh\" content=\"5\""));
    assert_non_null(strstr(out.data, "\\x1b[2J"));
    str_release(&out);
    json_decref(failures);
    json_decref(origins);
    json_decref(inputs);
    json_decref(commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_keeps_its_drawing_and_gets_names_of_its_own),
        cmocka_unit_test(what_acts_or_leaves_the_page_is_refused),
        cmocka_unit_test(names_are_only_names_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
