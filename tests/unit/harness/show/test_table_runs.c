/* Which row and column each run of a table block belongs to. */
#include "harness/recipe/recipe_case.h"

#include "harness/show/table_runs.h"

/* "row | column | run seed" of every run of the first table, ids being the runs' numbers. */
static char *placed(const char *text)
{
    struct recipe *r = case_load(text);
    struct plan plan = {.recipe = r};
    struct table_runs t;
    struct str out = STR_INIT;
    plan.runs = calloc(r->n, sizeof *plan.runs);
    plan.of = calloc(r->n, sizeof *plan.of);
    for (size_t i = 0; i < r->n; i++) {
        snprintf(plan.runs[i].id, HASH_HEX, "%zu", i);
        plan.of[i] = i;
    }
    plan.n = r->n;
    table_runs_init(&t, &plan, &r->tables[0], NULL);
    for (size_t i = 0; i < t.n; i++)
        str_addf(&out, "%s | %s | %s\n", t.runs[i].row, t.runs[i].column, t.runs[i].run);
    table_runs_release(&t);
    free(plan.runs);
    free(plan.of);
    recipe_free(r);
    return str_detach(&out);
}

static void assert_placed(const char *text, const char *want)
{
    char *got = placed(text);
    assert_string_equal(got, want);
    free(got);
}

#define TOP "recipe: x\nbackbone: pocket\nprotocol: few-shot\n"

static void labels_name_datasets_and_what_varies_in_a_column(void **state)
{
    (void)state;
    assert_placed(TOP "dataset: [dtd, imagenet]\nmethod: [zero-shot, {rlp: {rank: [1, 2]}}]\n",
                  "zero-shot CLIP | DTD | 0\n"
                  "zero-shot CLIP | ImageNet | 1\n"
                  "RLP, rank 1 | DTD | 2\n"
                  "RLP, rank 2 | DTD | 3\n"
                  "RLP, rank 1 | ImageNet | 4\n"
                  "RLP, rank 2 | ImageNet | 5\n");
}

static void the_source_is_marked_and_several_sources_are_rows(void **state)
{
    (void)state;
    assert_placed("recipe: x\nbackbone: pocket\nprotocol: domain-generalization\n"
                  "dataset: [imagenet, imagenet_a]\nmethod: [zero-shot, coop]\n",
                  "zero-shot CLIP | ImageNet (source) | 0\n"
                  "zero-shot CLIP | ImageNet-A | 1\n"
                  "CoOp | ImageNet (source) | 2\n"
                  "CoOp | ImageNet-A | 3\n");
    assert_placed("recipe: x\nbackbone: pocket\nprotocol: cross-dataset\nsource: [dtd, eurosat]\n"
                  "dataset: sun397\nmethod: coop\n",
                  "CoOp, from DTD | SUN397 | 0\n"
                  "CoOp, from EuroSAT | SUN397 | 1\n");
}

static void epochs_that_depend_on_the_dataset_leave_one_row(void **state)
{
    (void)state;
    assert_placed(TOP "dataset: [dtd, imagenet]\nmethod: {coop: {epochs: 200}}\n"
                      "when: {if: {dataset: imagenet}, set: {epochs: 50}}\n",
                  "CoOp | DTD | 0\n"
                  "CoOp | ImageNet | 1\n");
}

static void runs_without_shots_stand_beside_every_number_of_them(void **state)
{
    (void)state;
    assert_placed(TOP "dataset: dtd\nshots: [1, 4]\nmethod: [zero-shot, coop]\n"
                      "table: {name: t, columns: shots}\n",
                  "zero-shot CLIP | 1 shot | 0\n"
                  "zero-shot CLIP | 4 shots | 0\n"
                  "CoOp | 1 shot | 1\n"
                  "CoOp | 4 shots | 2\n");
}

static void where_selects_and_axes_may_be_parameters(void **state)
{
    (void)state;
    assert_placed(TOP "dataset: [dtd, imagenet]\nmethod: [coop, {rlp: {rank: [1, 2]}}]\n"
                      "table: {name: t, rows: dataset, columns: rank, where: {method: rlp}}\n",
                  "DTD | rank 1 | 2\n"
                  "DTD | rank 2 | 3\n"
                  "ImageNet | rank 1 | 4\n"
                  "ImageNet | rank 2 | 5\n");
}

static void groups_take_an_axis_out_of_the_labels(void **state)
{
    (void)state;
    struct recipe *r = case_load(TOP "dataset: dtd\nshots: [1, 4]\nmethod: [zero-shot, coop]\n"
                                     "table: {name: t, group: shots}\n");
    struct plan plan = {.recipe = r};
    struct table_runs t;
    struct str out = STR_INIT;
    plan.runs = calloc(r->n, sizeof *plan.runs);
    plan.of = calloc(r->n, sizeof *plan.of);
    for (size_t i = 0; i < r->n; i++)
        plan.of[i] = i;
    json_t *where = json_pack("{s:[s]}", "method", "coop");
    table_runs_init(&t, &plan, &r->tables[0], NULL);
    for (size_t i = 0; i < t.n; i++)
        str_addf(&out, "%s | %s\n", t.runs[i].group, t.runs[i].row);
    assert_string_equal(out.data, "1 shot | zero-shot CLIP\n"
                                  "4 shots | zero-shot CLIP\n"
                                  "1 shot | CoOp\n"
                                  "4 shots | CoOp\n");
    table_runs_release(&t);
    table_runs_init(&t, &plan, &r->tables[0], where); // a condition of the command line
    assert_int_equal(t.n, 2);
    assert_string_equal(t.runs[1].row, "CoOp");
    table_runs_release(&t);
    json_decref(where);
    str_release(&out);
    free(plan.runs);
    free(plan.of);
    recipe_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_name_datasets_and_what_varies_in_a_column),
        cmocka_unit_test(the_source_is_marked_and_several_sources_are_rows),
        cmocka_unit_test(epochs_that_depend_on_the_dataset_leave_one_row),
        cmocka_unit_test(runs_without_shots_stand_beside_every_number_of_them),
        cmocka_unit_test(where_selects_and_axes_may_be_parameters),
        cmocka_unit_test(groups_take_an_axis_out_of_the_labels),
    };
    return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
