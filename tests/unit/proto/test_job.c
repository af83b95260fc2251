/* Job files: whole ones are read, others are refused with what is wrong. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/proto/job.h"
#include "core/proto/spec.h"

static char *folder, *path;

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    path = fs_join(folder, "job.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(folder);
    free(path);
    free(folder);
    return 0;
}

static json_t *make_job(const char *method)
{
    char hash[HASH_HEX], id[HASH_HEX];
    hash_bytes(hash, "x", 1);
    json_t *spec = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:{s:i}}", "version",
        SPEC_VERSION, "job", "train", "backbone", "pocket", "weights", hash, "bpe", hash, "dataset",
        "pocket-land", "split", hash, "precision", "fp32", "views", "none", "protocol", "few-shot",
        "shots", 4, "seed", 1, "params", "epochs", 3);
    json_object_set_new(spec, "method", json_string(method));
    spec_id(spec, id);
    return json_pack("{s:s, s:o, s:i, s:{s:s, s:s, s:s, s:s, s:s, s:s}}", "run", id, "spec", spec,
                     "threads", 2, "paths", "weights", "/w", "bpe", "/b", "dataset", "/d", "out",
                     "/o", "train_bank", "/t", "test_bank", "/e");
}

static int load(json_t *root, struct job *job, struct err *e)
{
    char *text = spec_text(root);
    struct err w = {0};
    assert_ok(fs_write(path, text, strlen(text), &w), &w);
    free(text);
    json_decref(root);
    return job_read(job, path, e);
}

static void refused(json_t *root, int code, const char *want)
{
    struct job job;
    struct err e = {0};
    char *text = str_format("job file '%s': %s", path, want);
    assert_int_equal(load(root, &job, &e), code);
    assert_text(&e, text);
    assert_null(job.root);
    free(text);
}

static void a_whole_job_is_read(void **state)
{
    (void)state;
    struct job job;
    struct err e = {0};
    assert_ok(load(make_job("coop"), &job, &e), &e);
    assert_int_equal(job.threads, 2);
    assert_string_equal(job.weights, "/w");
    assert_string_equal(job.bpe, "/b");
    assert_string_equal(job.dataset, "/d");
    assert_string_equal(job.out, "/o");
    assert_string_equal(job.train_bank, "/t");
    assert_string_equal(job.test_bank, "/e");
    assert_string_equal(spec_get_text(job.spec, "method"), "coop");
    assert_null(job.checkpoint);
    assert_int_equal(job.checkpoint_every, CHECKPOINT_EVERY);
    assert_string_equal(job.device, "cpu");
    job_release(&job);
}

static void a_job_may_keep_checkpoints(void **state)
{
    (void)state;
    struct job job;
    struct err e = {0};
    json_t *root = make_job("coop");
    json_object_set_new(json_object_get(root, "paths"), "checkpoint", json_string("/c"));
    json_object_set_new(root, "checkpoint_every", json_integer(0));
    assert_ok(load(root, &job, &e), &e);
    assert_string_equal(job.checkpoint, "/c");
    assert_int_equal(job.checkpoint_every, 0);
    job_release(&job);
}

static void a_job_may_name_its_device(void **state)
{
    (void)state;
    struct job job;
    struct err e = {0};
    json_t *root = make_job("coop");
    json_object_set_new(root, "device", json_string("cuda:1"));
    assert_ok(load(root, &job, &e), &e);
    assert_string_equal(job.device, "cuda:1");
    job_release(&job);
    root = make_job("coop");
    json_object_set_new(root, "device", json_integer(1));
    refused(root, ERR_PARSE, "'device' is no text");
}

static json_t *make_eval_job(void)
{
    char id[HASH_HEX];
    json_t *root = make_job("coop"), *spec = json_object_get(root, "spec");
    json_t *paths = json_object_get(root, "paths");
    json_object_set(spec, "train", json_object_get(root, "run"));
    json_object_set_new(spec, "job", json_string("eval"));
    json_object_set_new(spec, "source", json_string("pocket-shapes"));
    json_object_set_new(spec, "protocol", json_string("cross-dataset"));
    spec_id(spec, id);
    json_object_set_new(root, "run", json_string(id));
    json_object_del(paths, "out");
    json_object_del(paths, "train_bank");
    json_object_set_new(paths, "prompt", json_string("/p"));
    return root;
}

static void an_evaluation_needs_a_prompt_and_makes_no_file(void **state)
{
    (void)state;
    struct job job;
    struct err e = {0};
    assert_ok(load(make_eval_job(), &job, &e), &e);
    assert_string_equal(job.prompt, "/p");
    assert_string_equal(job.test_bank, "/e");
    assert_null(job.out);
    job_release(&job);
    json_t *root = make_eval_job();
    json_object_del(json_object_get(root, "paths"), "prompt");
    refused(root, ERR_PARSE, "path 'prompt' is missing");
}

static void a_method_that_validates_needs_a_val_bank(void **state)
{
    (void)state;
    struct job job;
    struct err e = {0};
    json_t *root = make_job("linear-probe");
    json_object_set_new(json_object_get(root, "paths"), "val_bank", json_string("/v"));
    assert_ok(load(root, &job, &e), &e);
    assert_string_equal(job.val_bank, "/v");
    job_release(&job);
    refused(make_job("tip-adapter"), ERR_PARSE, "path 'val_bank' is missing");
}

static void a_method_on_pixels_needs_no_bank(void **state)
{
    (void)state;
    struct job job;
    struct err e = {0};
    json_t *root = make_job("maple");
    json_object_del(json_object_get(root, "paths"), "train_bank");
    json_object_del(json_object_get(root, "paths"), "test_bank");
    assert_ok(load(root, &job, &e), &e);
    assert_null(job.train_bank);
    assert_null(job.test_bank);
    job_release(&job);
}

static void a_method_that_does_not_train_needs_no_train_bank(void **state)
{
    (void)state;
    struct job job;
    struct err e = {0};
    json_t *root = make_job("zero-shot");
    json_object_del(json_object_get(root, "paths"), "train_bank");
    assert_ok(load(root, &job, &e), &e);
    assert_null(job.train_bank);
    job_release(&job);

    root = make_job("coop");
    json_object_del(json_object_get(root, "paths"), "train_bank");
    refused(root, ERR_PARSE, "path 'train_bank' is missing");
}

static void a_wrong_job_is_refused(void **state)
{
    (void)state;
    json_t *root = make_job("coop");
    json_object_set_new(json_object_get(root, "spec"), "seed", json_integer(2));
    struct job job;
    struct err e = {0};
    assert_int_equal(load(root, &job, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "but the spec's id is"));

    root = make_job("coop");
    json_object_set_new(root, "threads", json_integer(0));
    refused(root, ERR_RANGE, "'threads' is 0, expected 1 to 4096");
    root = make_job("coop");
    json_object_set_new(root, "threads", json_string("2"));
    refused(root, ERR_PARSE, "'threads' is no whole number");
    root = make_job("coop");
    json_object_set_new(root, "checkpoint_every", json_integer(-1));
    refused(root, ERR_RANGE, "'checkpoint_every' is -1, expected 0 to 2147483647");
    root = make_job("coop");
    json_object_set_new(root, "shell", json_string("rm"));
    refused(root, ERR_PARSE, "expected the keys 'run', 'spec', 'threads' and 'paths'");
    root = make_job("coop");
    json_object_set_new(json_object_get(root, "paths"), "other", json_string("/x"));
    refused(root, ERR_PARSE, "'paths' holds an unknown key");
    root = make_job("coop");
    json_object_set_new(json_object_get(root, "paths"), "out", json_integer(3));
    refused(root, ERR_PARSE, "path 'out' is no text");
    refused(make_job("prompts"), ERR_MISSING, "unknown method 'prompts'");
}

static void a_runner_waits_for_its_turn(void **state)
{
    (void)state;
    int ends[2];
    assert_true(job_wait(-1));
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "", 1), 1);
    assert_true(job_wait(ends[0]));
    close(ends[1]);
    assert_false(job_wait(ends[0])); // nobody is there any more
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_job_is_read),
        cmocka_unit_test(a_job_may_keep_checkpoints),
        cmocka_unit_test(a_job_may_name_its_device),
        cmocka_unit_test(an_evaluation_needs_a_prompt_and_makes_no_file),
        cmocka_unit_test(a_method_that_validates_needs_a_val_bank),
        cmocka_unit_test(a_method_on_pixels_needs_no_bank),
        cmocka_unit_test(a_method_that_does_not_train_needs_no_train_bank),
        cmocka_unit_test(a_wrong_job_is_refused),
        cmocka_unit_test(a_runner_waits_for_its_turn),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
