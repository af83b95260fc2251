/* ProGrad against autograd and its rule as the paper writes it (tests/oracle/context). */
#include "method/steps.h"

#define KEYS(start, length, rank)                                                                  \
    "{\"teacher-template\": \"a pet, of a {}.\", \"start\": \"" start "\", \"length\": " length    \
    ", \"lambda\": 0.8, \"temperature\": 2, \"rank\": " rank                                       \
    ", \"dropout\": 0.1, \"zero\": \"A\", \"std\": 0.02}"

static void the_words_of_the_template_fill_the_last_rows(void **unused)
{
    (void)unused;
    struct steps s;
    struct learner l;
    steps_open(&s, "prograd");
    json_t *params = steps_params(KEYS("template", "6", "0"));
    steps_learner(&s, &l, params, 5);
    steps_compare(&s, "start", NULL, l.parameters, l.n, 0);
    assert_int_equal(l.context->n_rest, 4); // ",", "o", "f", "a" of "a pet, of a" have no vector
    learner_release(&l);
    json_decref(params);
    steps_close(&s);
}

static void gradients_that_oppose_the_teacher_are_deflected_as_the_rule_says(void **unused)
{
    (void)unused;
    struct steps s;
    size_t n;
    steps_open(&s, "prograd");
    float *start = steps_want(&s, "start", NULL, &n);
    steps_check(&s, "0", KEYS("template", "6", "0"), start);
    steps_check(&s, "2", KEYS("template", "6", "2"), NULL); // A and B each have their own rule
    free(start);
    steps_close(&s);
}

static void a_template_of_more_words_than_vectors_is_refused(void **unused)
{
    (void)unused;
    struct steps s;
    struct learner l;
    struct rng r;
    struct err e;
    steps_open(&s, "prograd");
    rng_seed_torch(&r, 1);
    json_t *params = steps_params(KEYS("template", "3", "0"));
    assert_int_equal(learner_init(&l, method_get("prograd"), &s.clip, s.bpe, params, 1, 5, &r, &e),
                     ERR_RANGE);
    assert_text(&e, "context 'a pet, of a' has 4 words, more than the 'length' of 3");
    json_decref(params);
    params = steps_params(KEYS("random", "3", "0"));
    steps_learner(&s, &l, params, 5);
    assert_int_equal(l.n, 3 * s.clip.shape.text_width);
    assert_int_equal(l.context->n_rest, 0);
    learner_release(&l);
    json_decref(params);
    steps_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_the_template_fill_the_last_rows),
        cmocka_unit_test(gradients_that_oppose_the_teacher_are_deflected_as_the_rule_says),
        cmocka_unit_test(a_template_of_more_words_than_vectors_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
