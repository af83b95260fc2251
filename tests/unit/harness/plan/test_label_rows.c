/* Row labels: the method and what tells its runs apart, nothing else. */
#include "harness/recipe/recipe_case.h"

#include "harness/plan/label.h"

#define TOP "recipe: x\nprotocol: few-shot\nbackbone: pocket\n"

static void assert_labels(const char *recipe, const char *const *ignore, const char *want)
{
    struct recipe *r = case_load(recipe);
    const struct grid_run *runs[64];
    struct str got = STR_INIT;
    for (size_t i = 0; i < r->n; i++)
        runs[i] = &r->runs[i];
    char **labels = labels_rows(runs, r->n, ignore);
    for (size_t i = 0; i < r->n; i++) {
        if (i == 0 || !str_eq(labels[i], labels[i - 1]))
            str_addf(&got, "%s\n", labels[i]);
    }
    assert_string_equal(got.data, want);
    for (size_t i = 0; i < r->n; i++)
        free(labels[i]);
    free(labels);
    str_release(&got);
    recipe_free(r);
}

static const char *const seed_dataset[] = {"seed", "dataset", NULL};

static void a_method_alone_is_its_label(void **state)
{
    (void)state;
    assert_labels(TOP "dataset: [dtd, ucf101]\nseed: [1, 2]\n"
                      "method: [zero-shot, {coop: {epochs: 5}}, rlp]\n",
                  seed_dataset, "zero-shot CLIP\nCoOp\nRLP\n");
}

static void parameters_that_vary_within_a_method_are_named(void **state)
{
    (void)state;
    assert_labels(TOP "dataset: dtd\nmethod: [{coop: {lr: [0.5, 1]}}, {rlp: {rank: [1, 2]}},\n"
                      "  {rlp: {rank: 2, context: ''}}]\n",
                  seed_dataset,
                  "CoOp, lr 0.5\nCoOp, lr 1\n"
                  "RLP, context \"a photo of a\", rank 1\nRLP, context \"a photo of a\", rank 2\n"
                  "RLP, context \"\", rank 2\n");
}

static void axes_that_vary_are_named_unless_ignored(void **state)
{
    (void)state;
    static const char *const shots[] = {"shots", "seed", "views", NULL};
    const char recipe[] = TOP "dataset: [dtd, imagenet]\nshots: [1, 4]\nseed: [1, 2]\n"
                              "views: [none, fresh, 8]\nmethod: coop\n"
                              "exclude: [{views: 8, shots: 4}, {views: fresh, shots: 4}]\n";
    assert_labels(recipe, shots,
                  "CoOp, DTD\nCoOp, ImageNet\nCoOp, DTD\nCoOp, ImageNet\n"
                  "CoOp, DTD\nCoOp, ImageNet\n");
    assert_labels(recipe, seed_dataset,
                  "CoOp, no augmentation, 1 shot\nCoOp, no augmentation, 4 shots\n"
                  "CoOp, no augmentation, 1 shot\nCoOp, no augmentation, 4 shots\n"
                  "CoOp, fresh views, 1 shot\nCoOp, 8 views, 1 shot\n");
    assert_labels("recipe: x\nprotocol: [few-shot, base-to-new]\nbackbone: [pocket, vit-b16]\n"
                  "dataset: dtd\nmethod: coop\n",
                  NULL,
                  "CoOp, few-shot, pocket CLIP\nCoOp, few-shot, ViT-B/16\n"
                  "CoOp, base-to-new, pocket CLIP\nCoOp, base-to-new, ViT-B/16\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_method_alone_is_its_label),
        cmocka_unit_test(parameters_that_vary_within_a_method_are_named),
        cmocka_unit_test(axes_that_vary_are_named_unless_ignored),
    };
    return cmocka_run_group_tests(tests, case_setup, case_teardown);
}
