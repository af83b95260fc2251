/* Splits made anew: every byte CPython's, and what cannot be made. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/data/resplit.h"

#include <jansson.h>

#define ORACLE "tests/oracle/split/"

static void put(const char *folder, const char *name, const char *text)
{
    struct err e;
    char *path = fs_join(folder, name), *parent = fs_folder(path);
    FILE *f;
    assert_ok(fs_make_folders(parent, &e), &e);
    assert_non_null(f = fopen(path, "w"));
    fputs(text, f);
    fclose(f);
    free(parent);
    free(path);
}

/* The tree of trees.json for `dataset`, in a folder of its own. */
static char *plant(const char *dataset)
{
    json_t *trees = json_load_file(ORACLE "trees.json", 0, NULL);
    const char *path;
    json_t *text;
    char *folder = t_folder();
    assert_non_null(trees);
    assert_non_null(json_object_get(trees, dataset));
    json_object_foreach(json_object_get(trees, dataset), path, text)
        put(folder, path, json_string_value(text));
    json_decref(trees);
    return folder;
}

static void every_rule_writes_what_cpython_does(void **state)
{
    (void)state;
    static const char *const datasets[] = {"caltech101",  "food101", "dtd",   "eurosat",
                                           "oxford_pets", "sun397",  "ucf101"};
    for (size_t i = 0; i < sizeof datasets / sizeof datasets[0]; i++) {
        const struct dataset_row *row = dataset_find(datasets[i]);
        char *folder = plant(datasets[i]);
        for (uint64_t seed = 1; seed <= 2; seed++) {
            struct err e;
            struct split s, again;
            char *got, *want, *name = str_format(ORACLE "%s_seed%d.json", row->name, (int)seed);
            size_t size;
            assert_ok(resplit_make(&s, row, folder, seed, &e), &e);
            assert_ok(resplit_json(&s, &got, &e), &e);
            assert_ok(fs_read(&want, &size, name, 1 << 20, &e), &e);
            if (!str_eq(got, want))
                fail_msg("%s: %zu bytes that differ from the %zu of CPython", name, strlen(got),
                         size);
            // What was written reads back as a split of that dataset.
            put(folder, row->split, got);
            assert_ok(split_load(&again, row, folder, &e), &e);
            assert_ok(split_check(&again, &e), &e);
            assert_int_equal(again.classes, s.classes);
            for (int p = 0; p < SPLIT_PARTS; p++)
                assert_int_equal(again.part[p].n, s.part[p].n);
            split_release(&again);
            split_release(&s);
            free(got);
            free(want);
            free(name);
        }
        free(folder);
    }
}

static void what_has_no_rule_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *dataset, *want;
    } cases[] = {
        {"stanford_cars", "the split of 'stanford_cars' cannot be made anew: its annotations are "
                          "MATLAB files, which are not read; get 'split_zhou_StanfordCars.json' "
                          "from its authors"},
        {"oxford_flowers", "the split of 'oxford_flowers' cannot be made anew: its labels are a "
                           "MATLAB file, which is not read; get 'split_zhou_OxfordFlowers.json' "
                           "from its authors"},
        {"pocket-land", "the split of 'pocket-land' cannot be made anew: there is no rule for it; "
                        "get 'split_zhou_pocket-land.json' from its authors"},
        {"imagenet", "'imagenet' needs no split file: its own files and folders are its split"},
        {"fgvc_aircraft",
         "'fgvc_aircraft' needs no split file: its own files and folders are its split"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e;
        struct split s;
        assert_int_equal(resplit_make(&s, dataset_find(cases[i].dataset), "/nowhere", 1, &e),
                         ERR_USAGE);
        assert_text(&e, cases[i].want);
    }
}

/* resplit_make fails with `want` (%s = the folder). */
static void assert_fails(const char *dataset, const char *folder, int code, const char *want)
{
    struct err e;
    struct split s;
    char *text = str_format(want, folder);
    assert_int_equal(resplit_make(&s, dataset_find(dataset), folder, 1, &e), code);
    assert_text(&e, text);
    free(text);
}

static void incomplete_folders_are_named(void **state)
{
    (void)state;
    char *folder = t_folder();
    assert_fails("dtd", folder, ERR_MISSING,
                 "unable to list folder '%s/images': No such file or directory");
    put(folder, "images/.hidden", "");
    assert_fails("dtd", folder, ERR_RANGE, "'%s/images' holds no class");
    put(folder, "images/banded/1.jpg", "");
    put(folder, "images/banded/2.jpg", "");
    assert_fails("dtd", folder, ERR_RANGE,
                 "'%s/images/banded' holds 2 images, too few for parts of 50, 20 and 30 percent");
    assert_fails("oxford_pets", folder, ERR_MISSING,
                 "unable to open '%s/annotations/trainval.txt': No such file or directory");
    free(folder);
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"Abyssinian_1 1 1",
         "'%s/annotations/trainval.txt' has a line 'Abyssinian_1 1 1', expected an image, its "
         "class, species and breed"},
        {"Abyssinian_1 38 1 1",
         "'%s/annotations/trainval.txt' has a line 'Abyssinian_1 38 1 1', expected an image, its "
         "class, species and breed"},
        {"../../x_1 1 1 1",
         "'%s/annotations/trainval.txt' has a line '../../x_1 1 1 1', expected an image, its "
         "class, species and breed"},
        {"Abyssinian 1 1 1",
         "'%s/annotations/trainval.txt' has a line 'Abyssinian 1 1 1', expected an image, its "
         "class, species and breed"},
        {"Abyssinian_1 1 1 1",
         "class 'abyssinian' has 1 training images, too few to take a fifth of them"},
        {"a_1 1 1 1\na_2 1 1 1\na_3 1 1 1\n",
         "image 'a_3.jpg' of the train list is not in '%s/images' (4 of 4 images missing)"},
    };
    char *folder = t_folder();
    put(folder, "annotations/test.txt", "a_9 1 1 1\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e;
        struct split s;
        char *want = str_format(cases[i].want, folder);
        if (i == 4)
            put(folder, "annotations/test.txt", "abyssinian_9 1 1 1\n");
        if (i == 5)
            put(folder, "annotations/test.txt", "a_9 1 1 1\n");
        put(folder, "annotations/trainval.txt", cases[i].line);
        assert_true(resplit_make(&s, dataset_find("oxford_pets"), folder, 1, &e) < 0);
        assert_text(&e, want);
        free(want);
    }
    put(folder, "annotations/trainval.txt", "a_1 1 1 1\nb_1 1 1 1\n");
    assert_fails("oxford_pets", folder, ERR_CORRUPT,
                 "'%s/annotations/trainval.txt': label 0 has two class names, 'a' and 'b'");
    put(folder, "annotations/trainval.txt", "a_1 2 1 1\na_2 2 1 1\na_3 2 1 1\n");
    put(folder, "annotations/test.txt", "");
    assert_fails("oxford_pets", folder, ERR_RANGE, "the lists in '%s' have no image of class 1");
    free(folder);
}

static void a_name_that_is_not_utf8_cannot_be_written(void **state)
{
    (void)state;
    struct err e;
    char *text, *name = (char[]){"a"};
    struct split_item item = {(char[]){"a/\xff.jpg"}, 0};
    struct split s = {.classes = 1, .names = &name, .part = {{&item, 1}}};
    assert_int_equal(resplit_json(&s, &text, &e), ERR_PARSE);
    assert_text(&e, "image 'a/\\xff.jpg': its path or class name is not UTF-8");
}

static void the_name_does_not_pretend(void **state)
{
    (void)state;
    char *name = resplit_name(dataset_find("dtd"), 12);
    assert_string_equal(name, "split_regenerated_DescribableTextures_seed12.json");
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_writes_what_cpython_does),
        cmocka_unit_test(what_has_no_rule_says_why),
        cmocka_unit_test(incomplete_folders_are_named),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(a_name_that_is_not_utf8_cannot_be_written),
        cmocka_unit_test(the_name_does_not_pretend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
