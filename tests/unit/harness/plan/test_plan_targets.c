/* Plans that train once and evaluate on many targets. */
#include "harness/plan/plan_case.h"

#define CROSS "recipe: x\nprotocol: cross-dataset\nbackbone: pocket\nsource: dtd\nviews: none\n"

static char *wanted_lines(const struct plan *p)
{
    struct str out = STR_INIT;
    for (size_t i = p->banks; i < p->n; i++)
        if (p->runs[i].state == PLAN_WANTED)
            str_addf(&out, "%s %s: %s\n", key(p, i, "job"), key(p, i, "dataset"), p->runs[i].why);
    return str_detach(&out);
}

static void assert_wanted(const struct plan *p, const char *want)
{
    char *got = wanted_lines(p);
    assert_string_equal(got, want);
    free(got);
}

static void one_training_run_serves_every_target(void **state)
{
    (void)state;
    struct plan p, few;
    struct fake fake = {0};
    build(&p, CROSS "dataset: [sun397, dtd, eurosat]\nmethod: coop\nseed: [1, 2]\n", &fake);
    // banks: dtd train, dtd test, sun397 test; 2 train; 2 + 2 (eurosat, blocked) eval
    assert_int_equal(p.banks, 3);
    assert_int_equal(p.n, 3 + 2 + 4);
    assert_int_equal(p.recipe->n, 6);
    for (size_t i = 0; i < p.n; i++) {
        if (p.runs[i].state != PLAN_BLOCKED)
            assert_whole(&p, i);
    }
    for (size_t i = 5; i < 7; i++) { // the evaluations on sun397
        int train = p.runs[i].needs[NEED_PROMPT];
        assert_int_equal(train, (int)i - 2);
        assert_string_equal(key(&p, i, "job"), "eval");
        assert_string_equal(key(&p, i, "train"), p.runs[train].id);
        assert_string_equal(key(&p, i, "source"), "dtd");
        assert_string_equal(key(&p, i, "dataset"), "sun397");
        assert_string_equal(key(&p, i, "protocol"), "cross-dataset");
        assert_int_equal(p.runs[i].needs[NEED_TRAIN_BANK], -1);
        assert_string_equal(key(&p, (size_t)p.runs[i].needs[NEED_TEST_BANK], "dataset"), "sun397");
    }
    // The source as a target is the training run's own test.
    for (size_t i = 0; i < p.recipe->n; i++) {
        const struct plan_run *run = &p.runs[p.of[i]];
        bool source = str_eq(p.recipe->runs[i].dataset, "dtd");
        assert_string_equal(plan_text(run, "job"), source ? "train" : "eval");
        assert_int_equal(run->seed, p.recipe->runs[i].seed);
    }
    assert_string_equal(p.runs[7].why, "unusable: dataset 'eurosat'");
    // It is the run that a few-shot recipe of the source wants.
    build(&few, TOP "dataset: dtd\nviews: none\nmethod: coop\nseed: [1, 2]\n", &fake);
    assert_string_equal(p.runs[3].id, few.runs[2].id);
    assert_string_equal(p.runs[4].id, few.runs[3].id);
    plan_release(&few);
    plan_release(&p);
}

static void a_template_that_is_not_given_is_the_targets(void **state)
{
    (void)state;
    static const struct {
        const char *method, *train, *eval;
    } cases[] = {
        {"clip-adapter", "{} texture.", "a photo of a {}."},
        {"{clip-adapter: {template: 'x {}'}}", "x {}", "x {}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan p;
        struct fake fake = {0};
        char *text = str_format(CROSS "dataset: sun397\nmethod: %s\n", cases[i].method);
        build(&p, text, &fake);
        json_t *train = p.runs[p.banks].params;
        json_t *eval = p.runs[p.banks + 1].params;
        assert_string_equal(spec_get_text(train, "template"), cases[i].train);
        assert_string_equal(spec_get_text(eval, "template"), cases[i].eval);
        assert_true(spec_get_int(train, "epochs") == spec_get_int(eval, "epochs"));
        free(text);
        plan_release(&p);
    }
}

static void a_target_that_is_added_later_does_not_retrain(void **state)
{
    (void)state;
    struct plan first, p;
    struct fake fake = {.banks = true};
    build(&first, CROSS "dataset: dtd\nmethod: coop\n", &fake);
    for (size_t i = 0; i < first.n; i++)
        know(&fake, &first, i, "done", NULL, NULL);
    plan_release(&first);
    build(&p, CROSS "dataset: [dtd, sun397]\nmethod: coop\n", &fake);
    assert_wanted(&p, "eval sun397: no result\n");
    plan_release(&p);
}

/* A plan of one target, after `done` of: 0 train bank, 1 source's test bank, 2 target's, 3 train, 4
 * eval. */
static void evaluate(struct plan *p, struct fake *fake, const bool done[5])
{
    struct plan first;
    build(&first, CROSS "dataset: sun397\nmethod: coop\n", fake);
    assert_int_equal(first.n, 5);
    for (size_t i = 0; i < 5; i++)
        if (done[i])
            know(fake, &first, i, "done", NULL, NULL);
    plan_release(&first);
    build(p, CROSS "dataset: sun397\nmethod: coop\n", fake);
}

static void a_result_that_is_gone_is_trained_again_when_an_evaluation_needs_it(void **state)
{
    (void)state;
    struct plan p;
    struct fake whole = {.banks = true};
    evaluate(&p, &whole, (const bool[5]){true, true, true, true, false});
    assert_wanted(&p, "eval sun397: no result\n");
    plan_release(&p);
    struct fake gone = {.banks = true, .prompt = "its result is gone"};
    evaluate(&p, &gone, (const bool[5]){true, true, true, true, false});
    assert_wanted(&p, "train dtd: its result is gone\neval sun397: no result\n");
    plan_release(&p);
    struct fake unneeded = {.prompt = "its result is gone"};
    evaluate(&p, &unneeded, (const bool[5]){true, true, true, true, true});
    assert_wanted(&p, "");
    plan_release(&p);
}

static void training_that_no_evaluation_waits_for_is_not_wanted(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    evaluate(&p, &fake, (const bool[5]){false, false, false, false, true});
    assert_int_equal(p.wanted, 0);
    assert_string_equal(p.runs[3].why, "not needed: its evaluations are done");
    plan_release(&p);
}

static void what_does_not_train_is_itself_on_every_target(void **state)
{
    (void)state;
    struct plan p, few;
    struct fake fake = {0};
    build(&p, CROSS "dataset: [dtd, sun397]\nmethod: zero-shot\n", &fake);
    build(&few, TOP "dataset: [dtd, sun397]\nmethod: zero-shot\n", &fake);
    assert_int_equal(p.n, few.n);
    for (size_t i = 0; i < p.n; i++)
        assert_string_equal(p.runs[i].id, few.runs[i].id);
    plan_release(&few);
    plan_release(&p);
}

static void two_protocols_may_share_a_run(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p,
          "recipe: x\nprotocol: [few-shot, cross-dataset]\nbackbone: pocket\nsource: dtd\n"
          "views: none\ndataset: dtd\nmethod: [zero-shot, coop]\n",
          &fake);
    assert_int_equal(p.recipe->n, 4);
    assert_int_equal(p.n, 2 + 2);
    for (size_t i = 0; i < 4; i++) {
        const char *method = plan_text(&p.runs[p.of[i]], "method");
        assert_string_equal(method, p.recipe->runs[i].method);
    }
    plan_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_training_run_serves_every_target),
        cmocka_unit_test(a_template_that_is_not_given_is_the_targets),
        cmocka_unit_test(a_target_that_is_added_later_does_not_retrain),
        cmocka_unit_test(a_result_that_is_gone_is_trained_again_when_an_evaluation_needs_it),
        cmocka_unit_test(training_that_no_evaluation_waits_for_is_not_wanted),
        cmocka_unit_test(what_does_not_train_is_itself_on_every_target),
        cmocka_unit_test(two_protocols_may_share_a_run),
    };
    return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
