/* Specs: the canonical text and id never change, checks name what is wrong, banks are shared. */
#include "t.h"

#include "core/base/str.h"
#include "core/proto/spec.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char train_text[] =
    "{\"backbone\":\"pocket\",\"bpe\":\"" B64 "\",\"dataset\":\"pocket-land\",\"job\":\"train\","
    "\"method\":\"rlp\",\"params\":{\"batch\":32,\"context\":\"a photo of a\",\"dropout\":0.1,"
    "\"epochs\":50,\"lr\":0.05,\"momentum\":0.9,\"rank\":2,\"std\":0.02,\"warmup-lr\":1e-5,"
    "\"weight-decay\":0.0005,\"zero\":\"A\"},\"precision\":\"fp32\",\"protocol\":\"base-to-new\","
    "\"seed\":2,\"shots\":16,\"split\":\"" C64 "\",\"version\":1,\"views\":\"none\","
    "\"weights\":\"" A64 "\"}";

/* Of train_text, by another SHA-256. */
static const char train_id[] = "380d38ec286c5142fd63eb9242be7deda02d4cb8d067e438be10c81375b58b5d";

static json_t *train_spec(void)
{
    json_t *spec = json_loads(train_text, 0, NULL);
    assert_non_null(spec);
    return spec;
}

/* The same spec, its keys put in from last to first. */
static json_t *reversed(const json_t *object)
{
    const char *names[64], *name;
    json_t *value, *out = json_object();
    size_t n = 0;
    json_object_foreach((json_t *)object, name, value)
    {
        names[n++] = name;
    }
    while (n-- > 0) {
        value = json_object_get(object, names[n]);
        if (json_is_object(value))
            json_object_set_new(out, names[n], reversed(value));
        else
            json_object_set(out, names[n], value);
    }
    return out;
}

static void assert_as_jansson(json_t *value)
{
    char *want = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY |
                                       JSON_REAL_PRECISION(15));
    char *got = spec_text(value);
    assert_string_equal(got, want);
    free(want);
    free(got);
    json_decref(value);
}

/* The ids of every store rest on this. */
static void the_text_is_that_of_jansson(void **state)
{
    (void)state;
    static const double reals[] = {
        0,    -0.0, 1,      -1,    0.1,    1e-5,   2.5e-10, 1e15, 1e16, 123456789012345678.0,
        1e22, 1e23, 1e-300, 1e300, 5e-324, 0.3333, 1e100,   100,  1e5,  -1e-7};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        assert_as_jansson(json_real(reals[i]));
    uint64_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        double value;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof value);
        json_t *real = json_real(value); // NULL for what is not finite
        if (real)
            assert_as_jansson(real);
    }
    char text[] = "a?b\xc3\xa9\xe2\x82\xac";
    for (int c = 1; c < 128; c++) {
        text[1] = (char)c;
        assert_as_jansson(json_string(text));
    }
    assert_as_jansson(json_stringn("a\0b", 3));
    assert_as_jansson(json_integer(-9223372036854775807 - 1));
    assert_as_jansson(json_pack("[n, b, b, [], {}, [i, {s:f}], s]", 1, 0, 1, "x\"y", 1.5, ""));
    json_t *many = json_object();
    for (int i = 0; i < 200; i++) {
        char *key = str_format("%d", i * 7 % 200);
        json_object_set_new(many, key, json_integer(i));
        free(key);
    }
    assert_as_jansson(many);
}

static void a_fixed_spec_has_a_fixed_text_and_id(void **state)
{
    (void)state;
    json_t *spec = train_spec();
    char *text = spec_text(spec), id[HASH_HEX];
    assert_string_equal(text, train_text);
    spec_id(spec, id);
    assert_string_equal(id, train_id);
    free(text);
    json_decref(spec);
}

static void the_order_of_keys_does_not_matter(void **state)
{
    (void)state;
    json_t *spec = train_spec(), *other = reversed(spec);
    char id[HASH_HEX];
    spec_id(other, id);
    assert_string_equal(id, train_id);
    json_decref(other);
    json_decref(spec);
}

static void every_value_counts_towards_the_id(void **state)
{
    (void)state;
    json_t *spec = train_spec();
    const char *name;
    json_t *value;
    json_object_foreach(spec, name, value)
    {
        json_t *other = json_deep_copy(spec);
        char id[HASH_HEX];
        json_object_set_new(other, name, json_string("other"));
        spec_id(other, id);
        assert_string_not_equal(id, train_id);
        json_decref(other);
    }
    json_decref(spec);
}

static void a_whole_spec_is_accepted(void **state)
{
    (void)state;
    struct err e = {0};
    json_t *spec = train_spec();
    assert_ok(spec_check(spec, &e), &e);
    json_t *test = spec_bank(spec, "test", 240), *picks = spec_bank(spec, "train", 20000);
    assert_ok(spec_check(test, &e), &e);
    assert_ok(spec_check(picks, &e), &e);
    json_decref(picks);

    // Rounding happens where features are used: the banks are those of fp32.
    json_object_set_new(spec, "precision", json_string("fp16-storage"));
    assert_ok(spec_check(spec, &e), &e);
    json_t *same = spec_bank(spec, "test", 240);
    assert_true(json_equal(same, test));
    json_decref(same);
    json_decref(test);
    json_decref(spec);
}

static void refused(const char *key, json_t *value, const char *want)
{
    struct err e = {0};
    json_t *spec = train_spec();
    if (value)
        json_object_set_new(spec, key, value);
    else
        json_object_del(spec, key);
    assert_true(spec_check(spec, &e) < 0);
    assert_text(&e, want);
    json_decref(spec);
}

static void a_wrong_spec_is_refused_with_its_key(void **state)
{
    (void)state;
    refused("version", json_integer(2),
            "spec: 'version' is not 1; harness and runner are of different releases");
    refused("seed", NULL, "spec: 'seed' is missing");
    refused("seed", json_integer(-1),
            "spec: 'seed' is -1, expected a whole number from 0 to 2147483647");
    refused("seed", json_string("1"),
            "spec: 'seed' is \"1\", expected a whole number from 0 to 2147483647");
    refused("weights", json_string("aa"),
            "spec: 'weights' is \"aa\", expected 64 hexadecimal digits");
    refused("protocol", json_string("few"),
            "spec: 'protocol' is \"few\", expected few-shot|base-to-new|zero-shot");
    refused(
        "protocol", json_string("few-shot|base-to-new"),
        "spec: 'protocol' is \"few-shot|base-to-new\", expected few-shot|base-to-new|zero-shot");
    refused("precision", json_string("fp16"),
            "spec: 'precision' is \"fp16\", expected "
            "fp32|tf32|bf16|fp16-storage");
    refused("views", json_string("0"),
            "spec: 'views' is \"0\", expected \"none\", \"fresh\" or a number of views as text");
    refused("params", json_pack("{s:[]}", "rank"),
            "spec: 'params' is {\"rank\":[]}, expected an object of text and numbers");
    refused("part", json_string("test"), "spec: 'part' has no place in this job");
    refused("colour", json_string("red"), "spec: unknown key 'colour'");
    refused("job", json_string("bake"), "spec: 'job' is \"bake\", expected encode|train|eval");
    refused("protocol", json_string("cross-dataset"),
            "spec: 'protocol' is \"cross-dataset\", expected few-shot|base-to-new|zero-shot");
    refused("source", json_string("pocket-land"), "spec: 'source' has no place in this job");
}

static json_t *eval_spec(void)
{
    json_t *spec = train_spec();
    json_object_set_new(spec, "job", json_string("eval"));
    json_object_set_new(spec, "protocol", json_string("cross-dataset"));
    json_object_set_new(spec, "train", json_string(train_id));
    json_object_set_new(spec, "source", json_string("pocket-shapes"));
    return spec;
}

static void an_eval_spec_names_its_training_run_and_needs_the_test_bank_of_others(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *want;
    } cases[] = {
        {"train", NULL, "spec: 'train' is missing"},
        {"train", "380d", "spec: 'train' is \"380d\", expected 64 hexadecimal digits"},
        {"source", NULL, "spec: 'source' is missing"},
        {"views", "fresh", "spec: 'views' is \"fresh\", expected none"},
        {"protocol", "few-shot",
         "spec: 'protocol' is \"few-shot\", expected cross-dataset|domain-generalization"},
        {"part", "test", "spec: 'part' has no place in this job"},
    };
    json_t *spec = eval_spec(), *train = train_spec();
    struct err e = {0};
    assert_ok(spec_check(spec, &e), &e);
    json_t *bank = spec_bank(spec, "test", 240), *same = spec_bank(train, "test", 240);
    assert_true(json_equal(bank, same));
    json_decref(bank);
    json_decref(same);
    json_decref(train);
    json_decref(spec);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spec = eval_spec();
        json_object_del(spec, cases[i].key);
        if (cases[i].value)
            json_object_set_new(spec, cases[i].key, json_string(cases[i].value));
        assert_true(spec_check(spec, &e) < 0);
        assert_text(&e, cases[i].want);
        json_decref(spec);
    }
}

/* Bank of `part` as text, with version, backbone, dataset, hashes and precision taken away. */
static char *bank_text(const char *views, const char *protocol, const char *part, size_t images)
{
    static const char *const same[] = {"version", "backbone", "weights",
                                       "dataset", "split",    "precision"};
    json_t *spec = train_spec();
    json_object_set_new(spec, "views", json_string(views));
    json_object_set_new(spec, "protocol", json_string(protocol));
    json_t *bank = spec_bank(spec, part, images);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(json_equal(json_object_get(bank, same[i]), json_object_get(spec, same[i])));
        json_object_del(bank, same[i]);
    }
    char *text = spec_text(bank);
    json_decref(bank);
    json_decref(spec);
    return text;
}

static void banks_cover_what_can_be_shared(void **state)
{
    (void)state;
    static const struct {
        const char *views, *protocol, *part;
        size_t images;
        const char *want;
    } cases[] = {
        {"none", "base-to-new", "train", 240,
         "{\"cover\":\"all\",\"epochs\":1,\"job\":\"encode\",\"part\":\"train\",\"views\":"
         "\"none\"}"},
        {"8", "few-shot", "train", 10000,
         "{\"cover\":\"all\",\"epochs\":8,\"job\":\"encode\",\"part\":\"train\",\"views\":\"8\"}"},
        {"none", "base-to-new", "train", 10001,
         "{\"classes\":\"base\",\"cover\":\"picks\",\"epochs\":1,\"job\":\"encode\","
         "\"part\":\"train\",\"seed\":2,\"shots\":16,\"views\":\"none\"}"},
        {"fresh", "few-shot", "train", 240,
         "{\"classes\":\"all\",\"cover\":\"picks\",\"epochs\":50,\"job\":\"encode\","
         "\"part\":\"train\",\"seed\":2,\"shots\":16,\"views\":\"fresh\"}"},
        {"fresh", "few-shot", "test", 1000000,
         "{\"cover\":\"all\",\"epochs\":1,\"job\":\"encode\",\"part\":\"test\",\"views\":"
         "\"none\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = bank_text(cases[i].views, cases[i].protocol, cases[i].part, cases[i].images);
        assert_string_equal(text, cases[i].want);
        free(text);
    }
}

/* As bank_text, of another method and its parameters. */
static char *method_bank(const char *method, const char *params, const char *views,
                         const char *part, size_t images)
{
    json_t *spec = train_spec();
    json_object_set_new(spec, "method", json_string(method));
    json_object_set_new(spec, "params", json_loads(params, 0, NULL));
    json_object_set_new(spec, "views", json_string(views));
    json_object_set_new(spec, "protocol", json_string("few-shot"));
    json_t *bank = spec_bank(spec, part, images), *shown = json_object();
    struct err e = {0};
    assert_ok(spec_check(bank, &e), &e);
    static const char *const keys[] = {"part",  "cover",   "views",     "epochs",
                                       "shots", "sampler", "crop-scale"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (json_object_get(bank, keys[i]))
            json_object_set(shown, keys[i], json_object_get(bank, keys[i]));
    char *text = spec_text(shown);
    json_decref(shown);
    json_decref(bank);
    json_decref(spec);
    return text;
}

static void methods_ask_for_their_own_banks(void **state)
{
    (void)state;
    static const struct {
        const char *method, *params, *views, *part;
        size_t images;
        const char *want;
    } cases[] = {
        {"linear-probe", "{}", "none", "val", 100,
         "{\"cover\":\"all\",\"epochs\":1,\"part\":\"val\",\"views\":\"none\"}"},
        {"linear-probe", "{}", "none", "val", 10001,
         "{\"cover\":\"picks\",\"epochs\":1,\"part\":\"val\",\"sampler\":\"numpy\",\"shots\":16,"
         "\"views\":\"none\"}"},
        {"linear-probe", "{}", "none", "train", 10001,
         "{\"cover\":\"picks\",\"epochs\":1,\"part\":\"train\",\"sampler\":\"numpy\",\"shots\":"
         "16,\"views\":\"none\"}"},
        {"tip-adapter", "{\"passes\":10,\"crop-scale\":0.5}", "fresh", "val", 20000,
         "{\"cover\":\"all\",\"epochs\":1,\"part\":\"val\",\"views\":\"none\"}"},
        {"tip-adapter", "{\"passes\":10,\"crop-scale\":0.5}", "fresh", "train", 100,
         "{\"cover\":\"picks\",\"crop-scale\":0.5,\"epochs\":10,\"part\":\"train\",\"shots\":16,"
         "\"views\":\"fresh\"}"},
        {"tip-adapter-f", "{\"passes\":10,\"crop-scale\":0.5,\"epochs\":20}", "fresh", "train", 100,
         "{\"cover\":\"picks\",\"crop-scale\":0.5,\"epochs\":30,\"part\":\"train\",\"shots\":16,"
         "\"views\":\"fresh\"}"},
        // a crop that all banks have, and pictures that are not cropped: shared with other methods
        {"tip-adapter", "{\"passes\":10,\"crop-scale\":0.08}", "10", "train", 100,
         "{\"cover\":\"all\",\"epochs\":10,\"part\":\"train\",\"views\":\"10\"}"},
        {"tip-adapter", "{\"passes\":10,\"crop-scale\":0.5}", "none", "train", 100,
         "{\"cover\":\"all\",\"epochs\":1,\"part\":\"train\",\"views\":\"none\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = method_bank(cases[i].method, cases[i].params, cases[i].views, cases[i].part,
                                 cases[i].images);
        assert_string_equal(text, cases[i].want);
        free(text);
    }
}

static void a_bank_shows_at_least_this_share(void **state)
{
    (void)state;
    json_t *bank = json_object();
    assert_true(spec_crop_scale(bank) == 0.08); // the reference's
    json_object_set_new(bank, "crop-scale", json_real(0.5));
    assert_true(spec_crop_scale(bank) == 0.5);
    json_object_set_new(bank, "crop-scale", json_integer(1));
    assert_true(spec_crop_scale(bank) == 1);
    json_decref(bank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_that_of_jansson),
        cmocka_unit_test(a_fixed_spec_has_a_fixed_text_and_id),
        cmocka_unit_test(the_order_of_keys_does_not_matter),
        cmocka_unit_test(every_value_counts_towards_the_id),
        cmocka_unit_test(a_whole_spec_is_accepted),
        cmocka_unit_test(a_wrong_spec_is_refused_with_its_key),
        cmocka_unit_test(an_eval_spec_names_its_training_run_and_needs_the_test_bank_of_others),
        cmocka_unit_test(banks_cover_what_can_be_shared),
        cmocka_unit_test(methods_ask_for_their_own_banks),
        cmocka_unit_test(a_bank_shows_at_least_this_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
