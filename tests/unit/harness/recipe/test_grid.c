/* Good recipes: which runs they mean, in which order, with which values. */
#include "harness/recipe/recipe_case.h"

#include "core/proto/spec.h"

#define TOP "recipe: x\nprotocol: few-shot\nbackbone: pocket\ndataset: pocket-land\n"

/* One line a run: "method dataset shots/seed views" and the given parameters. */
static char *lines(const struct recipe *r, const char *params)
{
    struct str out = STR_INIT;
    for (size_t i = 0; i < r->n; i++) {
        const struct grid_run *g = &r->runs[i];
        str_addf(&out, "%s %s %d/%d %s", g->method, g->dataset, g->shots, g->seed, g->views);
        char *copy = strdup(params), *save, *name = strtok_r(copy, " ", &save);
        for (; name; name = strtok_r(NULL, " ", &save)) {
            json_t *value = json_object_get(g->params, name);
            char *text = value ? spec_text(value) : strdup("-");
            str_addf(&out, " %s", text);
            free(text);
        }
        free(copy);
        str_addc(&out, '\n');
    }
    return str_detach(&out);
}

static void assert_runs(const char *recipe, const char *params, const char *want)
{
    struct recipe *r = case_load(recipe);
    char *got = lines(r, params);
    assert_string_equal(got, want);
    free(got);
    recipe_free(r);
}

static void a_small_recipe_has_defaults(void **state)
{
    (void)state;
    struct recipe *r = case_load(TOP "method: coop\n");
    assert_int_equal(r->n, 1);
    assert_string_equal(r->name, "x");
    assert_string_equal(r->about, "");
    assert_string_equal(r->runs[0].protocol, "few-shot");
    assert_string_equal(r->runs[0].backbone, "pocket");
    assert_string_equal(r->runs[0].precision, "fp32");
    assert_int_equal(r->runs[0].line, 5);
    char *got = lines(r, "batch context epochs length lr momentum rank warmup-lr weight-decay");
    assert_string_equal(got, "coop pocket-land 16/1 fresh 32 \"a photo of a\" 50 16 0.002 0.9 0 "
                             "1e-5 0.0005\n");
    free(got);
    recipe_free(r);
}

static void protocols_with_a_source_train_there_and_test_on_datasets(void **state)
{
    (void)state;
    struct recipe *r = case_load("recipe: x\nprotocol: [few-shot, cross-dataset]\n"
                                 "backbone: pocket\ndataset: [dtd, imagenet]\n"
                                 "method: [zero-shot, coop]\n");
    static const struct {
        const char *protocol, *source, *dataset, *method;
        bool eval;
    } want[] = {
        {"few-shot", NULL, "dtd", "zero-shot", false},
        {"few-shot", NULL, "imagenet", "zero-shot", false},
        {"cross-dataset", "imagenet", "dtd", "zero-shot", false},
        {"cross-dataset", "imagenet", "imagenet", "zero-shot", false},
        {"few-shot", NULL, "dtd", "coop", false},
        {"few-shot", NULL, "imagenet", "coop", false},
        {"cross-dataset", "imagenet", "dtd", "coop", true},
        {"cross-dataset", "imagenet", "imagenet", "coop", false},
    };
    assert_int_equal(r->n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < r->n; i++) {
        const struct grid_run *g = &r->runs[i];
        assert_string_equal(g->protocol, want[i].protocol);
        assert_true(str_eq(g->source, want[i].source));
        assert_string_equal(g->dataset, want[i].dataset);
        assert_string_equal(g->method, want[i].method);
        assert_int_equal(grid_run_is_eval(g), want[i].eval);
        assert_string_equal(grid_run_source(g), want[i].source ? want[i].source : want[i].dataset);
    }
    json_t *where = json_pack("{s:[s]}", "source", "imagenet");
    assert_true(grid_run_matches(&r->runs[2], where));
    assert_false(grid_run_matches(&r->runs[0], where));
    json_decref(where);
    recipe_free(r);
}

static void lists_make_a_product_with_seeds_fastest(void **state)
{
    (void)state;
    assert_runs(TOP "method: [coop]\nshots: [1, 4]\nseed: [1, 2]\nviews: 8\n", "",
                "coop pocket-land 1/1 8\ncoop pocket-land 1/2 8\n"
                "coop pocket-land 4/1 8\ncoop pocket-land 4/2 8\n");
    assert_runs(TOP "method: [{rlp: {rank: [1, 2], lr: [1, 0.5]}}]\n", "rank lr",
                "rlp pocket-land 16/1 fresh 1 1.0\nrlp pocket-land 16/1 fresh 1 0.5\n"
                "rlp pocket-land 16/1 fresh 2 1.0\nrlp pocket-land 16/1 fresh 2 0.5\n");
}

static void sets_of_datasets_are_their_members(void **state)
{
    (void)state;
    struct recipe *r = case_load("recipe: x\nprotocol: few-shot\nbackbone: pocket\n"
                                 "dataset: [pocket5, dtd]\nmethod: coop\n");
    assert_int_equal(r->n, 6);
    assert_string_equal(r->runs[0].dataset, "pocket-flowers");
    assert_string_equal(r->runs[5].dataset, "dtd");
    recipe_free(r);
}

static void a_method_that_does_not_train_collapses(void **state)
{
    (void)state;
    assert_runs(TOP "method: [zero-shot, coop]\nshots: [1, 4]\nseed: [1, 2]\n", "",
                "zero-shot pocket-land 0/0 none\n"
                "coop pocket-land 1/1 fresh\ncoop pocket-land 1/2 fresh\n"
                "coop pocket-land 4/1 fresh\ncoop pocket-land 4/2 fresh\n");
}

static void a_linear_probe_sees_plain_images_whatever_views_says(void **state)
{
    (void)state;
    assert_runs(TOP "method: [linear-probe, coop]\nviews: ['4', none]\n", "",
                "linear-probe pocket-land 16/1 none\n"
                "coop pocket-land 16/1 4\ncoop pocket-land 16/1 none\n");
}

static void spelling_of_numbers_does_not_matter(void **state)
{
    (void)state;
    assert_runs(TOP "method: [{coop: {lr: 1}}, {coop: {lr: 1.0}}, {coop: {lr: 1e0}}]\n", "lr",
                "coop pocket-land 16/1 fresh 1.0\n");
    assert_runs(TOP "method: {coop: {lr: 1e-5, epochs: 007}}\n", "lr epochs",
                "coop pocket-land 16/1 fresh 1e-5 7\n");
}

static void a_training_key_is_a_default_for_methods_that_have_it(void **state)
{
    (void)state;
    assert_runs(TOP "epochs: 7\ninit-branch: ['yes', 'no']\n"
                    "method: [zero-shot, coop, rlp, {coop: {epochs: 9}}]\n",
                "epochs init-branch",
                "zero-shot pocket-land 0/0 none - -\ncoop pocket-land 16/1 fresh 7 -\n"
                "rlp pocket-land 16/1 fresh 7 \"yes\"\nrlp pocket-land 16/1 fresh 7 \"no\"\n"
                "coop pocket-land 16/1 fresh 9 -\n");
}

static void zip_pairs_axes(void **state)
{
    (void)state;
    assert_runs(TOP "method: coop\nzip: {shots: [1, 4, 16], epochs: [50, 100, 200]}\n", "epochs",
                "coop pocket-land 1/1 fresh 50\ncoop pocket-land 4/1 fresh 100\n"
                "coop pocket-land 16/1 fresh 200\n");
}

static void several_zips_make_a_product(void **state)
{
    (void)state;
    assert_runs(TOP "method: coop\n"
                    "zip: [{shots: [1, 4], epochs: [5, 6]}, {seed: [1, 2], lr: [0.1, 0.2]}]\n",
                "epochs lr",
                "coop pocket-land 1/1 fresh 5 0.1\ncoop pocket-land 1/2 fresh 5 0.2\n"
                "coop pocket-land 4/1 fresh 6 0.1\ncoop pocket-land 4/2 fresh 6 0.2\n");
}

static void a_methods_own_value_wins_over_a_zip(void **state)
{
    (void)state;
    assert_runs(TOP "method: [zero-shot, {coop: {epochs: 9}}]\n"
                    "zip: {shots: [1, 4], epochs: [5, 6]}\n",
                "epochs",
                "zero-shot pocket-land 0/0 none -\n"
                "coop pocket-land 1/1 fresh 9\ncoop pocket-land 4/1 fresh 9\n");
}

static void grids_are_a_union_and_equal_runs_are_one(void **state)
{
    (void)state;
    assert_runs(TOP "seed: [1, 2]\n"
                    "grids:\n"
                    "  - {method: coop, shots: 1}\n"
                    "  - {method: [rlp, coop], shots: [1, 2], seed: 2}\n",
                "",
                "coop pocket-land 1/1 fresh\ncoop pocket-land 1/2 fresh\n"
                "rlp pocket-land 1/2 fresh\nrlp pocket-land 2/2 fresh\n"
                "coop pocket-land 2/2 fresh\n");
}

static void conditions_set_values_and_later_ones_win(void **state)
{
    (void)state;
    assert_runs(TOP "method: [zero-shot, coop, rlp]\nshots: [1, 4, 16]\n"
                    "when:\n"
                    "  - {if: {shots: [1, 4]}, set: {epochs: 5, init-branch: no}}\n"
                    "  - {if: {shots: 4, method: coop}, set: {epochs: 6, views: none}}\n"
                    "  - {if: {epochs: 5}, set: {batch: 1}}\n", // looks at what the axes made
                "epochs batch init-branch",
                "zero-shot pocket-land 0/0 none - - -\n"
                "coop pocket-land 1/1 fresh 5 32 -\ncoop pocket-land 4/1 none 6 32 -\n"
                "coop pocket-land 16/1 fresh 50 32 -\n"
                "rlp pocket-land 1/1 fresh 5 32 \"no\"\nrlp pocket-land 4/1 fresh 5 32 \"no\"\n"
                "rlp pocket-land 16/1 fresh 50 32 \"yes\"\n");
}

static void exclusions_drop_combinations(void **state)
{
    (void)state;
    assert_runs(TOP "method: [zero-shot, {rlp: {rank: [1, 2]}}]\nshots: [1, 4]\n"
                    "exclude: [{rank: 2, shots: 1}, {method: zero-shot, shots: 1}]\n",
                "rank",
                "zero-shot pocket-land 0/0 none -\n"
                "rlp pocket-land 1/1 fresh 1\nrlp pocket-land 4/1 fresh 1\n"
                "rlp pocket-land 4/1 fresh 2\n");
}

static void extends_gives_defaults(void **state)
{
    (void)state;
    const char base[] = "recipe: base\nabout: of base\nprotocol: few-shot\nbackbone: pocket\n"
                        "dataset: dtd\nmethod: coop\nshots: 4\nlr: 0.5\n";
    case_write("base.yaml", base, strlen(base));
    struct recipe *r = case_load("recipe: x\nextends: base.yaml\nshots: [1, 2]\n");
    char *got = lines(r, "lr");
    assert_string_equal(got, "coop dtd 1/1 fresh 0.5\ncoop dtd 2/1 fresh 0.5\n");
    assert_string_equal(r->name, "x");
    assert_string_equal(r->about, "");
    free(got);
    recipe_free(r);
}

static void bom_aliases_and_flow_or_block_style_are_fine(void **state)
{
    (void)state;
    assert_runs("\xef\xbb\xbf" TOP "method:\n- coop\nshots: &s [1,\n 2]\nseed: *s\n", "",
                "coop pocket-land 1/1 fresh\ncoop pocket-land 1/2 fresh\n"
                "coop pocket-land 2/1 fresh\ncoop pocket-land 2/2 fresh\n");
    struct recipe *a = case_load(TOP "method: coop\n");
    struct recipe *b = case_load("\xef\xbb\xbf" TOP "method: coop\n");
    assert_string_not_equal(a->sha256, b->sha256); // of the bytes as they are
    recipe_free(a);
    recipe_free(b);
}

static void a_recipe_at_the_limit_is_expanded(void **state)
{
    (void)state;
    struct recipe *r = case_load(TOP "method: {rlp: {rank: [1, 2]}}\nseed: [1, 2]\nlimit: 4\n");
    assert_int_equal(r->n, 4);
    recipe_free(r);
    assert_refused(
        TOP "method: {rlp: {rank: [1, 2]}}\nseed: [1, 2]\nlimit: 3\n",
        "r.yaml:5:22: the grid has 4 runs, over the limit of 3; shorten an axis or raise "
        "'limit' (at most 1000000)\n"
        "method: {rlp: {rank: [1, 2]}}\n"
        "                     ^");
}

static void tables_and_figures_have_defaults(void **state)
{
    (void)state;
    struct recipe *r = case_load("recipe: x\nprotocol: [few-shot, base-to-new]\nbackbone: pocket\n"
                                 "dataset: dtd\nmethod: {rlp: {rank: [1, 2]}}\n"
                                 "figure: {name: f, x: rank, where: {protocol: base-to-new}}\n");
    assert_int_equal(r->n_tables, 2);
    assert_string_equal(r->tables[0].name, "few-shot");
    assert_string_equal(r->tables[0].title, "x: few-shot");
    assert_string_equal(r->tables[0].rows, "method");
    assert_string_equal(r->tables[0].columns, "dataset");
    assert_string_equal(r->tables[0].metrics[0], "accuracy");
    assert_null(r->tables[0].metrics[1]);
    assert_string_equal(r->tables[1].name, "base-to-new");
    assert_string_equal(r->tables[1].metrics[2], "H");
    assert_null(r->tables[1].metrics[3]);
    assert_int_equal(r->n_figures, 1);
    assert_string_equal(r->figures[0].x, "rank");
    assert_string_equal(r->figures[0].series, "method");
    assert_null(r->figures[0].panel);
    assert_string_equal(r->figures[0].metrics[0], "base");
    recipe_free(r);
}

static void where_selects_runs(void **state)
{
    (void)state;
    struct recipe *r = case_load(TOP "method: [zero-shot, {rlp: {rank: [1, 2]}}]\nshots: [1, 4]\n");
    static const struct {
        const char *where;
        size_t runs;
    } cases[] = {
        {"{}", 5},
        {"{\"shots\": [4]}", 3}, // a method that does not train counts at any number of shots
        {"{\"rank\": [1, 2]}", 4},
        {"{\"rank\": [2], \"shots\": [1]}", 1},
        {"{\"method\": [\"zero-shot\"]}", 1},
        {"{\"dataset\": [\"dtd\"]}", 0},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        json_t *where = json_loads(cases[c].where, 0, NULL);
        size_t n = 0;
        for (size_t i = 0; i < r->n; i++)
            n += grid_run_matches(&r->runs[i], where);
        assert_int_equal(n, cases[c].runs);
        json_decref(where);
    }
    assert_true(grid_run_matches(&r->runs[0], NULL));
    recipe_free(r);
}

static void the_recipes_of_the_house_are_whole(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t runs, tables, figures;
    } recipes[] = {
        {"recipes/quick.yaml", 5 * (1 + 3 + 9) + 5 * (1 + 9 + 9), 2, 2},
        {"recipes/caltech.yaml", 2 * (1 + 3 + 3), 2, 0},
        {"recipes/rlp-base-to-new.yaml", 11 * (1 + 3 + 9), 1, 1},
    };
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        struct recipe *r;
        struct err e = {0};
        assert_ok(recipe_load(&r, recipes[i].path, &e), &e);
        assert_int_equal(r->n, recipes[i].runs);
        assert_int_equal(r->n_tables, recipes[i].tables);
        assert_int_equal(r->n_figures, recipes[i].figures);
        recipe_free(r);
    }
}

static void imagenet_has_its_own_epochs_in_the_papers_recipe(void **state)
{
    (void)state;
    struct recipe *r;
    struct err e = {0};
    assert_ok(recipe_load(&r, "recipes/rlp-base-to-new.yaml", &e), &e);
    for (size_t i = 0; i < r->n; i++) {
        if (!str_eq(r->runs[i].method, "coop"))
            continue;
        json_int_t want = str_eq(r->runs[i].dataset, "imagenet") ? 50 : 200;
        assert_int_equal(json_integer_value(json_object_get(r->runs[i].params, "epochs")), want);
    }
    recipe_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_recipe_has_defaults),
        cmocka_unit_test(protocols_with_a_source_train_there_and_test_on_datasets),
        cmocka_unit_test(lists_make_a_product_with_seeds_fastest),
        cmocka_unit_test(sets_of_datasets_are_their_members),
        cmocka_unit_test(a_method_that_does_not_train_collapses),
        cmocka_unit_test(a_linear_probe_sees_plain_images_whatever_views_says),
        cmocka_unit_test(spelling_of_numbers_does_not_matter),
        cmocka_unit_test(a_training_key_is_a_default_for_methods_that_have_it),
        cmocka_unit_test(zip_pairs_axes),
        cmocka_unit_test(several_zips_make_a_product),
        cmocka_unit_test(a_methods_own_value_wins_over_a_zip),
        cmocka_unit_test(grids_are_a_union_and_equal_runs_are_one),
        cmocka_unit_test(conditions_set_values_and_later_ones_win),
        cmocka_unit_test(exclusions_drop_combinations),
        cmocka_unit_test(extends_gives_defaults),
        cmocka_unit_test(bom_aliases_and_flow_or_block_style_are_fine),
        cmocka_unit_test(a_recipe_at_the_limit_is_expanded),
        cmocka_unit_test(tables_and_figures_have_defaults),
        cmocka_unit_test(where_selects_runs),
        cmocka_unit_test(the_recipes_of_the_house_are_whole),
        cmocka_unit_test(imagenet_has_its_own_epochs_in_the_papers_recipe),
    };
    return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
