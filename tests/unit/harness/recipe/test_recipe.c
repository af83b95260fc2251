/* Bad recipes: the whole text of each error. Good ones are in test_grid.c. */
#include "harness/recipe/recipe_case.h"

#include "core/proto/method_keys.h"

#define HEAD "recipe: x\nprotocol: few-shot\nbackbone: pocket\ndataset: pocket-land\nmethod: coop\n"
#define METHOD(text) "recipe: x\nprotocol: few-shot\nbackbone: pocket\ndataset: pocket-land\n" text

static void unknown_names_suggest_the_nearest(void **state)
{
    (void)state;
    assert_refused("recipe: x\nprotocoll: few-shot\n",
                   "r.yaml:2:1: unknown key 'protocoll', did you mean 'protocol'?\n"
                   "protocoll: few-shot\n"
                   "^");
    assert_refused("recipe: x\nprotocol: fewshot\nbackbone: pocket\ndataset: dtd\nmethod: coop\n",
                   "r.yaml:2:11: unknown protocol 'fewshot', did you mean 'few-shot'?\n"
                   "protocol: fewshot\n"
                   "          ^");
    assert_refused("recipe: x\nprotocol: few-shot\nbackbone: pockt\ndataset: dtd\nmethod: coop\n",
                   "r.yaml:3:11: unknown backbone 'pockt', did you mean 'pocket'?\n"
                   "backbone: pockt\n"
                   "          ^");
    assert_refused("recipe: x\nprotocol: few-shot\nbackbone: pocket\n"
                   "dataset: [dtd, pocket6]\nmethod: coop\n",
                   "r.yaml:4:16: unknown dataset 'pocket6', did you mean 'pocket5'?\n"
                   "dataset: [dtd, pocket6]\n"
                   "               ^");
    assert_refused(HEAD "precision: fp16\n",
                   "r.yaml:6:12: unknown precision 'fp16', did you mean 'fp32'?\n"
                   "precision: fp16\n"
                   "           ^");
    assert_refused(METHOD("precision: fp16-storage\nmethod: [zero-shot, kgcoop]\n"),
                   "r.yaml:6:21: method 'kgcoop' has no precision 'fp16-storage'; these have: "
                   "zero-shot, coop, rlp, checkpoint\n"
                   "method: [zero-shot, kgcoop]\n"
                   "                    ^");
    assert_refused(METHOD("method: [zero-shot, cop]\n"),
                   "r.yaml:5:21: unknown method 'cop', did you mean 'coop'?\n"
                   "method: [zero-shot, cop]\n"
                   "                    ^");
    assert_refused(METHOD("method:\n  - rlp: {rnk: 2}\n"),
                   "r.yaml:6:11: unknown rlp parameter 'rnk', did you mean 'rank'?\n"
                   "  - rlp: {rnk: 2}\n"
                   "          ^");
    assert_refused(HEAD "when: {if: {datset: dtd}, set: {epochs: 5}}\n",
                   "r.yaml:6:13: unknown axis 'datset', did you mean 'dataset'?\n"
                   "when: {if: {datset: dtd}, set: {epochs: 5}}\n"
                   "            ^");
    assert_refused(HEAD "table: {name: t, metrics: [bse]}\n",
                   "r.yaml:6:28: unknown metric 'bse', did you mean 'base'?\n"
                   "table: {name: t, metrics: [bse]}\n"
                   "                           ^");
    assert_refused(HEAD "table: {name: t, interval: tt}\n",
                   "r.yaml:6:28: unknown choice 'tt'; known: std, t\n"
                   "table: {name: t, interval: tt}\n"
                   "                           ^");
    assert_refused(HEAD "table: {name: t, tolerance: 0}\n",
                   "r.yaml:6:29: expected a number of points from 0 to 100\n"
                   "table: {name: t, tolerance: 0}\n"
                   "                            ^");
    assert_refused(HEAD "table: {name: t, colums: dataset}\n",
                   "r.yaml:6:18: unknown table key 'colums', did you mean 'columns'?\n"
                   "table: {name: t, colums: dataset}\n"
                   "                 ^");
}

static void a_name_with_no_neighbour_lists_the_known_ones(void **state)
{
    (void)state;
    struct str known = STR_INIT;
    for (const struct method_row *m = method_rows; m->name; m++)
        str_addf(&known, "%s%s", known.size ? ", " : "", m->name);
    char *want = str_format("r.yaml:5:9: unknown method 'ensemble'; known: %s\n"
                            "method: ensemble\n"
                            "        ^",
                            known.data);
    assert_refused(METHOD("method: ensemble\n"), want);
    str_release(&known);
    free(want);
    assert_refused(METHOD("method: {rlp: {zero: C}}\n"),
                   "r.yaml:5:22: unknown zero 'C'; known: A, B\n"
                   "method: {rlp: {zero: C}}\n"
                   "                     ^");
}

static void wrong_types_say_what_was_found_and_expected(void **state)
{
    (void)state;
    assert_refused(HEAD "shots: many\n", "r.yaml:6:8: 'shots' is 'many', expected a whole number\n"
                                         "shots: many\n"
                                         "       ^");
    assert_refused(HEAD "shots: [1, '4']\n",
                   "r.yaml:6:12: 'shots' is the text \"4\", expected a whole number\n"
                   "shots: [1, '4']\n"
                   "           ^");
    assert_refused(HEAD "seed: 1.5\n", "r.yaml:6:7: 'seed' is '1.5', expected a whole number\n"
                                       "seed: 1.5\n"
                                       "      ^");
    assert_refused(HEAD "lr: 0x1p-3\n", "r.yaml:6:5: 'lr' is '0x1p-3', expected a number\n"
                                        "lr: 0x1p-3\n"
                                        "    ^");
    assert_refused(HEAD "lr: nan\n", "r.yaml:6:5: 'lr' is 'nan', expected a number\n"
                                     "lr: nan\n"
                                     "    ^");
    assert_refused(HEAD "epochs:\n", "r.yaml:6:1: 'epochs' is nothing, expected a whole number\n"
                                     "epochs:\n"
                                     "^");
    assert_refused(HEAD "shots: {a: 1}\n", "r.yaml:6:8: 'shots' is a map, expected a whole number\n"
                                           "shots: {a: 1}\n"
                                           "       ^");
    assert_refused(HEAD "seed: []\n", "r.yaml:6:7: 'seed' is an empty list\n"
                                      "seed: []\n"
                                      "      ^");
    assert_refused(
        HEAD "views: some\n",
        "r.yaml:6:8: 'views' is 'some', expected none, fresh or a whole number from 1 to "
        "1000000\n"
        "views: some\n"
        "       ^");
    assert_refused("[1, 2]", "r.yaml:1:1: expected a map of keys and values\n"
                             "[1, 2]\n"
                             "^");
    assert_refused("recipe: My Recipe\n",
                   "r.yaml:1:9: 'recipe' is 'My Recipe', expected a name of at most 64 lower-case "
                   "letters, digits and '-'\n"
                   "recipe: My Recipe\n"
                   "        ^");
}

static void values_out_of_range_show_the_range(void **state)
{
    (void)state;
    assert_refused(HEAD "shots: 0\n",
                   "r.yaml:6:8: 'shots' is '0', expected a whole number from 1 to 100000\n"
                   "shots: 0\n"
                   "       ^");
    assert_refused(METHOD("method: {rlp: {dropout: 1.5}}\n"),
                   "r.yaml:5:25: 'dropout' is '1.5', expected a number from 0 to 0.95\n"
                   "method: {rlp: {dropout: 1.5}}\n"
                   "                        ^");
    assert_refused(
        HEAD "seed: 99999999999999999999\n",
        "r.yaml:6:7: 'seed' is '99999999999999999999', expected a whole number from 0 to "
        "2147483647\n"
        "seed: 99999999999999999999\n"
        "      ^");
    assert_refused(HEAD "limit: 2000000\n",
                   "r.yaml:6:8: 'limit' is '2000000', expected a whole number from 1 to 1000000\n"
                   "limit: 2000000\n"
                   "       ^");
}

static void keys_must_be_there_once_and_in_their_place(void **state)
{
    (void)state;
    assert_refused("protocol: few-shot\n", "r.yaml:1:1: key 'recipe' is missing\n"
                                           "protocol: few-shot\n"
                                           "^");
    assert_refused("recipe: x\nmethod: coop\nprotocol: few-shot\nbackbone: pocket\n",
                   "r.yaml:1:1: key 'dataset' is missing\n"
                   "recipe: x\n"
                   "^");
    assert_refused(HEAD "shots: 4\nseed: 1\nshots: 5\n",
                   "r.yaml:8:1: duplicate key 'shots', first given in line 6\n"
                   "shots: 5\n"
                   "^");
    assert_refused(HEAD "grids: [{table: {name: t}}]\n",
                   "r.yaml:6:10: 'table' has no place in an entry of 'grids'\n"
                   "grids: [{table: {name: t}}]\n"
                   "         ^");
    assert_refused(HEAD "lambda: 2\n",
                   "r.yaml:6:1: no method of this recipe has the parameter 'lambda'\n"
                   "lambda: 2\n"
                   "^");
    assert_refused(METHOD("method:\n  - coop: {shots: 4}\n"),
                   "r.yaml:6:12: 'shots' is an axis of the recipe, not a parameter of 'coop'; use "
                   "'grids' to give it to some methods only\n"
                   "  - coop: {shots: 4}\n"
                   "           ^");
    assert_refused(
        METHOD("method:\n  - coop:\n    epochs: 3\n"),
        "r.yaml:6:5: expected one method in an entry, found 2 keys; its parameters stand "
        "one level below its name\n"
        "  - coop:\n"
        "    ^");
    assert_refused("recipe: x\nprotocol: zero-shot\nbackbone: pocket\ndataset: dtd\nmethod: coop\n",
                   "r.yaml:5:9: method 'coop' trains, but protocol 'zero-shot' has no training; "
                   "choose 'few-shot' or exclude it\n"
                   "method: coop\n"
                   "        ^");
    assert_refused("recipe: x\nprotocol: few-shot\nbackbone: pocket\ndataset: dtd\nshots: 4\n"
                   "seed: 1\nprecision: bf16\nmethod: maple\n",
                   "r.yaml:8:9: method 'maple' trains through the image tower, which needs "
                   "precision fp32, not bf16\n"
                   "method: maple\n"
                   "        ^");
}

static void what_knows_only_its_classes_cannot_be_tested_on_others(void **state)
{
    (void)state;
#define OWN "coop: {class-specific: yes, context: ''}\n"
    assert_refused("recipe: x\nprotocol: cross-dataset\nbackbone: pocket\ndataset: dtd\nmethod:\n"
                   "  - " OWN,
                   "r.yaml:6:5: what 'coop' learns here is about the classes it is trained on, but "
                   "protocol 'cross-dataset' tests on others; choose 'few-shot' or exclude it\n"
                   "  - " OWN "    ^");
    assert_refused("recipe: x\nprotocol: base-to-new\nbackbone: pocket\ndataset: dtd\nmethod:\n"
                   "  - " OWN,
                   "r.yaml:6:5: what 'coop' learns here is about the classes it is trained on, but "
                   "protocol 'base-to-new' tests on others; choose 'few-shot' or exclude it\n"
                   "  - " OWN "    ^");
    // The source tests on its own.
    recipe_free(case_load("recipe: x\nprotocol: cross-dataset\nbackbone: pocket\nsource: dtd\n"
                          "dataset: dtd\nmethod: {"
                          "coop: {class-specific: yes, context: ''}}\n"));
#undef OWN
}

static void parameters_that_cannot_go_together_are_refused(void **state)
{
    (void)state;
    assert_refused("recipe: x\nprotocol: few-shot\nbackbone: pocket\ndataset: dtd\nmethod:\n"
                   "  - coop: {class-specific: yes}\n",
                   "r.yaml:6:5: method 'coop': class-specific contexts start at random, words make "
                   "one context for all; say 'context: \"\"', or 'class-specific: no'\n"
                   "  - coop: {class-specific: yes}\n"
                   "    ^");
    assert_refused("recipe: x\nprotocol: few-shot\nbackbone: pocket\ndataset: dtd\nmethod:\n"
                   "  - zero-shot: {rank: 1}\n",
                   "r.yaml:6:17: unknown zero-shot parameter 'rank'; known: template, ensemble\n"
                   "  - zero-shot: {rank: 1}\n"
                   "                ^");
}

static void zips_pair_axes_of_equal_lengths(void **state)
{
    (void)state;
    assert_refused(HEAD "zip: {shots: [1, 4, 16], epochs: [50, 100]}\n",
                   "r.yaml:6:34: 'epochs' has 2 values, but 'shots' has 3; zipped axes pair up\n"
                   "zip: {shots: [1, 4, 16], epochs: [50, 100]}\n"
                   "                                 ^");
    assert_refused(HEAD "zip: {shots: [1, 4], epochs: [50, 100]}\nshots: 4\n",
                   "r.yaml:7:1: 'shots' is zipped and given by itself\n"
                   "shots: 4\n"
                   "^");
    assert_refused(HEAD "zip: [{shots: [1, 4], seed: [1, 2]}, {shots: [1], lr: [1]}]\n",
                   "r.yaml:6:39: 'shots' is zipped twice\n"
                   "zip: [{shots: [1, 4], seed: [1, 2]}, {shots: [1], lr: [1]}]\n"
                   "                                      ^");
    assert_refused(HEAD "zip: {shots: [1, 4], method: [coop, rlp]}\n",
                   "r.yaml:6:22: 'method' cannot be zipped; give each method its own parameters\n"
                   "zip: {shots: [1, 4], method: [coop, rlp]}\n"
                   "                     ^");
    assert_refused(HEAD "zip: {shots: [1, 4], lambda: [1, 2]}\n",
                   "r.yaml:6:22: no method here has the parameter 'lambda'\n"
                   "zip: {shots: [1, 4], lambda: [1, 2]}\n"
                   "                     ^");
}

static void rules_cannot_move_a_run_or_remove_all(void **state)
{
    (void)state;
    assert_refused(HEAD "when: {if: {shots: 16}, set: {dataset: dtd}}\n",
                   "r.yaml:6:31: a condition cannot set 'dataset'; use 'grids'\n"
                   "when: {if: {shots: 16}, set: {dataset: dtd}}\n"
                   "                              ^");
    assert_refused(HEAD "when: {if: {shots: 16}}\n",
                   "r.yaml:6:7: expected {if: {axis: value}, set: {key: value}}\n"
                   "when: {if: {shots: 16}}\n"
                   "      ^");
    assert_refused(HEAD "exclude: [{method: coop}]\n",
                   "r.yaml:1:1: the recipe has no run left; look at 'exclude'\n"
                   "recipe: x\n"
                   "^");
    assert_refused(HEAD "table: {name: t, where: {shots: 1}}\n",
                   "r.yaml:6:25: no run of this recipe is selected\n"
                   "table: {name: t, where: {shots: 1}}\n"
                   "                        ^");
    assert_refused(HEAD "figure: {name: f, x: dataset}\n",
                   "r.yaml:6:22: 'dataset' has no numbers to stand on the x axis\n"
                   "figure: {name: f, x: dataset}\n"
                   "                     ^");
}

static void broken_yaml_shows_its_place(void **state)
{
    (void)state;
    assert_refused("", "r.yaml:1:1: the file is empty\n\n^");
    assert_refused("recipe: 'abc\n", "r.yaml:1:10: single-quoted scalar without closing quote\n"
                                     "recipe: 'abc\n"
                                     "         ^");
    assert_refused(HEAD "seed: *s\n", "r.yaml:6:7: alias '*s' has no complete anchor before it\n"
                                      "seed: *s\n"
                                      "      ^");
    assert_refused(HEAD "seed: !!int 4\n", "r.yaml:6:13: tags are not used in recipes\n"
                                           "seed: !!int 4\n"
                                           "            ^");
    assert_refused(HEAD "---\nseed: 4\n",
                   "r.yaml:6:1: a second document begins here; a recipe is one\n"
                   "---\n"
                   "^");
    assert_refused("? [a, b]\n: c\n", "r.yaml:1:3: expected a name before ':'\n"
                                      "? [a, b]\n"
                                      "  ^");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    char *got = case_error("recipe: x\0y\n", 12);
    assert_string_equal(got, "r.yaml:1:10: a NUL byte; a recipe is text\nrecipe: x\n         ^");
    free(got);
    assert_refused("recipe: \xc3(\n", "r.yaml:1:9: invalid UTF-8\nrecipe: \\xc3(\n        ^");
    assert_refused("recipe: \xed\xa0\x80\n",
                   "r.yaml:1:9: invalid UTF-8\nrecipe: \\xed\\xa0\\x80\n        ^");
    assert_refused("\"re\\ncipe\": x\n", "r.yaml:1:1: unknown key 're\\x0acipe', did you mean "
                                         "'recipe'?\n\"re\\ncipe\": x\n^");
}

static void columns_count_characters_and_the_caret_stands_below(void **state)
{
    (void)state;
    assert_refused("recipe: x\nabout: {\"\xc3\xa9t\xc3\xa9\": 1}\n",
                   "r.yaml:2:8: 'about' is a map, expected text\n"
                   "about: {\"\xc3\xa9t\xc3\xa9\": 1}\n"
                   "       ^");
    assert_refused(METHOD("method: [{coop: {context: \"\xc3\xa9t\xc3\xa9\", epochs: -1}}]\n"),
                   "r.yaml:5:42: 'epochs' is '-1', expected a whole number from 1 to 100000\n"
                   "method: [{coop: {context: \"\xc3\xa9t\xc3\xa9\", epochs: -1}}]\n"
                   "                                         ^");
}

static void large_inputs_are_refused(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    str_add(&text, "recipe: x\nabout: ");
    str_pad(&text, 1 << 20, 'a');
    struct recipe *r;
    struct err e = {0};
    assert_int_equal(case_load_bytes(&r, text.data, text.size, &e), ERR_RANGE);
    assert_non_null(strstr(e.text, "1048576"));

    str_clear(&text);
    str_add(&text, "a: ");
    str_pad(&text, 40, '[');
    str_pad(&text, 40, ']');
    char *got = case_error(text.data, text.size);
    assert_memory_equal(got, "r.yaml:1:35: more than 32 levels\n", 33);
    free(got);

    str_clear(&text); // nine levels of ten: 10^9 values if it were expanded
    str_add(&text, "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for (int i = 1; i < 9; i++) {
        str_addf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            str_addf(&text, "%s*a%d", k ? ", " : "", i - 1);
        str_add(&text, "]\n");
    }
    got = case_error(text.data, text.size);
    assert_non_null(strstr(got, "its aliases expand to more than 100000 values"));
    free(got);
    str_release(&text);
}

/* 1000 x 1000 x 1000 runs are counted, not made. */
static void a_grid_of_a_thousand_million_runs_is_refused_at_once(void **state)
{
    (void)state;
    struct str text = STR_INIT;
    static const char *const axes[] = {"seed", "epochs", "batch"};
    str_add(&text, HEAD);
    for (int a = 0; a < 3; a++) {
        str_addf(&text, "%s: [", axes[a]);
        for (int i = 1; i <= 1000; i++)
            str_addf(&text, "%s%d", i > 1 ? ", " : "", i);
        str_add(&text, "]\n");
    }
    char *got = case_error(text.data, text.size);
    const char want[] =
        "r.yaml:7:9: the grid has 1000000000 runs, over the limit of 100000; shorten "
        "an axis or raise 'limit' (at most 1000000)\n";
    assert_memory_equal(got, want, sizeof want - 1);
    free(got);
    str_release(&text);
}

static void extends_stays_in_the_folder_and_ends(void **state)
{
    (void)state;
    assert_refused("recipe: x\nextends: ../other.yaml\n",
                   "r.yaml:2:10: expected the name of a file in the same folder\n"
                   "extends: ../other.yaml\n"
                   "         ^");
    assert_refused("recipe: x\nextends: r.yaml\n", "r.yaml:2:10: 'r.yaml' extends itself\n"
                                                   "extends: r.yaml\n"
                                                   "         ^");
    const char loop[] = "recipe: y\nextends: r.yaml\n", bad[] = "recipe: y\nshots: x\n";
    case_write("base.yaml", loop, strlen(loop));
    assert_refused("recipe: x\nextends: base.yaml\n", "base.yaml:2:10: 'r.yaml' extends itself\n"
                                                      "extends: r.yaml\n"
                                                      "         ^");
    case_write("base.yaml", bad, strlen(bad)); // errors name the file they are in
    assert_refused("recipe: x\nextends: base.yaml\nmethod: coop\nprotocol: few-shot\n"
                   "backbone: pocket\ndataset: dtd\n",
                   "base.yaml:2:8: 'shots' is 'x', expected a whole number\n"
                   "shots: x\n"
                   "       ^");
    assert_refused("recipe: x\nextends: bse.yaml\n",
                   "r.yaml:2:10: unknown recipe 'bse.yaml', did you mean 'base.yaml'?\n"
                   "extends: bse.yaml\n"
                   "         ^");
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct recipe *r;
    struct err e = {0};
    assert_int_equal(recipe_load(&r, "/nowhere/r.yaml", &e), ERR_MISSING);
    assert_non_null(strstr(e.text, "/nowhere/r.yaml"));
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names_suggest_the_nearest),
        cmocka_unit_test(a_name_with_no_neighbour_lists_the_known_ones),
        cmocka_unit_test(wrong_types_say_what_was_found_and_expected),
        cmocka_unit_test(values_out_of_range_show_the_range),
        cmocka_unit_test(keys_must_be_there_once_and_in_their_place),
        cmocka_unit_test(what_knows_only_its_classes_cannot_be_tested_on_others),
        cmocka_unit_test(parameters_that_cannot_go_together_are_refused),
        cmocka_unit_test(zips_pair_axes_of_equal_lengths),
        cmocka_unit_test(rules_cannot_move_a_run_or_remove_all),
        cmocka_unit_test(broken_yaml_shows_its_place),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(columns_count_characters_and_the_caret_stands_below),
        cmocka_unit_test(large_inputs_are_refused),
        cmocka_unit_test(a_grid_of_a_thousand_million_runs_is_refused_at_once),
        cmocka_unit_test(extends_stays_in_the_folder_and_ends),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
