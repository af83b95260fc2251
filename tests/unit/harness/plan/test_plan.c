/* The plan from facts: specs, shared banks, states and reasons; and once from real files. */
#include "harness/plan/plan_case.h"

static void every_spec_is_whole_and_banks_come_first(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p, TOP "dataset: dtd\nmethod: [zero-shot, coop]\nseed: [1, 2]\nviews: none\n", &fake);
    assert_int_equal(p.n, 5);
    assert_int_equal(p.banks, 2);
    assert_int_equal(p.wanted, 5);
    for (size_t i = 0; i < p.n; i++) {
        assert_whole(&p, i);
        assert_string_equal(key(&p, i, "job"), i < 2 ? "encode" : "train");
        assert_string_equal(p.runs[i].why, "no result");
        assert_string_equal(p.runs[i].weights, "/w");
        assert_string_equal(p.runs[i].folder, "/d");
        for (int k = 0; k < NEEDS; k++)
            assert_true(p.runs[i].needs[k] < (int)p.banks);
    }
    assert_int_equal(p.runs[2].needs[NEED_TRAIN_BANK], -1); // zero-shot reads no train bank
    assert_string_equal(key(&p, (size_t)p.runs[2].needs[NEED_TEST_BANK], "part"), "test");
    assert_string_equal(key(&p, (size_t)p.runs[3].needs[NEED_TRAIN_BANK], "part"), "train");
    assert_int_equal(p.runs[3].needs[NEED_TRAIN_BANK],
                     p.runs[4].needs[NEED_TRAIN_BANK]); // seeds share the whole split
    assert_string_equal(key(&p, 3, "method"), p.recipe->runs[3 - p.banks].method);
    plan_release(&p);
}

static void zero_shot_gets_the_datasets_template(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p, TOP "dataset: dtd\nmethod: [zero-shot, {zero-shot: {template: 'a {}.'}}]\n", &fake);
    assert_int_equal(p.n, 3);
    json_t *params = p.runs[1].params;
    assert_string_equal(json_string_value(json_object_get(params, "template")), "{} texture.");
    params = p.runs[2].params;
    assert_string_equal(json_string_value(json_object_get(params, "template")), "a {}.");
    plan_release(&p);
}

static void runs_that_resolve_to_one_spec_are_one(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p,
          TOP
          "dataset: [dtd, sun397]\nmethod: [zero-shot, {zero-shot: {template: '{} texture.'}}]\n",
          &fake);
    assert_int_equal(p.recipe->n, 3);
    assert_int_equal(p.n, 2 + 3);
    for (size_t i = 0; i < p.recipe->n; i++)
        assert_string_equal(key(&p, p.banks + i, "dataset"), p.recipe->runs[i].dataset);
    plan_release(&p);
}

static void fresh_and_large_splits_have_banks_of_their_picks(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p, TOP "dataset: dtd\nmethod: [coop, {rlp: {rank: [1, 2]}}]\nseed: [1, 2]\n", &fake);
    assert_int_equal(p.banks, 1 + 2); // test, and one for each seed that all methods share
    plan_release(&p);
    build(&p, TOP "dataset: sun397\nmethod: coop\nseed: [1, 2]\nviews: none\n", &fake);
    assert_int_equal(p.banks, 1 + 2);
    assert_string_equal(key(&p, 0, "cover"), "picks");
    plan_release(&p);
}

static void methods_that_validate_need_a_third_bank(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p, TOP "dataset: dtd\nmethod: [coop, linear-probe, tip-adapter]\nviews: none\n", &fake);
    assert_int_equal(p.banks, 3); // one of each part, shared
    assert_int_equal(p.runs[3].needs[NEED_VAL_BANK], -1);
    for (int i = 4; i < 6; i++) {
        int val = p.runs[i].needs[NEED_VAL_BANK];
        assert_true(val >= 0);
        assert_string_equal(key(&p, (size_t)val, "part"), "val");
        assert_string_equal(key(&p, (size_t)val, "cover"), "all");
    }
    plan_release(&p);
}

static void a_folder_is_named_by_its_last_part(void **state)
{
    (void)state;
    struct plan p, q;
    struct fake fake = {0};
    build(&p,
          "recipe: x\nprotocol: few-shot\nbackbone: /some/folder/mine/\ndataset: dtd\n"
          "method: coop\n",
          &fake);
    assert_string_equal(key(&p, 0, "backbone"), "mine");
    build(&q, TOP "dataset: dtd\nmethod: coop\n", &fake);
    assert_string_not_equal(p.runs[0].id, q.runs[0].id);
    plan_release(&p);
    plan_release(&q);
}

static const char two_seeds[] = TOP "dataset: dtd\nmethod: coop\nseed: [1, 2]\nviews: none\n";

/* A plan of two_seeds where run i (0, 1 banks; 2, 3 runs) had the given states before. */
static void replan(struct plan *p, struct fake *fake, const char *const states[4])
{
    struct plan first;
    build(&first, two_seeds, fake);
    for (size_t i = 0; i < 4; i++)
        if (states[i])
            know(fake, &first, i, states[i], "loss is not finite", NULL);
    plan_release(&first);
    build(p, two_seeds, fake);
}

static void reasons_tell_what_happened_before(void **state)
{
    (void)state;
    static const struct {
        const char *state, *why;
    } cases[] = {
        {"failed", "failed before: loss is not finite"},
        {"cancelled", "cancelled before"},
        {"lost", "lost: its scheduler died"},
        {"running", "running now"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan p;
        struct fake fake = {0};
        replan(&p, &fake, (const char *const[4]){NULL, NULL, cases[i].state, NULL});
        assert_int_equal(p.runs[2].state, PLAN_WANTED);
        assert_string_equal(p.runs[2].why, cases[i].why);
        assert_string_equal(p.runs[3].why, "no result");
        plan_release(&p);
    }
}

static void what_is_done_is_not_run_again(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {.banks = true};
    replan(&p, &fake, (const char *const[4]){"done", "done", "done", NULL});
    assert_int_equal(p.done, 3);
    assert_int_equal(p.wanted, 1);
    assert_string_equal(p.runs[0].why, "done");
    assert_string_equal(p.runs[2].why, "done");
    assert_true(p.runs[2].seconds == 7);
    assert_int_equal(p.runs[3].state, PLAN_WANTED);
    plan_release(&p);
}

static void a_bank_without_its_file_is_made_again_only_when_needed(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    replan(&p, &fake, (const char *const[4]){"done", "done", "done", NULL});
    assert_int_equal(p.runs[0].state, PLAN_WANTED);
    assert_string_equal(p.runs[0].why, "its file is gone");
    plan_release(&p);
    struct fake all = {0};
    replan(&p, &all, (const char *const[4]){"done", NULL, "done", "done"});
    assert_int_equal(p.done, 4);
    assert_int_equal(p.wanted, 0);
    assert_string_equal(p.runs[0].why, "not needed: its runs are done");
    assert_string_equal(p.runs[1].why, "not needed: its runs are done");
    plan_release(&p);
}

static void a_change_of_code_is_told_and_changes_nothing(void **state)
{
    (void)state;
    struct plan first, p;
    struct fake fake = {.banks = true};
    build(&first, two_seeds, &fake);
    know(&fake, &first, 2, "done", NULL, "1111111111111111111111111111111111111111");
    know(&fake, &first, 3, "done", NULL, "2222222222222222222222222222222222222222");
    plan_release(&first);
    build(&p, two_seeds, &fake);
    assert_int_equal(p.runs[2].state, PLAN_DONE);
    assert_string_equal(p.runs[2].why, "done; code changed since: 1111111111");
    assert_string_equal(p.runs[3].why, "done");
    plan_release(&p);
}

static void what_is_missing_blocks_its_runs_only(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p,
          "recipe: x\nprotocol: few-shot\nbackbone: [pocket, vit-b16]\n"
          "dataset: [dtd, caltech101, eurosat]\nmethod: coop\n",
          &fake);
    static const char *const whys[] = {
        "no result",
        "missing: dataset 'caltech101'",
        "unusable: dataset 'eurosat'",
        "missing: backbone 'vit-b16'",
        "missing: backbone 'vit-b16'; missing: dataset 'caltech101'",
        "missing: backbone 'vit-b16'; unusable: dataset 'eurosat'",
    };
    assert_int_equal(p.n, 2 + 6);
    assert_int_equal(p.blocked, 5);
    assert_int_equal(p.wanted, 3);
    for (size_t i = 0; i < 6; i++) {
        const struct plan_run *run = &p.runs[2 + i];
        assert_string_equal(run->why, whys[i]);
        assert_int_equal(run->state, i ? PLAN_BLOCKED : PLAN_WANTED);
        assert_int_equal(*run->id == 0, i > 0);
    }
    assert_string_equal(p.missing->data, "backbone 'vit-b16' was not found\n"
                                         "dataset 'caltech101' was not found\n"
                                         "dataset 'eurosat': no JSON\n");
    plan_release(&p);
}

static void costs_are_asked_once_a_shape_and_once_for_all_seeds(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    struct err e = {0};
    const struct plan_past past = {&fake, fake_shape, fake_family};
    build(&p,
          TOP "dataset: dtd\nmethod: {coop: {context: [known, unknown]}}\nseed: [1, 2, 3, 4]\n"
              "shots: [1, 16]\nviews: none\n",
          &fake);
    assert_ok(plan_expect_from(&p, &past, &e), &e);
    assert_int_equal(p.n, 2 + 16);
    assert_int_equal(fake.shapes, 2 + 2);
    assert_int_equal(fake.families, 2); // nothing is known of one shot
    for (size_t i = p.banks; i < p.n; i++) {
        const struct grid_run *r = p.runs[i].grid;
        bool known = str_eq(json_string_value(json_object_get(r->params, "context")), "known");
        assert_true(p.runs[i].seconds == (r->shots == 1 ? 0 : known ? 4 : 2.5));
        assert_true(p.runs[i].memory == (r->shots == 1 ? 0 : 100));
        assert_true(p.runs[i].bytes == (r->shots == 1 ? 0 : 10));
    }
    plan_release(&p);
}

/* ---- evaluations ---- */

/* The wanted runs as "job dataset why" lines, banks left out. */

static void json_has_every_key_in_every_object(void **state)
{
    (void)state;
    struct plan p;
    struct fake fake = {0};
    build(&p, TOP "dataset: [dtd, caltech101]\nmethod: [zero-shot, coop]\n", &fake);
    for (size_t i = 0; i < p.n; i++) {
        json_t *item = plan_json(&p, i);
        static const char *const keys[] = {
            "run",      "job",    "dataset", "method",   "shots",   "seed",  "state", "why",
            "protocol", "params", "views",   "backbone", "seconds", "banks", "train", "source"};
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            assert_non_null(json_object_get(item, keys[k]));
        assert_string_equal(json_string_value(json_object_get(item, "why")), p.runs[i].why);
        assert_int_equal(json_is_null(json_object_get(item, "run")),
                         p.runs[i].state == PLAN_BLOCKED);
        json_decref(item);
    }
    json_t *item = plan_json(&p, p.banks + 2); // coop on dtd
    assert_string_equal(json_string_value(json_object_get(item, "method")), "coop");
    json_t *banks = json_object_get(item, "banks");
    assert_int_equal(json_array_size(banks), 2);
    assert_string_equal(json_string_value(json_array_get(banks, 0)),
                        p.runs[p.runs[p.banks + 2].needs[NEED_TRAIN_BANK]].id);
    json_decref(item);
    plan_release(&p);
}

static void the_quick_recipe_can_run_from_the_repository(void **state)
{
    (void)state;
    struct plan p;
    struct roots roots;
    struct err e = {0};
    setenv("PROMPTGRID_HOME", ".", 1);
    unsetenv("PROMPTGRID_DATA");
    assert_ok(roots_open(&roots, NULL, 0, &e), &e);
    assert_ok(plan_load(&p, "recipes/quick.yaml", &roots, NULL, case_folder, &e), &e);
    assert_int_equal(p.banks, 10);
    assert_int_equal(p.wanted, 170);
    assert_string_equal(p.missing->data, "");
    char hash[HASH_HEX];
    assert_ok(hash_file(hash, "recipes/pocket/bpe_pocket.txt", &e), &e);
    assert_string_equal(key(&p, 10, "bpe"), hash);
    assert_ok(hash_file(hash, "recipes/pocket/model.safetensors", &e), &e);
    assert_string_equal(key(&p, 0, "weights"), hash);
    plan_release(&p);

    assert_ok(plan_load(&p, "recipes/rlp-base-to-new.yaml", &roots, NULL, case_folder, &e), &e);
    assert_int_equal(p.blocked, 143);
    assert_non_null(strstr(p.missing->data, "backbone 'vit-b16' was not found"));
    assert_non_null(strstr(p.missing->data, "dataset 'sun397' was not found"));
    plan_release(&p);
    roots_release(&roots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spec_is_whole_and_banks_come_first),
        cmocka_unit_test(zero_shot_gets_the_datasets_template),
        cmocka_unit_test(runs_that_resolve_to_one_spec_are_one),
        cmocka_unit_test(fresh_and_large_splits_have_banks_of_their_picks),
        cmocka_unit_test(methods_that_validate_need_a_third_bank),
        cmocka_unit_test(a_folder_is_named_by_its_last_part),
        cmocka_unit_test(reasons_tell_what_happened_before),
        cmocka_unit_test(what_is_done_is_not_run_again),
        cmocka_unit_test(a_bank_without_its_file_is_made_again_only_when_needed),
        cmocka_unit_test(a_change_of_code_is_told_and_changes_nothing),
        cmocka_unit_test(what_is_missing_blocks_its_runs_only),
        cmocka_unit_test(costs_are_asked_once_a_shape_and_once_for_all_seeds),
        cmocka_unit_test(json_has_every_key_in_every_object),
        cmocka_unit_test(the_quick_recipe_can_run_from_the_repository),
    };
    return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
