/* Prompts from files in a plan: what refuses them, and what of them names a run. That the runner
 * looks into files is in cli/test_checkpoint.sh. */
#include "t.h"

#include "core/base/str.h"
#include "harness/plan/label.h"
#include "harness/plan/plan_file.h"

static struct grid_run make_run(const char *protocol, const char *params)
{
    return (struct grid_run){.protocol = protocol,
                             .backbone = "vit-b16",
                             .dataset = "dtd",
                             .method = "checkpoint",
                             .views = "none",
                             .precision = "fp32",
                             .shots = 16,
                             .seed = 3,
                             .line = 7,
                             .params = json_loads(params, 0, NULL)};
}

static struct plan_file make_file(const char *trainer, const char *trainers)
{
    return (struct plan_file){.name = (char *)"x",
                              .path = (char *)"folder/x",
                              .sha256 = "0123456789",
                              .trainer = (char *)trainer,
                              .trainers = json_loads(trainers, 0, NULL)};
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct grid_run r =
        make_run("base-to-new", "{\"trainer\": \"auto\", \"name-position\": \"auto\"}");
    struct plan_file f = make_file("coop", "[\"coop\", \"prograd\", \"rlp\"]");
    assert_ok(plan_file_check(&f, &r, "r.yaml", &e), &e);
    json_object_set_new(r.params, "trainer", json_string("prograd"));
    assert_ok(plan_file_check(&f, &r, "r.yaml", &e), &e);
    json_object_set_new(r.params, "trainer", json_string("maple"));
    assert_int_equal(plan_file_check(&f, &r, "r.yaml", &e), ERR_PARSE);
    assert_text(&e, "r.yaml:7: 'folder/x' is a prompt of CoOp, not of MaPLe");
    json_object_set_new(r.params, "trainer", json_string("auto"));
    f.classes = 24;
    assert_int_equal(plan_file_check(&f, &r, "r.yaml", &e), ERR_PARSE);
    assert_text(&e, "r.yaml:7: 'folder/x' has a context for each of its 24 classes, but protocol "
                    "'base-to-new' tests on others; choose 'few-shot' or exclude it");
    r.protocol = "few-shot";
    assert_ok(plan_file_check(&f, &r, "r.yaml", &e), &e);
    r.source = "imagenet";
    assert_int_equal(plan_file_check(&f, &r, "r.yaml", &e), ERR_PARSE);
    r.source = NULL;
    r.precision = "bf16";
    assert_ok(plan_file_check(&f, &r, "r.yaml", &e), &e);
    f.trainer = (char *)"maple";
    assert_int_equal(plan_file_check(&f, &r, "r.yaml", &e), ERR_PARSE);
    assert_text(&e, "r.yaml:7: a prompt of MaPLe has no precision 'bf16'");
    r.precision = "fp16-storage";
    f.trainer = (char *)"coop";
    assert_ok(plan_file_check(&f, &r, "r.yaml", &e), &e);
    f.trainer = (char *)"cocoop";
    assert_int_equal(plan_file_check(&f, &r, "r.yaml", &e), ERR_PARSE);
    r.precision = "fp32";
    f.own = true;
    json_object_set_new(r.params, "words", json_string("a"));
    assert_int_equal(plan_file_check(&f, &r, "r.yaml", &e), ERR_PARSE);
    json_decref(r.params);
    json_decref(f.trainers);
}

/* What is in the file and how it is read, not where it lies. */
static void content_names_the_run(void **state)
{
    (void)state;
    struct grid_run r = make_run("few-shot", "{\"path\": \"a\", \"name\": \"mine\", \"trainer\": "
                                             "\"auto\", \"name-position\": \"auto\"}");
    struct plan_file f = make_file("coop", "[\"coop\", \"prograd\"]");
    json_t *params = plan_file_params(&f, &r);
    json_t *want = json_pack("{s:s, s:s}", "file", "0123456789", "trainer", "coop");
    assert_true(json_equal(params, want));
    json_decref(params);
    // ProGrad's words are those of its dataset
    r.dataset = "oxford_pets";
    json_object_set_new(r.params, "trainer", json_string("prograd"));
    json_object_set_new(r.params, "name-position", json_string("front"));
    params = plan_file_params(&f, &r);
    assert_string_equal(json_string_value(json_object_get(params, "words")),
                        "a type of pet, a photo of a");
    assert_string_equal(json_string_value(json_object_get(params, "name-position")), "front");
    assert_string_equal(json_string_value(json_object_get(params, "trainer")), "prograd");
    json_decref(params);
    r.source = "food101"; // trained there, whatever is tested
    params = plan_file_params(&f, &r);
    assert_string_equal(json_string_value(json_object_get(params, "words")),
                        "a type of food, a photo of");
    json_decref(params);
    f.problem.code = ERR_MISSING;
    assert_null(plan_file_params(&f, &r));
    json_decref(want);
    json_decref(r.params);
    json_decref(f.trainers);
}

static void names_make_rows(void **state)
{
    (void)state;
    static const char *const ignore[] = {"seed", "shots", NULL};
    struct grid_run a = make_run("few-shot", "{\"path\": \"a\", \"name\": \"CoOp checkpoint\"}");
    struct grid_run b = make_run("few-shot", "{\"path\": \"b\", \"name\": \"CoOp checkpoint\"}");
    struct grid_run c = make_run("few-shot", "{\"path\": \"c\", \"name\": \"of the authors\"}");
    const struct grid_run *runs[] = {&a, &b, &c};
    size_t kinds[3];
    assert_int_equal(labels_kinds(runs, 3, kinds), 2);
    assert_int_equal(kinds[0], kinds[1]);
    assert_int_not_equal(kinds[0], kinds[2]);
    char **labels = labels_rows(runs, 3, ignore);
    assert_string_equal(labels[0], "CoOp checkpoint, path \"a\"");
    assert_string_equal(labels[1], "CoOp checkpoint, path \"b\"");
    assert_string_equal(labels[2], "of the authors");
    for (int i = 0; i < 3; i++) {
        free(labels[i]);
        json_decref(runs[i]->params);
    }
    free(labels);
    struct plan_file f = make_file("maple", "[\"maple\"]");
    struct grid_run r = make_run("few-shot", "{\"trainer\": \"auto\"}");
    char *label = plan_file_label(&f, &r);
    assert_string_equal(label, "MaPLe checkpoint");
    free(label);
    json_object_set_new(r.params, "trainer", json_string("prograd"));
    label = plan_file_label(&f, &r);
    assert_string_equal(label, "ProGrad checkpoint");
    free(label);
    json_decref(r.params);
    json_decref(f.trainers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(content_names_the_run),
        cmocka_unit_test(names_make_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
