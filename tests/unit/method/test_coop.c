/*
 * CoOp in all its forms, and RLP without its initialisation branch, against autograd
 * (tests/oracle/context).
 */
#include "method/steps.h"

#define FACTORS "\"dropout\": 0.1, \"zero\": \"A\", \"std\": 0.02"

static void every_position_class_specific_or_not_in_full_or_low_rank_matches_autograd(void **unused)
{
    (void)unused;
    static const char *const positions[] = {"end", "middle", "front"};
    struct steps s;
    steps_open(&s, "coop");
    for (int i = 0; i < 3 * 2 * 2; i++) {
        const char *position = positions[i / 4], *own = i / 2 % 2 ? "yes" : "no";
        int rank = i % 2 ? 2 : 0;
        char *name = str_format("%s.%s.%d", position, own, rank);
        char *params = str_format("{\"context\": \"\", \"length\": 3, \"class-specific\": \"%s\", "
                                  "\"position\": \"%s\", \"rank\": %d, " FACTORS "}",
                                  own, position, rank);
        steps_check(&s, name, params, NULL);
        free(name);
        free(params);
    }
    steps_close(&s);
}

static void tokens_of_words_that_have_no_vector_stay_in_the_prompt(void **unused)
{
    (void)unused;
    struct steps s;
    steps_open(&s, "coop");
    steps_check(&s, "words",
                "{\"context\": \"a_photo of a\", \"length\": 16, \"class-specific\": \"yes\", "
                "\"position\": \"middle\", \"rank\": 0}",
                NULL);
    steps_close(&s);
}

static void rlp_without_its_initialisation_branch_matches_autograd(void **unused)
{
    (void)unused;
    struct steps s;
    steps_open(&s, "rlp");
    steps_check(
        &s, "no",
        "{\"context\": \"a photo of a\", \"rank\": 2, \"init-branch\": \"no\", " FACTORS "}", NULL);
    steps_close(&s);
}

/* Both factors are drawn, or nothing would ever move. */
static void without_the_branch_both_factors_start_at_random(void **unused)
{
    (void)unused;
    struct steps s;
    steps_open(&s, "rlp");
    for (int branch = 0; branch < 2; branch++) {
        struct learner l;
        json_t *params = steps_params("{\"context\": \"a photo of a\", \"rank\": 2, " FACTORS "}");
        json_object_set_new(params, "init-branch", json_string(branch ? "yes" : "no"));
        steps_learner(&s, &l, params, 5);
        size_t zeros = 0, C = (size_t)s.clip.shape.text_width;
        assert_int_equal(l.n, 2 * (4 + C));
        for (size_t i = 0; i < l.n; i++)
            zeros += l.parameters[i] == 0;
        assert_int_equal(zeros, branch ? 2 * 4 : 0);
        learner_release(&l);
        json_decref(params);
    }
    steps_close(&s);
}

static void a_class_specific_context_serves_its_classes_only(void **unused)
{
    (void)unused;
    struct steps s;
    struct learner l;
    struct err e;
    steps_open(&s, "coop");
    json_t *params = steps_params("{\"context\": \"\", \"length\": 3, \"class-specific\": \"yes\", "
                                  "\"position\": \"end\", \"rank\": 0}");
    steps_learner(&s, &l, params, 5);
    assert_int_equal(l.n, 5 * 3 * s.clip.shape.text_width);
    assert_int_equal(learner_classes(&l, steps_names, 4, false, &e), ERR_RANGE);
    assert_text(&e, "5 classes have contexts of their own, not these 4");
    learner_release(&l);
    json_decref(params);
    steps_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_position_class_specific_or_not_in_full_or_low_rank_matches_autograd),
        cmocka_unit_test(tokens_of_words_that_have_no_vector_stay_in_the_prompt),
        cmocka_unit_test(rlp_without_its_initialisation_branch_matches_autograd),
        cmocka_unit_test(without_the_branch_both_factors_start_at_random),
        cmocka_unit_test(a_class_specific_context_serves_its_classes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
