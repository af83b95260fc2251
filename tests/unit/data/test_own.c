/* Descriptions of datasets of one's own: what they make, and what is wrong with bad ones. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/origin.h"
#include "core/data/own.h"

/* A root with the dataset `name`, described by `text`. */
static char *describe(const char *root, const char *name, const char *text)
{
    struct err e = {0};
    char *folder = fs_join(root, name), *path = fs_join(folder, own_file);
    assert_ok(fs_make_folders(folder, &e), &e);
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    free(path);
    return folder;
}

static const char good[] =
    "{\"label\": \"Leaves\", \"template\": \"a {}.\", \"split\": \"s.json\", \"images\": \"\","
    " \"classes\": 3, \"train\": 6, \"val\": 0, \"test\": 4, \"note\": \"n\", \"made\": {\"x\": 1},"
    " \"citation\": \"me\", \"sources\": [{\"file\": \"l.zip\", \"gives\": \"images\", \"sha256\":"
    " \"0123456789012345678901234567890123456789012345678901234567890123\", \"bytes\": 7,"
    " \"urls\": [\"https://a.example/l.zip\"], \"drive\": \"x_1-\", \"from\": \"l\"}]}";

static void a_description_is_a_row(void **state)
{
    (void)state;
    char *root = t_folder(), *folder = describe(root, "leaves", good), *urls[ORIGIN_ADDRESSES];
    const struct dataset_row *d;
    struct err e = {0};
    own_scan(&root, 1);
    assert_int_equal(own_count(), 1);
    assert_ptr_equal(own_at(0), own_find("leaves"));
    assert_null(own_at(1));
    assert_ptr_equal(dataset_find("leaves"), own_at(0));
    assert_ptr_equal(dataset_at(dataset_rows_count()), own_at(0));
    d = own_at(0);
    assert_string_equal(d->name, "leaves");
    assert_string_equal(d->label, "Leaves");
    assert_string_equal(d->folder, "leaves");
    assert_string_equal(d->images, "");
    assert_string_equal(d->split, "s.json");
    assert_int_equal(d->classes, 3);
    assert_int_equal(d->test, 4);
    assert_false(dataset_is_target(d));
    const struct origin *o = origin_of(d);
    assert_string_equal(o->citation, "me");
    assert_null(o->terms);
    assert_string_equal(o->files[0].from, "l");
    assert_int_equal(o->files[0].bytes, 7);
    assert_true(origin_is_archive(&o->files[0]));
    assert_null(o->files[1].file);
    assert_int_equal(origin_addresses(&o->files[0], urls), 2);
    assert_string_equal(urls[0], "https://a.example/l.zip");
    assert_string_equal(
        urls[1], "https://drive.usercontent.google.com/download?id=x_1-&export=download&confirm=t");
    free(urls[0]);
    free(urls[1]);
    assert_ok(dataset_in(&d, "leaves", folder, &e), &e);
    assert_string_equal(d->label, "Leaves");
    assert_int_equal(dataset_in(&d, "trees", folder, &e), ERR_MISSING);
    assert_ok(dataset_in(&d, "dtd", folder, &e), &e);
    assert_int_equal(dataset_in(&d, "trees", root, &e), ERR_MISSING);
    own_scan(NULL, 0);
    assert_null(dataset_find("leaves"));
    fs_remove_tree(root, &e);
    free(folder);
    free(root);
}

static void the_first_root_and_the_built_in_count(void **state)
{
    (void)state;
    char *roots[] = {t_folder(), t_folder(), NULL};
    const char other[] = "{\"template\": \"{}\", \"split\": \"s.json\"}";
    struct err e = {0};
    free(describe(roots[0], "leaves", good));
    free(describe(roots[1], "leaves", other));
    free(describe(roots[1], "trees", other));
    free(describe(roots[1], "dtd", other));
    free(describe(roots[1], "all11", other));
    own_scan(roots, 2);
    assert_int_equal(own_count(), 2);
    assert_string_equal(dataset_find("leaves")->label, "Leaves");
    assert_string_equal(dataset_find("trees")->label, "trees");
    assert_string_equal(dataset_find("trees")->images, "images");
    assert_string_equal(dataset_find("dtd")->label, "DTD");
    assert_null(origin_of(dataset_find("trees")));
    assert_null(own_find("all11"));
    own_scan(NULL, 0);
    for (int i = 0; i < 2; i++) {
        fs_remove_tree(roots[i], &e);
        free(roots[i]);
    }
}

static void bad_descriptions_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; // after "'PATH'"
    } cases[] = {
        {"{\"template\": \"{}\", \"split\": \"s\", \"classes\": \"3\"}",
         ": 'classes' is not a whole number"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"classes\": -1}",
         ": 'classes' is out of range"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"tset\": 1}",
         ": unknown key 'tset', did you mean 'test'?"},
        {"{\"split\": \"s\"}", ": 'template' is missing or does not hold {} once, where the class "
                               "name goes"},
        {"{\"template\": \"{} {}\", \"split\": \"s\"}",
         ": 'template' is missing or does not hold {} once, where the class name goes"},
        {"{\"template\": \"{}\"}", ": 'split' is missing or leaves the folder"},
        {"{\"template\": \"{}\", \"split\": \"../s\"}",
         ": 'split' is missing or leaves the folder"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"images\": \"/etc\"}",
         ": 'images' leaves the folder"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"sources\": [1]}",
         ": source 0: 'sources' is not a list of objects"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"sources\": [{\"file\": \"../x\"}]}",
         ": source 0: 'file' is not a file's name"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"sources\": [{\"file\": \"x\", \"gives\": "
         "\"x\"}]}",
         ": source 0: 'file', 'gives' and 'sha256' (or 'md5') are needed"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"sources\": [{\"sha256\": \"12\"}]}",
         ": source 0: 'sha256' is not 64 digits of 0-9 and a-f"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"sources\": [{\"urls\": [\"file:///x\"]}]}",
         ": source 0: 'urls' is not a list of addresses with https://"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"sources\": [{\"url\": \"https://x\"}]}",
         ": source 0: unknown key 'url'"},
        {"{\"template\": \"{}\", \"split\": \"s\", \"sources\": [{\"bytes\": 0}]}",
         ": source 0: 'bytes' is not a number of bytes"},
    };
    char *root = t_folder();
    struct err e = {0};
    const struct dataset_row *d;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *folder = describe(root, "leaves", cases[i].text);
        char *want = str_format("'%s/%s'%s", folder, own_file, cases[i].want);
        own_scan(&root, 1);
        assert_int_equal(own_count(), 0);
        assert_null(dataset_find("leaves"));
        assert_string_equal(own_problem("leaves"), want);
        assert_int_equal(dataset_get(&d, "leaves", &e), ERR_USAGE);
        free(want);
        free(folder);
    }
    free(describe(root, "leaves", "{\"template\": \"{}\", \"template\": 1}"));
    free(describe(root, "Leaves", good));
    own_scan(&root, 1);
    assert_non_null(
        strstr(own_problem("leaves"), ":1:29: duplicate object key near '\"template\"'"));
    assert_non_null(strstr(own_problem("Leaves"), "'Leaves' is no such name"));
    own_scan(NULL, 0);
    fs_remove_tree(root, &e);
    free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_is_a_row),
        cmocka_unit_test(the_first_root_and_the_built_in_count),
        cmocka_unit_test(bad_descriptions_say_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
