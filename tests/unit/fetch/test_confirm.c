/* The form of Google Drive's page, and pages that are none. */
#include "t.h"

#include "core/fetch/confirm.h"

static const char url[] = "https://drive.example/uc?export=download&id=1";

static void the_form_gives_the_address(void **state)
{
    (void)state;
    static const struct {
        const char *page, *want;
    } cases[] = {
        {"<html><body><form id=\"download-form\" action=\"https://content.example/download\" "
         "method=\"get\"><input type=\"submit\" id=\"go\" value=\"Download anyway\"/>"
         "<input type=\"hidden\" name=\"id\" value=\"1&amp;2\">"
         "<input type=\"hidden\" name=\"confirm\" value=\"t\"></form>"
         "<input type=\"hidden\" name=\"late\" value=\"no\"></body></html>",
         "https://content.example/download?id=1%262&confirm=t"},
        {"<form action=\"/get\" id=\"download-form\"><input type=\"hidden\" name=\"u\" "
         "value=\"a b\"></form>",
         "https://drive.example/get?u=a%20b"},
        {"<form id=\"search\" action=\"/s\"></form><form id=\"download-form\" "
         "action=\"/d\"></form>",
         "https://drive.example/d"},
        {"<form id=\"download-form\" action=\"/d\"><input type=\"hidden\" name=\"u\" value=\"1\">",
         "https://drive.example/d"}, // no end: no fields
        {"<form id=\"login\" action=\"/d\"></form>", NULL},
        {"<form id=\"download-form\"></form>", NULL},
        {"<form id=\"download-form\" action=\"/d", NULL},
        {"<form ", NULL},
        {"no page", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *found = confirm_url(cases[i].page, url);
        if (!found != !cases[i].want || (found && strcmp(found, cases[i].want)))
            fail_msg("case %zu: '%s', want '%s'", i, found ? found : "none",
                     cases[i].want ? cases[i].want : "none");
        free(found);
    }
}

static void the_title_is_shown_safely(void **state)
{
    (void)state;
    char *title = confirm_title("<html><title>Quota &amp; \033[1m</title>");
    assert_string_equal(title, "Quota & \\x1b[1m");
    free(title);
    assert_null(confirm_title("<title>no end"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_form_gives_the_address),
                                       cmocka_unit_test(the_title_is_shown_safely)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
