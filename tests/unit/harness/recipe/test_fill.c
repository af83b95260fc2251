/* Parameters that follow from the dataset. */
#include "t.h"

#include "core/base/str.h"
#include "harness/recipe/fill.h"

/* The method's `key` on `dataset` when the recipe gave `given` (JSON); as text. */
static char *filled(const char *method, const char *dataset, const char *given, const char *key)
{
    json_t *params = json_loads(given, 0, NULL);
    fill_params(params, method_find(method), dataset_find(dataset));
    char *text = json_dumps(json_object_get(params, key), JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    json_decref(params);
    return text;
}

static void what_is_missing_follows_from_the_dataset(void **state)
{
    (void)state;
    static const struct {
        const char *method, *dataset, *given, *key, *want;
    } cases[] = {
        {"zero-shot", "dtd", "{\"ensemble\":\"none\"}", "template", "\"{} texture.\""},
        {"zero-shot", "dtd", "{\"ensemble\":\"select7\"}", "template", "\"{} texture.\""},
        {"zero-shot", "imagenet", "{\"ensemble\":\"none\"}", "template", "\"a photo of a {}.\""},
        {"zero-shot", "imagenet", "{\"ensemble\":\"imagenet80\"}", "template", "\"\""},
        {"zero-shot", "imagenetv2", "{\"ensemble\":\"select7\"}", "template",
         "\"a photo of a {}.\""},
        {"zero-shot", "dtd", "{\"template\":\"x {}\"}", "template", "\"x {}\""},
        {"taskres", "imagenet", "{}", "ensemble", "\"select7\""},
        {"taskres", "imagenet", "{}", "template", "\"a photo of a {}.\""},
        {"taskres", "imagenet", "{}", "lr", "0.0002"},
        {"taskres", "food101", "{}", "lr", "0.002"},
        {"taskres", "food101", "{}", "alpha", "0.5"},
        {"taskres", "oxford_flowers", "{}", "alpha", "1.0"},
        {"taskres", "oxford_flowers", "{\"alpha\":0.25}", "alpha", "0.25"},
        {"tip-adapter", "imagenet", "{}", "ensemble", "\"select7\""},
        {"tip-adapter", "imagenet", "{}", "template", "\"\""},
        {"tip-adapter", "sun397", "{}", "ensemble", "\"none\""},
        {"tip-adapter", "fgvc_aircraft", "{}", "alpha", "5.0"},
        {"tip-adapter", "fgvc_aircraft", "{}", "beta-max", "30.0"},
        {"tip-adapter", "caltech101", "{}", "beta-max", "12.0"},
        {"tip-adapter", "caltech101", "{}", "alpha-max", "5.0"},
        {"tip-adapter-f", "eurosat", "{}", "epochs", "100"},
        {"tip-adapter-f", "dtd", "{}", "epochs", "20"},
        {"tip-adapter-f", "pocket-land", "{}", "alpha", "1.17"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *got = filled(cases[i].method, cases[i].dataset, cases[i].given, cases[i].key);
        if (!str_eq(got, cases[i].want))
            fail_msg("%s of %s on %s: got %s, want %s", cases[i].key, cases[i].method,
                     cases[i].dataset, got, cases[i].want);
        free(got);
    }
}

static void a_key_that_a_method_lacks_stays_away(void **state)
{
    (void)state;
    json_t *params = json_object();
    fill_params(params, method_find("coop"), dataset_find("imagenet"));
    assert_int_equal(json_object_size(params), 0);
    fill_params(params, method_find("tip-adapter"), NULL);
    assert_int_equal(json_object_size(params), 0);
    json_decref(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_follows_from_the_dataset),
        cmocka_unit_test(a_key_that_a_method_lacks_stays_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
