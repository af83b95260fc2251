/* CoCoOp against autograd (tests/oracle/context). */
#include "method/steps.h"

#define KEYS(rank, batch)                                                                          \
    "{\"context\": \"a photo of a\", \"length\": 4, \"rank\": " rank ", \"batch\": " batch         \
    ", \"dropout\": 0.1, \"zero\": \"A\", \"std\": 0.02}"

/* A hundred classes: a tree holds two images then. */
static char **many_names(void)
{
    char **names = mem_alloc(STEPS_MANY, sizeof *names);
    for (int i = 0; i < STEPS_MANY; i++)
        names[i] = str_format("%c%c", "abcdefghij"[i / 10], "klmnopqrst"[i % 10]);
    return names;
}

static void free_names(char **names)
{
    for (int i = 0; i < STEPS_MANY; i++)
        free(names[i]);
    free(names);
}

/* A case of B images, then the logits of what it learned, all at once and one by one. */
static void check(const struct steps *s, const char *name, const char *params_text,
                  char *const *names, int K, int B)
{
    struct learner l;
    struct err e;
    json_t *params = steps_params(params_text);
    size_t E = (size_t)s->clip.shape.embed, n = (size_t)(B * K);
    char *key = str_format("cocoop.%s.images", name);
    float *images = oracle_values(key, (size_t)B * E, 1), *logits = mem_alloc(n, sizeof *logits);
    float *single = mem_alloc(n, sizeof *single);
    steps_case(s, &l, name, params, names, K, NULL);
    steps_run(s, &l, name, B);
    assert_ok(learner_classes(&l, names, K, false, &e), &e);
    l.method->logits(&l, images, B, logits);
    assert_ok(device_sync(s->device, &e), &e);
    steps_compare(s, name, "logits", logits, n, 1e-4);
    for (int i = 0; i < B; i++)
        l.method->logits(&l, images + (size_t)i * E, 1, single + i * K);
    assert_near(single, logits, n, 1e-6);
    learner_release(&l);
    json_decref(params);
    free(key);
    free(images);
    free(logits);
    free(single);
}

static void loss_gradient_twenty_steps_and_logits_match_autograd(void **unused)
{
    (void)unused;
    struct steps s;
    char **many = many_names();
    steps_open(&s, "cocoop");
    check(&s, "0", KEYS("0", "3"), steps_names, 5, 3);
    check(&s, "2", KEYS("2", "1"), steps_names, 5, 1);
    check(&s, "many", KEYS("0", "3"), many, STEPS_MANY, 3);
    free_names(many);
    steps_close(&s);
}

static void a_batch_larger_than_the_images_is_padded(void **unused)
{
    (void)unused;
    struct steps s;
    struct learner l;
    json_t *params = steps_params(KEYS("0", "8"));
    steps_open(&s, "cocoop");
    steps_case(&s, &l, "0", params, steps_names, 5, NULL);
    steps_run(&s, &l, "0", 3);
    learner_release(&l);
    json_decref(params);
    steps_close(&s);
}

static void the_network_starts_as_torch_draws_it(void **unused)
{
    (void)unused;
    struct steps s;
    struct learner l;
    json_t *params = steps_params(KEYS("0", "1"));
    steps_open(&s, "cocoop");
    steps_learner(&s, &l, params, 5);
    steps_compare(&s, "init", NULL, l.parameters, l.n, 0);
    learner_release(&l);
    json_decref(params);
    steps_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_gradient_twenty_steps_and_logits_match_autograd),
        cmocka_unit_test(a_batch_larger_than_the_images_is_padded),
        cmocka_unit_test(the_network_starts_as_torch_draws_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
