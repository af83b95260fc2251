/* Paths of prompts: fields are filled in, unknown ones are named. */
#include "t.h"

#include "harness/recipe/prompt_path.h"
#include "harness/recipe/recipe.h"

static void paths_are_filled_in(void **state)
{
    (void)state;
    struct grid_run r = {
        .method = "checkpoint",
        .dataset = "dtd",
        .shots = 16,
        .seed = 3,
        .params = json_pack("{s:s}", "path", "o/{dataset}/shots_{shots}/{source}/seed{seed}/{")};
    char *name = prompt_path(&r);
    assert_string_equal(name, "o/dtd/shots_16/dtd/seed3/{");
    free(name);
    r.source = "imagenet";
    name = prompt_path(&r);
    assert_string_equal(name, "o/dtd/shots_16/imagenet/seed3/{");
    free(name);
    r.method = "coop";
    assert_null(prompt_path(&r));
    json_decref(r.params);
    assert_true(prompt_path_has("a{seed}", "seed"));
    assert_false(prompt_path_has("a{sed}b{shots}", "seed"));
    char field[40];
    assert_null(prompt_path_unknown("{seed}/{dataset}", field, sizeof field));
    assert_string_equal(prompt_path_unknown("{seed}/{data}/x", field, sizeof field), "{data}");
    assert_string_equal(prompt_path_unknown("a{b/c}", field, sizeof field), "{b/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
