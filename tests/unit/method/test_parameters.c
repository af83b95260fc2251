/*
 * The number of parameters that a plan shows equals the number that the method allocates, for every
 * method of the table; and the literature's numbers.
 */
#include "method/steps.h"

#include "core/proto/method_keys.h"

enum { K = 5, SHOTS = 2, N = K * SHOTS };

static json_t *preset_of(const struct method_key *k)
{
    const char *text = k->preset ? k->preset : k->type == KEY_TEXT ? "a {}." : "1";
    if (k->type == KEY_INT)
        return json_integer(strtol(text, NULL, 10));
    return k->type == KEY_REAL ? json_real(strtod(text, NULL)) : json_string(text);
}

/* Every key at its preset; what the dataset would fill in is made up. */
static json_t *presets(const struct method_row *row)
{
    json_t *params = json_object();
    for (const struct method_key *k = row->keys; k->name; k++)
        json_object_set_new(params, k->name, preset_of(k));
    if (method_key_find(row, "depth")) // the model has two blocks a tower
        json_object_set_new(params, "depth", json_integer(2));
    if (method_key_find(row, "image-length")) // no more vectors than the words below
        json_object_set_new(params, "length", json_integer(2));
    return params;
}

static void check(const struct steps *s, const struct method_row *row, const json_t *params)
{
    const struct clip_shape *shape = &s->clip.shape;
    const struct method_sizes sizes = {.text_width = shape->text_width,
                                       .image_width = shape->vision_width,
                                       .embed = shape->embed,
                                       .classes = K,
                                       .images = N};
    int labels[N];
    struct learner l;
    struct rng r;
    struct err e;
    float *images = oracle_values("images", (size_t)(N * shape->embed), 1);
    for (int i = 0; i < N; i++)
        labels[i] = i % K;
    const struct features features = {images, labels, 1, N};
    const struct fit_data data = {features, features, features, K, 1};
    rng_seed_torch(&r, 1);
    assert_ok(learner_init(&l, method_get(row->name), &s->clip, s->bpe, params, 1, K, &r, &e), &e);
    if (l.method->prepare) { // the others' parameters are there from the start
        assert_ok(learner_classes(&l, steps_names, K, true, &e), &e);
        assert_ok(l.method->prepare(&l, &data, &e), &e);
    }
    if ((long)l.n != (row->parameters ? row->parameters(params, &sizes) : 0)) {
        char *text = json_dumps(params, JSON_COMPACT);
        fail_msg("%s %s: %zu parameters, the plan says %ld", row->name, text, l.n,
                 row->parameters ? row->parameters(params, &sizes) : 0);
    }
    learner_release(&l);
    free(images);
}

/* With `key` at each of two values, where the method has it. */
static void check_both(const struct steps *s, const struct method_row *row, json_t *params,
                       const char *key, json_t *one, json_t *other)
{
    if (method_key_find(row, key)) {
        json_object_set(params, key, one);
        check(s, row, params);
        json_object_set(params, key, other);
    }
    check(s, row, params);
    json_decref(one);
    json_decref(other);
}

static void what_a_plan_shows_is_what_every_method_allocates(void **unused)
{
    (void)unused;
    struct steps s;
    struct err e;
    steps_open(&s, "coop");
    clip_close(&s.clip);
    assert_ok(clip_open(&s.clip, s.oracle.model, s.device, CLIP_TEXT | CLIP_VISION, &e), &e);
    for (const struct method_row *row = method_rows; row->name; row++) {
        if (row->needs & METHOD_FILE) // another method does its work
            continue;
        json_t *params = presets(row);
        check_both(&s, row, params, "rank", json_integer(2), json_integer(1));
        json_decref(params);
        params = presets(row);
        check_both(&s, row, params, "context", json_string("one of_the words"),
                   json_string("a photo of"));
        json_decref(params);
    }
    const struct method_row *coop = method_find("coop");
    json_t *params = presets(coop);
    json_object_set_new(params, "class-specific", json_string("yes"));
    check(&s, coop, params); // words make one context all the same
    json_object_set_new(params, "context", json_string(""));
    check(&s, coop, params);
    json_object_set_new(params, "rank", json_integer(2));
    check(&s, coop, params);
    json_decref(params);
    steps_close(&s);
}

static void the_literatures_numbers(void **unused)
{
    (void)unused;
    static const struct method_sizes vit_b16 = {512, 768, 512, 500, 8000, 12, 12, 197};
    static const struct {
        const char *method, *key, *value; // one key beside the presets
        long parameters;
    } known[] = {
        {"coop", "context", "\"\"", 8192}, // M = 16
        {"coop", "rank", "0", 2048},       // "a photo of a"
        {"rlp", "rank", "1", 516},
        {"cocoop", "rank", "0", 35360}, // with the network's biases; 34,816 without
        {"kgcoop", "rank", "0", 2048},
        {"prograd", "rank", "0", 8192},
        {"maple", "rank", "0", 3555072},
        {"ivlp", "rank", "0", 30720},
        {"promptsrc", "rank", "0", 46080},
        {"vpt", "rank", "0", 73728},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct method_row *row = method_find(known[i].method);
        json_t *params = json_object(), *value = json_loads(known[i].value, JSON_DECODE_ANY, NULL);
        for (const struct method_key *k = row->keys; k->name; k++)
            json_object_set_new(params, k->name, preset_of(k));
        json_object_set_new(params, known[i].key, value);
        assert_int_equal(row->parameters(params, &vit_b16), known[i].parameters);
        json_decref(params);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_plan_shows_is_what_every_method_allocates),
        cmocka_unit_test(the_literatures_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
