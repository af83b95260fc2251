/* The eval job against the training job: on the source itself, a result that is read back predicts
 * what it did when it was trained, for every method whose result can move. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/proto/event.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <sys/mman.h>

#define DATASET "pocket-land"
#define POCKET "recipes/pocket/"
#define WEIGHTS POCKET "model.safetensors"
#define MERGES POCKET "bpe_pocket.txt"
#define FOLDER POCKET "data/" DATASET

static char *home, *train_bank, *test_bank, *prompt;

/* A parameter's value from a test's own text, its default, or, where that is the dataset's, a
 * template. */
static json_t *param(const struct method_key *key, const char *text)
{
    text = text ? text : key->preset ? key->preset : "a photo of a {}.";
    if (key->type == KEY_INT)
        return json_integer(strtol(text, NULL, 10));
    return key->type == KEY_REAL ? json_real(strtod(text, NULL)) : json_string(text);
}

/* `own`: "key=value;key=value". */
static json_t *make_params(const char *method, const char *own)
{
    json_t *params = json_object();
    for (const struct method_key *k = method_find(method)->keys; k->name; k++)
        json_object_set_new(params, k->name, param(k, NULL));
    char *copy = strdup(own), *save, *item = strtok_r(copy, ";", &save);
    for (; item; item = strtok_r(NULL, ";", &save)) {
        char *value = strchr(item, '=');
        *value++ = 0;
        const struct method_key *key = method_key_find(method_find(method), item);
        assert_non_null(key);
        json_object_set_new(params, item, param(key, value));
    }
    free(copy);
    return params;
}

static json_t *make_train(const char *method, const char *own)
{
    struct err e;
    char weights[HASH_HEX], split[HASH_HEX], bpe[HASH_HEX];
    assert_ok(hash_file(weights, WEIGHTS, &e), &e);
    assert_ok(hash_file(split, FOLDER "/split_zhou_" DATASET ".json", &e), &e);
    assert_ok(hash_file(bpe, MERGES, &e), &e);
    json_t *spec = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:s}", "version",
        SPEC_VERSION, "job", "train", "backbone", "pocket", "weights", weights, "dataset", DATASET,
        "split", split, "precision", "fp32", "views", "none", "protocol", "few-shot", "method",
        method, "shots", 2, "seed", 3, "params", make_params(method, own), "bpe", bpe);
    assert_ok(spec_check(spec, &e), &e);
    return spec;
}

/* The evaluation of `train`'s result on its own dataset. */
static json_t *make_eval(const json_t *train)
{
    struct err e;
    char id[HASH_HEX];
    json_t *spec = json_deep_copy(train);
    spec_id(train, id);
    json_object_set_new(spec, "job", json_string("eval"));
    json_object_set_new(spec, "protocol", json_string("cross-dataset"));
    json_object_set_new(spec, "source", json_string(DATASET));
    json_object_set_new(spec, "train", json_string(id));
    assert_ok(spec_check(spec, &e), &e);
    return spec;
}

static struct job make_job(json_t *spec)
{
    return (struct job){.spec = spec,
                        .threads = 2,
                        .weights = WEIGHTS,
                        .bpe = MERGES,
                        .dataset = FOLDER,
                        .train_bank = train_bank,
                        .test_bank = test_bank,
                        .out = prompt,
                        .prompt = prompt};
}

static int setup(void **state)
{
    (void)state;
    static const char *const parts[] = {"train", "test"};
    home = t_folder();
    train_bank = fs_join(home, "train");
    test_bank = fs_join(home, "test");
    prompt = fs_join(home, "prompt");
    json_t *train = make_train("coop", "");
    for (int i = 0; i < 2; i++) {
        struct err e = {0};
        json_t *spec = spec_bank(train, parts[i], 240);
        struct job job = make_job(spec);
        job.out = i ? test_bank : train_bank;
        assert_ok(encode_job(&job, &e), &e);
        json_decref(spec);
    }
    json_decref(train);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char *files[] = {train_bank, test_bank, prompt};
    for (int i = 0; i < 3; i++) {
        unlink(files[i]);
        free(files[i]);
    }
    rmdir(home);
    free(home);
    return 0;
}

/* The lines of "metric" and "prediction" that the job sends, yours to free(). */
static char *results_of(int (*carry_out)(const struct job *job, struct err *e), json_t *spec)
{
    struct err e = {0};
    struct str out = STR_INIT;
    struct job job = make_job(spec);
    int fd = memfd_create("events", MFD_CLOEXEC);
    event_open(fd);
    assert_ok(carry_out(&job, &e), &e);
    event_open(-1);
    lseek(fd, 0, SEEK_SET);
    FILE *file = fdopen(fd, "r");
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0)
        if (strstr(line, "\"metric\"") || strstr(line, "\"prediction\""))
            str_add(&out, line);
    free(line);
    fclose(file);
    return str_detach(&out);
}

static void a_result_read_back_predicts_what_it_did_after_training(void **state)
{
    (void)state;
    static const struct {
        const char *method, *own;
    } cases[] = {
        {"coop", "epochs=2"},
        {"coop", "epochs=2;context=;length=3;position=middle;rank=2;lr=0.1"},
        {"rlp", "epochs=2;rank=2;lr=0.5"},
        {"cocoop", "epochs=1;batch=8"},
        {"kgcoop", "epochs=2;batch=8"},
        {"prograd", "epochs=2;batch=8"},
        {"clip-adapter", "epochs=2;batch=8;lr=0.1"},
        {"maple", "epochs=1;batch=8;depth=2"},
        {"promptsrc", "epochs=2;batch=8;depth=2"},
        {"ivlp", "epochs=1;batch=8;depth=2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *train = make_train(cases[i].method, cases[i].own), *eval = make_eval(train);
        char *trained = results_of(train_job, train), *tested = results_of(eval_job, eval);
        assert_non_null(strstr(tested, "\"accuracy\""));
        assert_string_equal(tested, trained);
        free(tested);
        free(trained);
        json_decref(eval);
        json_decref(train);
    }
}

static void refused(json_t *eval, int code, const char *want)
{
    struct err e = {0};
    struct job job = make_job(eval);
    char *text = str_format("the training run's result: '%s%s", prompt, want);
    assert_int_equal(eval_job(&job, &e), code);
    if (!str_starts(e.text, text))
        fail_msg("'%s' does not start with '%s'", e.text, text);
    free(text);
}

static void a_result_of_another_run_or_none_is_refused(void **state)
{
    (void)state;
    json_t *train = make_train("coop", "epochs=1"), *eval = make_eval(train);
    json_t *other = make_train("coop", "epochs=2"), *other_eval = make_eval(other);
    char id[2][HASH_HEX];
    free(results_of(train_job, train));
    spec_id(train, id[0]);
    spec_id(other, id[1]);
    char *want = str_format("' is the result of run '%.12s', expected that of run '%.12s'; plan "
                            "again",
                            id[0], id[1]);
    refused(other_eval, ERR_CORRUPT, want);
    free(want);
    assert_int_equal(truncate(prompt, 100), 0);
    refused(eval, ERR_CORRUPT, "': ");
    unlink(prompt);
    struct err e = {0};
    struct job job = make_job(eval);
    want = str_format("the training run's result: unable to open '%s': No such file or directory",
                      prompt);
    assert_true(eval_job(&job, &e) < 0);
    assert_text(&e, want);
    free(want);
    json_decref(other_eval);
    json_decref(other);
    json_decref(eval);
    json_decref(train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_read_back_predicts_what_it_did_after_training),
        cmocka_unit_test(a_result_of_another_run_or_none_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
