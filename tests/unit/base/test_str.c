/* Growing strings, and questions about names. */
#include "t.h"

#include "core/base/str.h"

#include <limits.h>

static void an_empty_string_is_terminated_and_has_no_memory(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    assert_string_equal(s.data, "");
    str_clear(&s);
    str_release(&s);
    assert_ptr_equal(s.data, str_empty);
    char *text = str_detach(&s);
    assert_string_equal(text, "");
    free(text);
}

static void appending_keeps_all_bytes_and_the_terminator(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    for (int i = 0; i < 1000; i++)
        str_addf(&s, "%d,", i % 10);
    assert_int_equal(s.size, 2000);
    assert_int_equal(strlen(s.data), 2000);
    str_clear(&s);
    str_addn(&s, "a\0b", 3);
    str_addc(&s, 'c');
    str_pad(&s, 3, '.');
    str_pad(&s, 0, '!');
    str_add(&s, "");
    assert_int_equal(s.size, 7);
    assert_memory_equal(s.data, "a\0bc...", 8);
    str_release(&s);
    assert_string_equal(s.data, "");
}

static void detach_hands_over_the_text_and_empties_the_string(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    str_add(&s, "prompt");
    char *text = str_detach(&s);
    str_add(&s, "grid");
    assert_string_equal(text, "prompt");
    assert_string_equal(s.data, "grid");
    free(text);
    str_release(&s);
    text = str_format("%s-%05.1f", "x", 2.25);
    assert_string_equal(text, "x-002.2");
    free(text);
}

static void comparisons_take_null_and_short_texts(void **state)
{
    (void)state;
    assert_true(str_eq(NULL, NULL) && str_eq("a", "a"));
    assert_false(str_eq(NULL, "") || str_eq("", NULL) || str_eq("a", "ab"));
    assert_true(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("ab", "abc"));
    assert_true(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("bc", "abc"));
}

static void columns_count_code_points_without_combining_marks(void **state)
{
    (void)state;
    assert_int_equal(str_columns(""), 0);
    assert_int_equal(str_columns("abc"), 3);
    assert_int_equal(str_columns("caf\xc3\xa9"), 4);
    assert_int_equal(str_columns("cafe\xcc\x81"), 4);
    assert_int_equal(str_columns("\xf0\x9f\x98\x80"), 1);
    assert_int_equal(str_columns("\xff\xc3"), 2); // invalid bytes take one each
}

static void visible_shows_what_would_steer_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"plain caf\xc3\xa9", "plain caf\xc3\xa9"},
        {"a\nb\tc\x1b[31m\x7f", "a\\x0ab\\x09c\\x1b[31m\\x7f"},
        {"\xc2\x9b"
         "1m",
         "\\xc2\\x9b1m"}, // C1 control: CSI
        {"\xff", "\\xff"},
        {"a\xe2\x82", "a\\xe2\\x82"},                 // cut short
        {"\xe0\x80\x8a", "\\xe0\\x80\\x8a"},          // newline, written longer than needed
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          // surrogate
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, // above U+10FFFF
        {"\xe2\x82\xac", "\xe2\x82\xac"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *shown = str_visible(cases[i].text);
        assert_string_equal(shown, cases[i].want);
        free(shown);
    }
}

static void distance_counts_single_edits_and_swaps_of_neighbours(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t want;
    } cases[] = {
        {"", "", 0},          {"", "abc", 3},           {"coop", "coop", 0},  {"coop", "cop", 1},
        {"coop", "cooop", 1}, {"coop", "cxop", 1},      {"coop", "ocop", 1},  {"ab", "ba", 1},
        {"abcd", "badc", 2},  {"kitten", "sitting", 3}, {"rank", "shots", 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(str_distance(cases[i].a, cases[i].b), cases[i].want);
        assert_int_equal(str_distance(cases[i].b, cases[i].a), cases[i].want);
    }
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(str_distance(longer, "a"), 199);
}

static void nearest_suggests_a_slip_and_nothing_else(void **state)
{
    (void)state;
    static const char *const names[] = {"zero-shot", "coop", NULL, "cocoop", "rlp", "maple"};
    enum { N = sizeof names / sizeof names[0] };
    static const struct {
        const char *word, *want;
    } cases[] = {
        {"coop", "coop"},
        {"copp", "coop"},
        {"cocoo", "cocoop"},
        {"zeroshot", "zero-shot"},
        {"zero_shoot", "zero-shot"},
        {"rpl", "rlp"},
        {"mapel", "maple"},
        {"prograd", NULL},
        {"x", NULL},
        {"", NULL},
        {"rxyz", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *near = str_nearest(cases[i].word, names, N, sizeof names[0]);
        if (!str_eq(near, cases[i].want))
            fail_msg("nearest to '%s' is '%s'", cases[i].word, near ? near : "nothing");
    }
    assert_null(str_nearest("coop", names, 0, sizeof names[0]));
}

static void numbers_are_the_whole_text_and_within_bounds(void **state)
{
    (void)state;
    long n = 7;
    static const char *const bad_long[] = {"",     " 1",  "1 ",  "\t1",
                                           "\n1",  "1.0", "0x1", "1e3",
                                           "five", "101", "-1",  "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad_long / sizeof bad_long[0]; i++)
        if (str_to_long(bad_long[i], 0, 100, &n))
            fail_msg("'%s' was taken as a whole number", bad_long[i]);
    assert_int_equal(n, 7);
    assert_true(str_to_long("0", 0, 100, &n) && n == 0);
    assert_true(str_to_long("100", 0, 100, &n) && n == 100);
    assert_true(str_to_long("-5", -5, 5, &n) && n == -5);
    assert_true(str_to_long("9223372036854775807", LONG_MIN, LONG_MAX, &n) && n == LONG_MAX);

    double x = 7;
    static const char *const bad_real[] = {"",    " 1",  "\n1",   "1 ", "1,5",
                                           "nan", "inf", "1e999", "x"};
    for (size_t i = 0; i < sizeof bad_real / sizeof bad_real[0]; i++)
        if (str_to_double(bad_real[i], &x))
            fail_msg("'%s' was taken as a number", bad_real[i]);
    assert_true(x == 7);
    assert_true(str_to_double("5e-4", &x) && x == 5e-4);
    assert_true(str_to_double("-2", &x) && x == -2);
}

static void halves_round_away_from_zero(void **unused)
{
    (void)unused;
    const struct {
        double value;
        int decimals;
        const char *want;
    } cases[] = {{66.25, 1, "66.3"},           {66.24, 1, "66.2"},
                 {-66.25, 1, "-66.3"},         {0.05, 1, "0.1"},
                 {100 * 53.0 / 80, 1, "66.3"}, {57.05, 1, "57.1"},
                 {82.6949999, 2, "82.69"},     {-0.04, 1, "0.0"},
                 {99.96, 1, "100.0"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str s = STR_INIT;
        str_add_decimal(&s, cases[i].value, cases[i].decimals);
        assert_string_equal(s.data, cases[i].want);
        str_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_string_is_terminated_and_has_no_memory),
        cmocka_unit_test(appending_keeps_all_bytes_and_the_terminator),
        cmocka_unit_test(detach_hands_over_the_text_and_empties_the_string),
        cmocka_unit_test(comparisons_take_null_and_short_texts),
        cmocka_unit_test(columns_count_code_points_without_combining_marks),
        cmocka_unit_test(visible_shows_what_would_steer_a_terminal),
        cmocka_unit_test(distance_counts_single_edits_and_swaps_of_neighbours),
        cmocka_unit_test(nearest_suggests_a_slip_and_nothing_else),
        cmocka_unit_test(numbers_are_the_whole_text_and_within_bounds),
        cmocka_unit_test(halves_round_away_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
