/* CoOp's split files: what is read, and what a bad one is told. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/split.h"

static const struct dataset_row json_row = {
    .name = "toy", .images = "images", .split = "split.json", .layout = LAYOUT_SPLIT_JSON};

static void put(const char *folder, const char *name, const char *text)
{
    struct err e;
    char *path = fs_join(folder, name), *parent = fs_folder(path);
    assert_ok(fs_make_folders(parent, &e), &e);
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    free(parent);
    free(path);
}

static void a_split_keeps_order_and_names_as_they_are(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    char *folder = t_folder();
    put(folder, "split.json",
        "{\"train\": [[\"b/1.jpg\", 1, \"two\\n\\\"lines\\\"\"], [\"a/1.jpg\", 0, \"it_em\"]],"
        " \"val\": [], \"test\": [[\"a/2.jpg\", 0, \"it_em\"], [\"c/..x.jpg\", 2, \"it_em\"]]}");
    assert_ok(split_load(&s, &json_row, folder, &e), &e);
    assert_int_equal(s.classes, 3);
    assert_string_equal(s.names[0], "it_em");
    assert_string_equal(s.names[1], "two\n\"lines\"");
    assert_string_equal(s.names[2], "it_em"); // two labels may share a name
    assert_int_equal(s.part[SPLIT_TRAIN].n, 2);
    assert_int_equal(s.part[SPLIT_VAL].n, 0);
    assert_string_equal(s.part[SPLIT_TRAIN].items[0].path, "b/1.jpg");
    assert_int_equal(s.part[SPLIT_TRAIN].items[0].label, 1);
    char hash[HASH_HEX], *path = fs_join(folder, "split.json");
    assert_ok(hash_file(hash, path, &e), &e);
    assert_string_equal(s.hash, hash);
    assert_true(str_starts(s.images, folder) && str_ends(s.images, "/images"));

    put(folder, "images/b/1.jpg", "");
    put(folder, "images/a/2.jpg", "");
    assert_int_equal(split_check(&s, &e), ERR_MISSING);
    char *want = str_format("image 'a/1.jpg' of the train list is not in '%s/images' "
                            "(2 of 4 images missing)",
                            folder);
    assert_text(&e, want);
    put(folder, "images/a/1.jpg", "");
    put(folder, "images/c/..x.jpg", "");
    assert_ok(split_check(&s, &e), &e);
    split_release(&s);
    free(want);
    free(path);
    free(folder);
}

static void bad_splits_are_refused_with_their_place(void **state)
{
    (void)state;
#define AROUND(train) "{\"train\": [" train "], \"val\": [], \"test\": [[\"z\", 0, \"zero\"]]}"
    static const struct {
        const char *json;
        int code;
        const char *want; // %s = the file
    } cases[] = {
        {"{\"train\": [\n  [1,,2]]}", ERR_PARSE, "%s:2:6: unexpected token near ','"},
        {"[]", ERR_PARSE, "split '%s' has no list 'train'"},
        {"{\"train\": [], \"test\": []}", ERR_PARSE, "split '%s' has no list 'val'"},
        {"{\"train\": [], \"val\": [], \"test\": []}", ERR_RANGE, "split '%s' lists no image"},
        {AROUND("[\"a\", 0]"), ERR_PARSE,
         "split '%s', train entry 0: expected [path, label, class name]"},
        {AROUND("[\"a\", \"0\", \"x\"]"), ERR_PARSE,
         "split '%s', train entry 0: expected [path, label, class name]"},
        {AROUND("7"), ERR_PARSE, "split '%s', train entry 0: expected [path, label, class name]"},
        {AROUND("[\"a\", 0, \"zero\"], [\"b\", -1, \"x\"]"), ERR_RANGE,
         "split '%s', train entry 1: label -1 is out of range: labels are 0 to K - 1 and the file "
         "has 3 entries"},
        {AROUND("[\"a\", 2000000000000, \"x\"]"), ERR_RANGE,
         "split '%s', train entry 0: label 2000000000000 is out of range: labels are 0 to K - 1 "
         "and the file has 2 entries"},
        {AROUND("[\"a\", 2, \"x\"], [\"b\", 2, \"x\"]"), ERR_RANGE,
         "split '%s': label 1 has no image, but label 2 has: labels must be 0 to K - 1"},
        {AROUND("[\"a\", 0, \"ze\\nro\"]"), ERR_CORRUPT,
         "split '%s', test entry 0: label 0 has two class names, 'ze\\x0aro' and 'zero'"},
        {AROUND("[\"../a\", 0, \"zero\"]"), ERR_PARSE,
         "split '%s', train entry 0: the path leaves the image folder"},
        {AROUND("[\"a/..\", 0, \"zero\"]"), ERR_PARSE,
         "split '%s', train entry 0: the path leaves the image folder"},
        {AROUND("[\"/etc/passwd\", 0, \"zero\"]"), ERR_PARSE,
         "split '%s', train entry 0: the path leaves the image folder"},
        {AROUND("[\"\", 0, \"zero\"]"), ERR_PARSE,
         "split '%s', train entry 0: the path leaves the image folder"},
    };
    char *folder = t_folder(), *path = fs_join(folder, "split.json");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e;
        struct split s;
        put(folder, "split.json", cases[i].json);
        assert_int_equal(split_load(&s, &json_row, folder, &e), cases[i].code);
        char *want = str_format(cases[i].want, path);
        assert_text(&e, want);
        free(want);
    }
    free(path);
    free(folder);
}

static void a_missing_split_file_is_named(void **state)
{
    (void)state;
    struct err e;
    struct split s;
    char *folder = t_folder();
    assert_int_equal(split_load(&s, &json_row, folder, &e), ERR_MISSING);
    char *want = str_format("unable to open '%s/split.json': No such file or directory", folder);
    assert_text(&e, want);
    free(want);
    free(folder);
}

static void damaged_json_never_crashes(void **state)
{
    (void)state;
    struct err e;
    char *folder = t_folder(), *text;
    size_t size;
    uint32_t seed = 1;
    const char *from = "recipes/pocket/data/pocket-land/split_zhou_pocket-land.json";
    assert_ok(fs_read(&text, &size, from, 1 << 20, &e), &e);
    char *path = fs_join(folder, "split.json");
    for (int i = 0; i < 100; i++) {
        struct split s;
        char *bad = malloc(size);
        memcpy(bad, text, size);
        for (int k = 0; i % 2 && k < 3; k++) {
            seed = seed * 1664525 + 1013904223;
            bad[(seed >> 8) % size] = "0-[]{}\"',\\\0\xff"[(seed >> 4) % 13];
        }
        assert_ok(fs_write(path, bad, i % 2 ? size : size * (size_t)i / 100, &e), &e);
        if (split_load(&s, &json_row, folder, &e) == 0)
            split_release(&s);
        else
            assert_true(strlen(e.text) > 0);
        free(bad);
    }
    free(path);
    free(text);
    free(folder);
}

static void another_number_of_classes_is_an_error(void **state)
{
    (void)state;
    struct err e;
    struct split s = {.classes = 47, .images = (char[]){"data/dtd/images"}};
    const struct dataset_row *dtd = dataset_find("dtd");
    assert_ok(split_check_classes(&s, dtd, &e), &e);
    for (s.classes = 46; s.classes <= 48; s.classes += 2) {
        assert_int_equal(split_check_classes(&s, dtd, &e), ERR_RANGE);
        char *want = str_format("unexpected class count in 'data/dtd/images': found %d, "
                                "expected 47",
                                s.classes);
        assert_text(&e, want);
        free(want);
    }
    assert_ok(split_check_classes(&s, &json_row, &e), &e); // a row that states none
}

static void base_classes_are_the_first_half_rounded_up(void **state)
{
    (void)state;
    const int pairs[][2] = {{1000, 500}, {37, 19}, {101, 51}, {397, 199},
                            {47, 24},    {10, 5},  {1, 1}};
    for (int i = 0; i < 7; i++)
        assert_int_equal(split_base_classes(pairs[i][0]), pairs[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_split_keeps_order_and_names_as_they_are),
        cmocka_unit_test(bad_splits_are_refused_with_their_place),
        cmocka_unit_test(a_missing_split_file_is_named),
        cmocka_unit_test(damaged_json_never_crashes),
        cmocka_unit_test(another_number_of_classes_is_an_error),
        cmocka_unit_test(base_classes_are_the_first_half_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
