#include "t.h"

#include "core/base/str.h"
#include "harness/show/published.h"

static const struct baseline_row good = {.table = "base2new",
                                         .method = "m",
                                         .backbone = "ViT-B/16",
                                         .dataset = "Caltech101",
                                         .split = "base",
                                         .source = "u",
                                         .shots = 16,
                                         .value = 80,
                                         .file = "x.csv",
                                         .line = 7};

static void what_comes_with_promptgrid_can_stand_in_tables(void **state)
{
    (void)state;
    struct err e = {0};
    struct baselines b;
    assert_ok(baselines_load(&b, "results/published", &e), &e);
    for (size_t i = 0; i < b.n; i++)
        assert_ok(published_check(&b.rows[i], &e), &e);
    baselines_release(&b);
}

static void what_cannot_is_named_with_what_may_be_meant(void **state)
{
    (void)state;
    static const struct {
        const char *table, *split, *dataset, *backbone, *want;
    } cases[] = {
        {.dataset = "Caltech-101",
         .want = "unknown dataset 'Caltech-101', did you mean 'Caltech101'?"},
        {.dataset = "caltech101",
         .want = "unknown dataset 'caltech101', did you mean 'Caltech101'?"},
        {.dataset = "average", .want = "unknown dataset 'average', did you mean 'Average'?"},
        {.dataset = "my own data",
         .want = "unknown dataset 'my own data': expected a dataset's name in tables (data list), "
                 "or Average"},
        {.backbone = "vit-b16", .want = "unknown backbone 'vit-b16', did you mean 'ViT-B/16'?"},
        {.backbone = "ResNeXt",
         .want = "unknown backbone 'ResNeXt': expected its name in tables, such as ViT-B/16"},
        {.table = "base2nw", .want = "unknown table 'base2nw', did you mean 'base2new'?"},
        {.table = "base2newer", .want = "unknown table 'base2newer', did you mean 'base2new'?"},
        {.table = "main",
         .want = "unknown table 'main': expected base2new, fewshot, cross_dataset, domain_gen, or "
                 "one of them with _ and more for another listing"},
        {.split = "all",
         .want = "split 'all' is none of table 'base2new': expected base, new or H"},
        {.table = "fewshot_alt",
         .want = "split 'base' is none of table 'fewshot_alt': expected all"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        struct baseline_row row = good;
        row.table = cases[i].table ? cases[i].table : row.table;
        row.split = cases[i].split ? cases[i].split : row.split;
        row.dataset = cases[i].dataset ? cases[i].dataset : row.dataset;
        row.backbone = cases[i].backbone ? cases[i].backbone : row.backbone;
        char *want = str_format("x.csv:7: %s", cases[i].want);
        assert_int_equal(published_check(&row, &e), ERR_PARSE);
        assert_text(&e, want);
        free(want);
    }
    struct err e = {0};
    struct baseline_row row = good;
    row.table = "base2new_mine";
    assert_ok(published_check(&row, &e), &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_with_promptgrid_can_stand_in_tables),
        cmocka_unit_test(what_cannot_is_named_with_what_may_be_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
