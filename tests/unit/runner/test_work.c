/* What a job starts from: class names as prompts read them, and torch's draws. */
#include "job_case.h"

#include "core/method/context.h"
#include "runner/work.h"

enum { IMAGES = 5 };

/* Logits of random images for the classes of a dataset that is named so; yours to free(). */
static float *logits_of(char *const *names, int K, const char *method)
{
    struct job_case c;
    struct work w;
    struct rng r;
    struct err e;
    case_open(&c, names, K, "few-shot", "none", method, "");
    assert_ok(work_open(&w, &c.job, &e), &e);
    assert_ok(work_files(&w, &e), &e);
    assert_ok(work_learner(&w, K, &r, &e), &e);
    assert_ok(learner_classes(&w.learner, w.names, K, false, &e), &e);
    float *images = case_features("test", 1, IMAGES);
    float *out = mem_alloc((size_t)(IMAGES * K), sizeof *out);
    w.method->logits(&w.learner, images, IMAGES, out);
    assert_ok(device_sync(w.device, &e), &e);
    free(images);
    work_release(&w);
    case_close(&c);
    return out;
}

static void an_underscore_of_a_class_name_is_a_space_in_prompts(void **unused)
{
    (void)unused;
    char a[] = "lake_of_salt", b[] = "lake of salt", c[] = "sea";
    char *const written[] = {a, c}, *const meant[] = {b, c};
    float *got = logits_of(written, 2, "coop"), *want = logits_of(meant, 2, "coop");
    assert_memory_equal(got, want, 2 * IMAGES * sizeof *got);
    assert_true(got[0] != got[1]);
    free(got);
    free(want);
    // TaskRes's reference reads names as the dataset has them.
    got = logits_of(written, 2, "taskres");
    want = logits_of(meant, 2, "taskres");
    assert_memory_not_equal(got, want, 2 * IMAGES * sizeof *got);
    free(got);
    free(want);
}

/* tests/oracle/start: the first 8 numbers of each of 4 vectors. */
static void read_numbers(int seed, float out[4][8])
{
    struct err e;
    char *text, *line, *prefix = str_format("coop %d 32 ", seed);
    assert_ok(fs_read(&text, NULL, "tests/oracle/start/numbers.txt", 1 << 20, &e), &e);
    line = strstr(text, prefix);
    assert_non_null(line);
    line += strlen(prefix);
    for (int i = 0; i < 32; i++)
        out[i / 8][i % 8] = strtof(line, &line);
    free(prefix);
    free(text);
}

static void a_random_context_is_what_torch_draws_after_building_clip(void **unused)
{
    (void)unused;
    static const int seeds[] = {1, 3};
    char a[] = "lake", b[] = "sea";
    char *const names[] = {a, b};
    for (int s = 0; s < 2; s++) {
        struct job_case c;
        struct work w;
        struct rng r;
        struct err e;
        float want[4][8];
        read_numbers(seeds[s], want);
        case_open(&c, names, 2, "few-shot", "none", "coop", "context=;length=4");
        json_object_set_new(c.spec, "seed", json_integer(seeds[s]));
        assert_ok(work_open(&w, &c.job, &e), &e);
        assert_ok(work_files(&w, &e), &e);
        assert_ok(work_learner(&w, 2, &r, &e), &e);
        assert_int_equal(w.learner.n, 4 * CASE_DIM);
        for (size_t i = 0; i < 4; i++)
            assert_near(w.learner.parameters + i * CASE_DIM, want[i], 8, 1e-6);
        work_release(&w);
        case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_underscore_of_a_class_name_is_a_space_in_prompts),
        cmocka_unit_test(a_random_context_is_what_torch_draws_after_building_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
