/* The catalogue's rows, and where files are looked for. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/data/split.h"

/* The program's home is the repository root, where tests run. */
static int use_home(void **state)
{
    (void)state;
    char here[4096];
    unsetenv("PROMPTGRID_DATA");
    return !getcwd(here, sizeof here) || setenv("PROMPTGRID_HOME", here, 1);
}

static void sets_name_rows_that_exist(void **state)
{
    (void)state;
    int members = 0;
    for (const char *const *set = dataset_set_names(); *set; set++)
        for (const char *const *name = dataset_set_find(*set); *name; name++, members++)
            assert_non_null(dataset_find(*name));
    assert_int_equal(members, 11 + 10 + 4 + 5);
    assert_int_equal(dataset_rows_count(), 20);
    assert_string_equal(dataset_set_find("all11")[0], "imagenet");
    assert_string_equal(dataset_set_find("all11")[10], "ucf101");
    assert_string_equal(dataset_set_find("cross10")[0], "caltech101");
    assert_string_equal(dataset_set_find("cross10")[9], "ucf101");
    assert_null(dataset_set_find("all12"));
    assert_null(dataset_find("caltech"));
    assert_string_equal(dataset_find("oxford_flowers")->label, "Flowers102");
    assert_string_equal(backbone_find("vit-b16")->label, "ViT-B/16");
    assert_string_equal(backbone_find("rn101")->label, "RN101");
    assert_null(backbone_find("rn50x4"));
}

static void the_variants_of_imagenet_are_targets(void **state)
{
    (void)state;
    static const char *const labels[] = {"ImageNetV2", "ImageNet-Sketch", "ImageNet-A",
                                         "ImageNet-R"};
    int targets = 0;
    for (const struct dataset_row *d = dataset_rows; d->name; d++)
        targets += dataset_is_target(d);
    assert_int_equal(targets, 4);
    for (int i = 0; i < 4; i++) {
        const struct dataset_row *d = dataset_find(dataset_set_find("dg4")[i]);
        assert_true(dataset_is_target(d));
        assert_string_equal(d->label, labels[i]);
        assert_int_equal(d->train + d->val, 0);
    }
}

static void every_row_has_one_place_for_the_class_name(void **state)
{
    (void)state;
    for (const struct dataset_row *d = dataset_rows; d->name; d++) {
        const char *at = strstr(d->template_, "{}");
        assert_non_null(at);
        assert_null(strstr(at + 2, "{}"));
        assert_true((d->layout == LAYOUT_SPLIT_JSON) == (d->split != NULL));
    }
}

static void pocket_datasets_are_always_found_and_official(void **state)
{
    (void)state;
    struct err e;
    struct roots roots;
    assert_ok(roots_open(&roots, NULL, 0, &e), &e);
    for (const char *const *name = dataset_set_find("pocket5"); *name; name++) {
        const struct dataset_row *d = dataset_find(*name);
        struct split s;
        char *folder;
        assert_ok(roots_dataset(&roots, d, &folder, &e), &e);
        assert_ok(split_load(&s, d, folder, &e), &e);
        assert_ok(split_check(&s, &e), &e);
        char *note = split_note(&s, d);
        assert_string_equal(note, "");
        free(note);
        free(folder);
        split_release(&s);
    }
    roots_release(&roots);
}

static void official_splits_have_official_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"caltech101", "oxford_pets", "oxford_flowers", "dtd"};
    if (!fs_is_folder("../shared/data/splits")) {
        print_message("skipped: no ../shared/data/splits\n");
        return;
    }
    for (int i = 0; i < 4; i++) {
        struct err e;
        struct split s;
        const struct dataset_row *d = dataset_find(names[i]);
        assert_ok(split_load(&s, d, "../shared/data/splits", &e), &e);
        char *note = split_note(&s, d);
        assert_string_equal(note, "");
        free(note);
        split_release(&s);
    }
}

static void roots_are_searched_in_order(void **state)
{
    (void)state;
    struct err e;
    struct roots roots;
    char *a = t_folder(), *b = t_folder(), *folder;
    const struct dataset_row *d = dataset_find("dtd");
    char *in_a = fs_join(a, "dtd"), *in_b = fs_join(b, "dtd");
    const char *given[] = {a, b};
    assert_ok(fs_make_folders(in_b, &e), &e);
    assert_ok(roots_open(&roots, given, 2, &e), &e);
    assert_int_equal(roots.n, 3);
    assert_ok(roots_dataset(&roots, d, &folder, &e), &e);
    assert_string_equal(folder, in_b);
    free(folder);
    assert_ok(fs_make_folders(in_a, &e), &e);
    assert_ok(roots_dataset(&roots, d, &folder, &e), &e);
    assert_string_equal(folder, in_a);
    free(folder);
    roots_release(&roots);

    char *list = str_format(":%s::%s", b, a);
    setenv("PROMPTGRID_DATA", list, 1);
    assert_ok(roots_open(&roots, NULL, 0, &e), &e);
    assert_int_equal(roots.n, 3);
    assert_string_equal(roots.folders[0], b);
    roots_release(&roots);
    assert_ok(roots_open(&roots, given, 1, &e), &e); // --data counts, not the variable
    assert_int_equal(roots.n, 2);
    roots_release(&roots);
    unsetenv("PROMPTGRID_DATA");
    free(list);
    free(in_a);
    free(in_b);
    free(a);
    free(b);
}

static void a_missing_dataset_names_every_place(void **state)
{
    (void)state;
    struct err e;
    struct roots roots;
    char *folder;
    const char *given[] = {"/nowhere/one", "/nowhere/two"};
    assert_ok(roots_open(&roots, given, 2, &e), &e);
    assert_int_equal(roots_dataset(&roots, dataset_find("caltech101"), &folder, &e), ERR_MISSING);
    char *want =
        str_format("dataset 'caltech101' was not found: no folder "
                   "'/nowhere/one/caltech-101', '/nowhere/two/caltech-101', "
                   "'%s/recipes/pocket/data/caltech-101'; set --data or PROMPTGRID_DATA "
                   "to the folder that holds 'caltech-101', or 'promptgrid data fetch caltech101'",
                   roots.home);
    assert_text(&e, want);
    free(want);
    roots_release(&roots);

    unsetenv("PROMPTGRID_DATA");
    assert_ok(roots_open(&roots, NULL, 0, &e), &e);
    assert_int_equal(roots_dataset(&roots, dataset_find("caltech101"), &folder, &e), ERR_MISSING);
    want = str_format("dataset 'caltech101' was not found: no --data or PROMPTGRID_DATA folder was "
                      "given, and no folder '%s/recipes/pocket/data/caltech-101'; set --data or "
                      "PROMPTGRID_DATA to the folder that holds 'caltech-101', or 'promptgrid data "
                      "fetch caltech101'",
                      roots.home);
    assert_text(&e, want);
    free(want);
    roots_release(&roots);
}

static void backbones_are_found_by_name_or_folder(void **state)
{
    (void)state;
    struct err e;
    struct roots roots;
    struct backbone_files f;
    const char *given[] = {"/nowhere"};
    assert_ok(roots_open(&roots, given, 1, &e), &e);
    assert_ok(roots_backbone(&roots, "pocket", &f, &e), &e);
    assert_true(str_ends(f.weights, "/recipes/pocket/model.safetensors"));
    assert_true(str_ends(f.merges, "/recipes/pocket/bpe_pocket.txt"));
    backbone_files_release(&f);
    assert_ok(roots_backbone(&roots, "recipes/pocket", &f, &e), &e);
    assert_string_equal(f.weights, "recipes/pocket/model.safetensors");
    backbone_files_release(&f);

    assert_int_equal(roots_backbone(&roots, "vit-b16", &f, &e), ERR_MISSING);
    char *want = str_format("backbone 'vit-b16' was not found: no folder "
                            "'/nowhere/backbones/vit-b16', 'workspace/backbones/vit-b16', "
                            "'%s/recipes/vit-b16'; see 'promptgrid weights', or set --data or "
                            "PROMPTGRID_DATA to the folder that holds 'backbones/vit-b16'",
                            roots.home);
    assert_text(&e, want);
    free(want);
    assert_int_equal(roots_backbone(&roots, "vit-b61", &f, &e), ERR_MISSING);
    assert_text(&e, "'vit-b61' is neither a backbone nor a folder; did you mean 'vit-b16'?");
    roots_release(&roots);
}

static void the_workspace_and_the_folder_around_are_searched(void **state)
{
    (void)state;
    struct err e;
    struct roots roots;
    struct backbone_files f;
    char *space = t_folder(), *folder = fs_join(space, "backbones/vit-b16");
    char *weights = fs_join(folder, "model.safetensors");
    char *merges = fs_join(space, "backbones/bpe_x.txt");
    assert_ok(fs_make_folders(folder, &e), &e);
    assert_ok(fs_write(weights, "", 0, &e), &e);
    assert_ok(fs_write(merges, "", 0, &e), &e);
    setenv("PROMPTGRID_WORKSPACE", space, 1);
    assert_ok(roots_open(&roots, NULL, 0, &e), &e);
    unsetenv("PROMPTGRID_WORKSPACE");
    assert_ok(roots_backbone(&roots, "vit-b16", &f, &e), &e);
    assert_string_equal(f.weights, weights);
    assert_string_equal(f.merges, merges);
    backbone_files_release(&f);
    roots_release(&roots);
    unlink(weights);
    unlink(merges);
    free(weights);
    free(merges);
    free(folder);
    free(space);
}

static void a_backbone_folder_needs_one_merges_file(void **state)
{
    (void)state;
    struct err e;
    struct roots roots;
    struct backbone_files f;
    char *folder = t_folder(), *path = fs_join(folder, "model.safetensors"), *want;
    assert_ok(roots_open(&roots, NULL, 0, &e), &e);
    assert_int_equal(roots_backbone(&roots, folder, &f, &e), ERR_MISSING);
    want = str_format("folder '%s' holds no model.safetensors", folder);
    assert_text(&e, want);
    free(want);
    assert_ok(fs_write(path, "", 0, &e), &e);
    assert_int_equal(roots_backbone(&roots, folder, &f, &e), ERR_MISSING);
    want =
        str_format("folder '%s' holds no merges file bpe*.txt, bpe*.txt.gz or merges.txt", folder);
    assert_text(&e, want);
    free(want);
    free(path);
    for (int i = 0; i < 2; i++) {
        path = fs_join(folder, i ? "bpe_b.txt.gz" : "bpe_a.txt");
        assert_ok(fs_write(path, "", 0, &e), &e);
        free(path);
    }
    assert_int_equal(roots_backbone(&roots, folder, &f, &e), ERR_MISSING);
    want = str_format(
        "folder '%s' holds two merges files, 'bpe_a.txt' and 'bpe_b.txt.gz': keep one", folder);
    assert_text(&e, want);
    free(want);
    free(folder);
    roots_release(&roots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_name_rows_that_exist),
        cmocka_unit_test(the_variants_of_imagenet_are_targets),
        cmocka_unit_test(every_row_has_one_place_for_the_class_name),
        cmocka_unit_test(pocket_datasets_are_always_found_and_official),
        cmocka_unit_test(official_splits_have_official_counts),
        cmocka_unit_test(roots_are_searched_in_order),
        cmocka_unit_test(a_missing_dataset_names_every_place),
        cmocka_unit_test(backbones_are_found_by_name_or_folder),
        cmocka_unit_test(the_workspace_and_the_folder_around_are_searched),
        cmocka_unit_test(a_backbone_folder_needs_one_merges_file),
    };
    return cmocka_run_group_tests(tests, use_home, NULL);
}
