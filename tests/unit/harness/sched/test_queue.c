#include "t.h"

#include "harness/sched/eta.h"
#include "harness/plan/label.h"
#include "harness/sched/progress.h"
#include "harness/sched/queue.h"
#include "harness/sched/sched.h"

/* Two banks (0 train, 1 test), four train runs on them, one of them on the test bank alone. */
static struct plan_run runs[6];

static json_t *train_spec(const char *method, int rank, int shots, int seed)
{
    json_t *params = json_object();
    json_object_set_new(params, "lr", json_real(0.002));
    if (rank)
        json_object_set_new(params, "rank", json_integer(rank));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:i}", "job", "train", "backbone",
                     "pocket", "dataset", "pocket-land", "protocol",
                     shots ? "few-shot" : "zero-shot", "method", method, "params", params, "shots",
                     shots, "seed", seed);
}

static json_t *bank_spec(const char *part)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "job", "encode", "backbone", "pocket", "dataset",
                     "pocket-land", "part", part, "views", "none");
}

/* Takes the spec. */
static void give(struct plan_run *run, json_t *spec)
{
    run->common = spec;
    run->params = json_incref(json_object_get(spec, "params"));
    run->shots = (int)json_integer_value(json_object_get(spec, "shots"));
    run->seed = (int)json_integer_value(json_object_get(spec, "seed"));
    json_object_del(spec, "params");
    json_object_del(spec, "shots");
    json_object_del(spec, "seed");
}

static struct plan make_plan(void)
{
    for (int i = 0; i < 6; i++)
        runs[i] = (struct plan_run){.state = PLAN_WANTED, .needs = NO_NEEDS};
    give(&runs[0], bank_spec("train"));
    give(&runs[1], bank_spec("test"));
    give(&runs[2], train_spec("zero-shot", 0, 0, 0));
    give(&runs[3], train_spec("rlp", 1, 16, 1));
    give(&runs[4], train_spec("rlp", 2, 16, 1));
    give(&runs[5], train_spec("coop", 0, 16, 1));
    for (int i = 2; i < 6; i++) {
        runs[i].needs[NEED_TRAIN_BANK] = i == 2 ? -1 : 0;
        runs[i].needs[NEED_TEST_BANK] = 1;
    }
    runs[5].seconds = 9;
    return (struct plan){.runs = runs, .n = 6, .wanted = 6};
}

static void free_specs(void)
{
    for (int i = 0; i < 6; i++) {
        json_decref(runs[i].common);
        json_decref(runs[i].params);
    }
}

static void banks_first_then_long_runs_once_their_banks_are_done(void **state)
{
    (void)state;
    struct plan p = make_plan();
    struct queue q;
    queue_init(&q, &p);
    assert_int_equal(queue_width(&q, 8), 2);
    assert_int_equal(queue_next(&q), 0);
    assert_int_equal(queue_next(&q), 1);
    assert_int_equal(queue_next(&q), -1);
    queue_end(&q, 1, true);
    assert_int_equal(queue_next(&q), 2); // needs the test bank only
    assert_int_equal(queue_next(&q), -1);
    queue_end(&q, 0, true);
    assert_int_equal(queue_width(&q, 8), 4);
    assert_int_equal(queue_width(&q, 3), 3);
    assert_int_equal(queue_next(&q), 5); // expected to be long
    assert_int_equal(queue_next(&q), 3);
    assert_int_equal(queue_next(&q), 4);
    assert_int_equal(queue_next(&q), -1);
    assert_int_equal(q.count[TASK_RUNNING], 4);
    for (size_t i = 2; i < 6; i++)
        queue_end(&q, i, i != 3);
    assert_int_equal(q.count[TASK_DONE], 5);
    assert_int_equal(q.count[TASK_FAILED], 1);
    queue_release(&q);
    free_specs();
}

/* Two datasets with a bank each (0, 1), seeds outermost: runs 2 and 3 are seed 1, 4 and 5 seed 2.
 */
static void the_seeds_of_a_cell_stand_together_behind_their_bank(void **state)
{
    (void)state;
    struct plan p = make_plan();
    struct queue q;
    free_specs();
    for (int i = 0; i < 2; i++)
        give(&runs[i], bank_spec(i ? "test" : "train"));
    for (int i = 2; i < 6; i++) {
        give(&runs[i], train_spec(i % 2 ? "rlp" : "coop", i % 2, 16, i < 4 ? 1 : 2));
        runs[i].needs[NEED_TRAIN_BANK] = -1;
        runs[i].needs[NEED_TEST_BANK] = i % 2;
        runs[i].seconds = i == 5 ? 9 : 0; // one seed makes its cell the longest
    }
    queue_init(&q, &p);
    static const size_t want[] = {1, 3, 5, 0, 2, 4};
    assert_int_equal(q.n, 6);
    for (size_t i = 0; i < q.n; i++)
        assert_int_equal(q.order[i], want[i]);
    queue_release(&q);
    free_specs();
}

/* Banks 0 and 1 of two datasets, runs 2 and 3 of the first, 4 and 5 of the second. */
static void the_next_datasets_bank_is_found_while_the_present_one_has_runs(void **state)
{
    (void)state;
    struct plan p = make_plan();
    struct queue q;
    p.banks = 2;
    for (int i = 0; i < 6; i++) {
        bool second = i == 1 || i > 3;
        if (i > 1)
            runs[i].needs[NEED_TRAIN_BANK] = -1, runs[i].needs[NEED_TEST_BANK] = second;
        if (second)
            json_object_set_new(runs[i].common, "dataset", json_string("pocket-shapes"));
        runs[i].seconds = 0;
    }
    queue_init(&q, &p);
    assert_int_equal(queue_ahead(&q), -1); // nothing but banks is ready
    assert_int_equal(queue_peek(&q), 0);
    queue_take(&q, 0);
    queue_end(&q, 0, true);
    assert_int_equal(queue_ahead(&q), 1);
    assert_int_equal(queue_next(&q), 2);
    assert_int_equal(queue_ahead(&q), 1); // run 3 is still to be started
    queue_take(&q, 1);
    assert_int_equal(queue_ahead(&q), -1); // no other bank
    queue_end(&q, 1, true);
    assert_int_equal(queue_ahead(&q), -1); // the next dataset can begin
    queue_back(&q, 2);
    assert_int_equal(queue_next(&q), 2); // in its old place
    assert_int_equal(q.count[TASK_RUNNING], 1);
    queue_release(&q);
    free_specs();
}

static void a_failed_bank_skips_only_what_needs_it(void **state)
{
    (void)state;
    struct plan p = make_plan();
    struct queue q;
    queue_init(&q, &p);
    assert_int_equal(queue_next(&q), 0);
    assert_int_equal(queue_next(&q), 1);
    queue_end(&q, 0, false);
    queue_end(&q, 1, true);
    assert_int_equal(q.count[TASK_SKIPPED], 3);
    assert_int_equal(queue_next(&q), 2);
    assert_int_equal(queue_next(&q), -1);
    queue_release(&q);
    free_specs();
}

/* Run 5 evaluates the result of run 3. */
static struct plan make_eval_plan(void)
{
    struct plan p = make_plan();
    runs[5].needs[NEED_TRAIN_BANK] = -1;
    runs[5].needs[NEED_PROMPT] = 3;
    json_object_set_new(runs[5].common, "job", json_string("eval"));
    json_object_set_new(runs[5].common, "source", json_string("pocket-shapes"));
    return p;
}

static void evaluations_come_last_and_wait_for_their_training(void **state)
{
    (void)state;
    struct plan p = make_eval_plan();
    struct queue q;
    queue_init(&q, &p);
    assert_int_equal(queue_next(&q), 1); // the first run of the plan needs it alone
    assert_int_equal(queue_next(&q), 0);
    queue_end(&q, 0, true);
    queue_end(&q, 1, true);
    assert_int_equal(queue_next(&q), 2); // though run 5 is expected to be longer
    assert_int_equal(queue_next(&q), 3);
    assert_int_equal(queue_next(&q), 4);
    assert_int_equal(queue_next(&q), -1);
    queue_end(&q, 3, true);
    assert_int_equal(queue_next(&q), 5);
    queue_release(&q);
    free_specs();
}

static void a_failed_bank_skips_training_and_its_evaluations(void **state)
{
    (void)state;
    struct plan p = make_eval_plan();
    struct queue q;
    queue_init(&q, &p);
    queue_next(&q);
    queue_next(&q);
    queue_end(&q, 1, true);
    queue_end(&q, 0, false);
    assert_int_equal(q.count[TASK_SKIPPED], 3); // both rlp, and the evaluation of one
    assert_int_equal(queue_next(&q), 2);
    assert_int_equal(queue_next(&q), -1);
    queue_release(&q);
    runs[3].state = PLAN_BLOCKED;
    queue_init(&q, &p);
    assert_int_equal(q.n, 4);
    queue_release(&q);
    free_specs();
}

static void what_is_done_or_blocked_does_not_run(void **state)
{
    (void)state;
    struct plan p = make_plan();
    runs[0].state = PLAN_BLOCKED;
    runs[1].state = PLAN_DONE;
    struct queue q;
    queue_init(&q, &p);
    assert_int_equal(q.n, 1);
    assert_int_equal(queue_next(&q), 2);
    assert_int_equal(queue_next(&q), -1);
    queue_release(&q);
    free_specs();
}

static void threads_fill_the_cores_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(sched_threads(8, 1, 0), 8);
    assert_int_equal(sched_threads(8, 3, 0), 2);
    assert_int_equal(sched_threads(8, 2, 6), 2);
    assert_int_equal(sched_threads(2, 5, 0), 1);
    assert_int_equal(sched_threads(2, 1, 2), 1);
    assert_int_equal(sched_threads(4, 0, 0), 4);
}

static void a_label_says_what_differs(void **state)
{
    (void)state;
    static const char *const want[] = {"pocket-land train images",
                                       "pocket-land test images",
                                       "pocket-land zero-shot",
                                       "pocket-land rlp rank=1 16 shots seed 1",
                                       "pocket-land rlp rank=2 16 shots seed 1",
                                       "pocket-land coop 16 shots seed 1"};
    struct plan p = make_plan();
    struct labels l;
    labels_init(&l, &p);
    for (size_t i = 0; i < 6; i++) {
        char *text = labels_run(&l, &p, &runs[i]);
        assert_string_equal(text, want[i]);
        free(text);
    }
    labels_release(&l);
    free_specs();
}

static void the_label_of_an_evaluation_says_what_it_was_trained_on(void **state)
{
    (void)state;
    struct plan p = make_eval_plan();
    struct labels l;
    labels_init(&l, &p);
    char *text = labels_run(&l, &p, &runs[5]);
    assert_string_equal(text, "pocket-land from pocket-shapes coop 16 shots seed 1");
    free(text);
    labels_release(&l);
    free_specs();
}

static void the_rest_takes_as_long_as_its_kind_did(void **state)
{
    (void)state;
    struct plan p = make_plan();
    struct queue q;
    struct eta t;
    queue_init(&q, &p);
    eta_init(&t, &p);
    assert_true(eta_run(&t, 0) == -1);
    assert_true(eta_left(&t, 0, 3, 0, 0) == -1);
    assert_true(eta_left(&t, 0, 3, 1, 2) == 3);
    assert_true(eta_run(&t, 5) == 9); // as the plan expects
    assert_true(eta_waiting(&t, &q) == -1);
    queue_next(&q);
    queue_end(&q, 0, true);
    eta_took(&t, 0, 2);
    assert_true(eta_run(&t, 1) == 2);
    queue_next(&q);
    queue_end(&q, 1, true);
    queue_next(&q);
    queue_end(&q, 5, true);
    // Of one at work: what is left of that, and when it takes longer, of what it does itself.
    assert_true(eta_left(&t, 0, 0.5, 0, 0) == 1.5);
    assert_true(eta_left(&t, 0, 0.5, 1, 100) == 1.5);
    assert_true(eta_left(&t, 0, 10, 25, 100) == 30);
    assert_true(eta_left(&t, 0, 10, 100, 100) == 0);
    assert_true(eta_left(&t, 0, 10, 0, 0) == 0);

    eta_took(&t, 5, 5);
    assert_true(eta_run(&t, 5) == 5);
    assert_true(eta_run(&t, 3) == 5);          // no rlp has ended: as other training
    assert_true(eta_waiting(&t, &q) == 3 * 5); // zero-shot and two rlp
    eta_release(&t);
    queue_release(&q);
    free_specs();
}

static void durations_and_widths_are_for_people(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.04, "0.0 s"}, {9.9, "9.9 s"},      {9.96, "10 s"}, {59.4, "59 s"},
                 {59.6, "1:00"},  {3599.9, "1:00:00"}, {185, "3:05"},  {8100, "2:15:00"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];
        progress_seconds(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
    assert_int_equal(progress_fit("abc", 5), 3);
    assert_int_equal(progress_fit("abcdef", 5), 5);
    assert_int_equal(progress_fit("a\xc3\xa9\xc3\xa9"
                                  "b",
                                  2),
                     3); // no half of a character
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(banks_first_then_long_runs_once_their_banks_are_done),
        cmocka_unit_test(the_seeds_of_a_cell_stand_together_behind_their_bank),
        cmocka_unit_test(the_next_datasets_bank_is_found_while_the_present_one_has_runs),
        cmocka_unit_test(a_failed_bank_skips_only_what_needs_it),
        cmocka_unit_test(evaluations_come_last_and_wait_for_their_training),
        cmocka_unit_test(a_failed_bank_skips_training_and_its_evaluations),
        cmocka_unit_test(what_is_done_or_blocked_does_not_run),
        cmocka_unit_test(threads_fill_the_cores_and_no_more),
        cmocka_unit_test(a_label_says_what_differs),
        cmocka_unit_test(the_label_of_an_evaluation_says_what_it_was_trained_on),
        cmocka_unit_test(the_rest_takes_as_long_as_its_kind_did),
        cmocka_unit_test(durations_and_widths_are_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
