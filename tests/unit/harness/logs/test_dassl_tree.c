/* What the folders of Dassl's trainers say, and where their logs are. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "harness/logs/dassl_tree.h"

static void folders_name_runs(void **state)
{
    (void)state;
    static const struct {
        const char *path, *dataset, *trainer, *config, *classes;
        long shots, seed;
        bool evaluation;
    } rows[] = {
        {"/o/base2new/train_base/oxford_pets/shots_16/CoCoOp/vit_b16_ctxv1/seed2/log.txt",
         "oxford_pets", "CoCoOp", "vit_b16_ctxv1", "base", 16, 2, false},
        {"/o/base2new/test_new/dtd/shots_4_8.0/KgCoOp/vit_b16_ep100_ctxv1/seed1/log.txt", "dtd",
         "KgCoOp", "8.0 vit_b16_ep100_ctxv1", "new", 4, 1, false},
        {"/o/eurosat/shots_1/CoOp/rn50_ep50/seed3/log.txt", "eurosat", "CoOp", "rn50_ep50", NULL, 1,
         3, false},
        {"/o/caltech101/CoOp/rn50_ep50_8shots/nctx16_cscFalse_ctpend/seed1/log.txt", "caltech101",
         "CoOp", "rn50_ep50 nctx16_cscFalse_ctpend", NULL, 8, 1, false},
        {"/o/imagenet/CoCoOp/vit_b16_16shots/seed1/log.txt", "imagenet", "CoCoOp", "vit_b16", NULL,
         16, 1, false},
        {"/o/evaluation/CoCoOp/vit_b16_16shots/food101/seed1/log.txt", "food101", "CoCoOp",
         "vit_b16", NULL, 16, 1, true},
        {"/o/evaluation/CoOp/vit_b16_ep50_16shots/nctx4_cscFalse_ctpend/imagenet_r/seed3/log.txt",
         "imagenet_r", "CoOp", "vit_b16_ep50 nctx4_cscFalse_ctpend", NULL, 16, 3, true},
        {"/o/ZeroshotCLIP/rn50/OxfordFlowers/log.txt", "oxford_flowers", "ZeroshotCLIP", "rn50",
         NULL, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dassl_place p;
        if (!dassl_place_read(&p, rows[i].path))
            fail_msg("%s", rows[i].path);
        assert_string_equal(p.dataset->name, rows[i].dataset);
        assert_string_equal(p.trainer, rows[i].trainer);
        assert_string_equal(p.config, rows[i].config);
        assert_true(str_eq(p.classes, rows[i].classes));
        assert_int_equal(p.shots, rows[i].shots);
        assert_int_equal(p.seed, rows[i].seed);
        assert_int_equal(p.evaluation, rows[i].evaluation);
    }
}

static void other_folders_are_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "/log.txt",
        "/o/CoOp/seed1/log.txt",
        "/o/oxford_pet/shots_16/CoCoOp/vit_b16/seed2/log.txt",
        "/o/oxford_pets/shots_x/CoCoOp/vit_b16/seed2/log.txt",
        "/o/oxford_pets/shots_16/CoCoOp/vit_b16/seedling/log.txt",
        "/o/oxford_pets/CoCoOp/vit_b16_shots/seed2/log.txt",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dassl_place p;
        assert_false(dassl_place_read(&p, rows[i]));
    }
}

static void datasets_have_two_names(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"dtd", "dtd"},
                                          {"DescribableTextures", "dtd"},
                                          {"ImageNetV2", "imagenetv2"},
                                          {"ImageNetSketch", "imagenet_sketch"},
                                          {"FGVCAircraft", "fgvc_aircraft"},
                                          {"ImageNet", "imagenet"},
                                          {"UCF101", "ucf101"},
                                          {"SUN397", "sun397"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(dassl_dataset(rows[i][0])->name, rows[i][1]);
    assert_null(dassl_dataset("CIFAR10"));
    assert_null(dassl_dataset(""));
}

static void logs_are_found_and_links_are_not_followed(void **state)
{
    (void)state;
    struct dassl_logs logs;
    struct err e = {0};
    char *home = t_folder(), *a = fs_join(home, "a/b"), *c = fs_join(home, "c");
    char *one = fs_join(a, "log.txt"), *two = fs_join(c, "log.txt"), *link_ = fs_join(a, "up");
    char *other = fs_join(c, "log.txt-2021");
    assert_ok(dassl_tree_list(&logs, home, &e), &e);
    assert_int_equal(logs.n, 0);
    dassl_logs_release(&logs);
    assert_ok(fs_make_folders(a, &e), &e);
    assert_ok(fs_make_folders(c, &e), &e);
    assert_ok(fs_write(one, "x", 1, &e), &e);
    assert_ok(fs_write(two, "x", 1, &e), &e);
    assert_ok(fs_write(other, "x", 1, &e), &e);
    assert_int_equal(symlink(home, link_), 0);
    assert_ok(dassl_tree_list(&logs, home, &e), &e);
    assert_int_equal(logs.n, 2);
    assert_string_equal(logs.paths[0], one);
    assert_string_equal(logs.paths[1], two);
    dassl_logs_release(&logs);
    char *made[] = {link_, one, two, other};
    for (int i = 0; i < 4; i++)
        unlink(made[i]);
    rmdir(a);
    a[strlen(a) - 2] = 0;
    rmdir(a);
    rmdir(c);
    rmdir(home);
    char *texts[] = {home, a, c, one, two, link_, other};
    for (int i = 0; i < 7; i++)
        free(texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_name_runs),
        cmocka_unit_test(other_folders_are_none),
        cmocka_unit_test(datasets_have_two_names),
        cmocka_unit_test(logs_are_found_and_links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
