/* Sets of templates: counts, ends, order; and the templates of single methods. */
#include "t.h"

#include "core/data/templates.h"

static void sets_have_their_counts_and_ends(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        size_t n;
        const char *first, *last;
    } cases[] = {
        {"select7", 7, "itap of a {}.", "a photo of the small {}."},
        {"imagenet80", 80, "a bad photo of a {}.", "a tattoo of the {}."},
        {"promptsrc60", 60, "a photo of a {}.", "itap of the {}."},
    };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(templates_count(cases[i].set), cases[i].n);
        assert_string_equal(templates_for(cases[i].set, 0), cases[i].first);
        assert_string_equal(templates_for(cases[i].set, cases[i].n - 1), cases[i].last);
    }
    assert_string_equal(templates_for("imagenet80", 39), "a photo of a {}.");
    assert_int_equal(templates_count("imagenet81"), 0);
}

static void every_template_has_one_place_and_stands_once(void **state)
{
    (void)state;
    static const char *const sets[] = {"select7", "imagenet80", "promptsrc60"};
    for (int s = 0; s < 3; s++)
        for (size_t i = 0; i < templates_count(sets[s]); i++) {
            const char *t = templates_for(sets[s], i), *at = strstr(t, "{}");
            assert_non_null(at);
            assert_null(strstr(at + 2, "{}"));
            assert_int_equal(t[strlen(t) - 1], '.');
            for (size_t k = 0; k < i; k++)
                assert_string_not_equal(templates_for(sets[s], k), t);
        }
}

static void the_selected_seven_are_among_the_80(void **state)
{
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        size_t k = 0;
        while (k < 80 && strcmp(templates_for("imagenet80", k), templates_for("select7", i)) != 0)
            k++;
        assert_true(k < 80);
    }
}

static void promptsrc_takes_the_plain_one_first(void **state)
{
    (void)state;
    size_t order[60], n = 0;
    order[n++] = 39;
    for (size_t k = 0; k < 60; k++)
        if (k != 39)
            order[n++] = k;
    for (size_t i = 0; i < 60; i++)
        assert_string_equal(templates_for("promptsrc60", i), templates_for("imagenet80", order[i]));
}

static void methods_have_their_own_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *dataset, *kgcoop, *prograd;
    } cases[] = {
        {"dtd", "a photo of a {}, a type of texture.", "a texture of {}."},
        {"oxford_pets", "a photo of a {}, a type of pet.", "a type of pet, a photo of a {}."},
        {"oxford_flowers", "a photo of a {}, a type of flower.",
         "a type of flower, a photo of a {}."},
        {"fgvc_aircraft", "a photo of a {}, a type of aircraft.",
         "a type of aircraft, a photo of a {}."},
        {"food101", "a photo of {}, a type of food.", "a type of food, a photo of {}."},
        {"eurosat", "a centered satellite photo of {}.", "a centered satellite photo of {}."},
        {"imagenet_r", "a photo of a {}.", "a photo of a {}."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct dataset_row *d = dataset_find(cases[i].dataset);
        assert_string_equal(template_kgcoop(d), cases[i].kgcoop);
        assert_string_equal(template_prograd(d), cases[i].prograd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_have_their_counts_and_ends),
        cmocka_unit_test(every_template_has_one_place_and_stands_once),
        cmocka_unit_test(the_selected_seven_are_among_the_80),
        cmocka_unit_test(promptsrc_takes_the_plain_one_first),
        cmocka_unit_test(methods_have_their_own_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
