/* The manifest's file: any name comes back, sha256sum's format, and what it says of images. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/manifest.h"

#define A "0000000000000000000000000000000000000000000000000000000000000001"
#define B "00000000000000000000000000000000000000000000000000000000000000ab"

static const struct dataset_row row = {.name = "x", .images = "images", .split = "s.json"};

static char *write_text(const char *folder, const char *text)
{
    struct err e = {0};
    char *path = fs_join(folder, manifest_file);
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    return path;
}

static void any_name_comes_back(void **state)
{
    (void)state;
    char *folder = t_folder(), *path = fs_join(folder, manifest_file), *text, hash[HASH_HEX];
    static const char *const names[] = {"images/b\\n.jpg", "images/a b.jpg", "images/\n",
                                        "images/  *x", "s.json"};
    struct manifest m = {0};
    struct err e = {0};
    size_t size;
    for (size_t i = 0; i < 5; i++)
        manifest_add(&m, names[i], i % 2 ? B : A);
    manifest_add(&m, names[0], A); // once is enough
    assert_ok(manifest_write(&m, folder, &e), &e);
    assert_int_equal(m.n, 5);
    assert_ok(fs_read(&text, &size, path, 1 << 20, &e), &e);
    assert_string_equal(text, "\\" A "  images/\\n\n" B "  images/  *x\n" B "  images/a b.jpg\n"
                              "\\" A "  images/b\\\\n.jpg\n" A "  s.json\n");
    hash_bytes(hash, text, size);
    assert_string_equal(m.hash, hash);
    manifest_release(&m);
    assert_ok(manifest_open(&m, &row, folder, &e), &e);
    assert_int_equal(m.n, 5);
    assert_string_equal(m.hash, hash);
    assert_string_equal(manifest_find(&m, "b\\n.jpg"), A);
    assert_string_equal(manifest_find(&m, "\n"), A);
    assert_string_equal(manifest_find(&m, "a b.jpg"), B);
    assert_null(manifest_find(&m, "s.json"));
    assert_int_equal(manifest_verify(&m, "a b.jpg", B, &e), 0);
    assert_int_equal(manifest_verify(&m, "a b.jpg", A, &e), ERR_CORRUPT);
    assert_text(&e, "image 'a b.jpg' is another than when manifest.sha256 was written: its SHA-256 "
                    "is " A ", expected " B);
    assert_int_equal(manifest_verify(&m, "c", A, &e), ERR_CORRUPT);
    assert_text(&e, "image 'c' is not in the dataset's manifest.sha256");
    manifest_release(&m);
    fs_remove_tree(folder, &e);
    free(text);
    free(path);
    free(folder);
}

static void without_a_file_any_image_will_do(void **state)
{
    (void)state;
    char *folder = t_folder();
    struct manifest m;
    struct err e = {0};
    assert_ok(manifest_open(&m, &row, folder, &e), &e);
    assert_null(m.lines);
    assert_null(manifest_find(&m, "c"));
    assert_int_equal(manifest_verify(&m, "c", A, &e), 0);
    manifest_release(&m);
    fs_remove_tree(folder, &e);
    free(folder);
}

static void damaged_files_are_named(void **state)
{
    (void)state;
    static const char *const texts[] = {
        A "  a\n" A " a\n",     A "  a\n" A "  \n",   A "  a\n\n",         A "  a\nabc  b\n",
        A "  a\n" A "  ../b\n", A "  a\n" A "  /b\n", A "  a\n" A "0  b\n"};
    char *folder = t_folder(), *path = write_text(folder, "");
    char *want = str_format("%s:2: expected a SHA-256 and a path below the folder", path);
    struct manifest m;
    struct err e = {0};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free(write_text(folder, texts[i]));
        assert_int_equal(manifest_open(&m, &row, folder, &e), ERR_PARSE);
        assert_text(&e, want);
    }
    free(write_text(folder, ""));
    assert_int_equal(manifest_open(&m, &row, folder, &e), ERR_PARSE);
    free(write_text(folder, A " *a")); // sha256sum -b, cut by an editor
    assert_ok(manifest_open(&m, &row, folder, &e), &e);
    assert_string_equal(m.lines[0].path, "a");
    manifest_release(&m);
    fs_remove_tree(folder, &e);
    free(want);
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_name_comes_back),
        cmocka_unit_test(without_a_file_any_image_will_do),
        cmocka_unit_test(damaged_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
