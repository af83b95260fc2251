/* SHA-256: the vectors of FIPS 180-4, pieces, files. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"

static const char *const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char *const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char *const million_a =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void published_vectors_match(void **state)
{
    (void)state;
    char hex[HASH_HEX];
    hash_bytes(hex, "", 0);
    assert_string_equal(hex, empty);
    hash_bytes(hex, NULL, 0);
    assert_string_equal(hex, empty);
    hash_bytes(hex, "abc", 3);
    assert_string_equal(hex, abc);
}

static void pieces_of_any_size_give_the_hash_of_the_whole(void **state)
{
    (void)state;
    char *text = mem_alloc(1000000, 1), hex[HASH_HEX];
    memset(text, 'a', 1000000);
    static const size_t pieces[] = {1000000, 4096, 63, 1};
    for (size_t i = 0; i < 4; i++) {
        struct hash *h = hash_new();
        size_t at = 0;
        for (; at + pieces[i] <= 1000000; at += pieces[i])
            hash_add(h, text + at, pieces[i]);
        hash_add(h, text + at, 1000000 - at);
        hash_end(h, hex);
        assert_string_equal(hex, million_a);
    }
    free(text);
}

static void files_hash_as_their_bytes(void **state)
{
    (void)state;
    struct err e = {0};
    char *folder = t_folder(), *path = fs_join(folder, "f"), hex[HASH_HEX];
    assert_ok(fs_write(path, "abc", 3, &e), &e);
    assert_ok(hash_file(hex, path, &e), &e);
    assert_string_equal(hex, abc);
    assert_ok(fs_write(path, "", 0, &e), &e);
    assert_ok(hash_file(hex, path, &e), &e);
    assert_string_equal(hex, empty);
    unlink(path);
    assert_int_equal(hash_file(hex, path, &e), ERR_MISSING);
    assert_int_equal(hash_file(hex, folder, &e), ERR_MISSING);
    rmdir(folder);
    free(path);
    free(folder);
}

static void md5_is_there_for_old_publishers(void **state)
{
    (void)state;
    char hex[HASH_MD5_HEX], *folder = t_folder(), *path = fs_join(folder, "f");
    struct err e = {0};
    assert_ok(fs_write(path, "abc", 3, &e), &e);
    assert_ok(hash_file_md5(hex, path, &e), &e);
    assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
    assert_ok(fs_remove_tree(folder, &e), &e);
    assert_int_equal(hash_file_md5(hex, path, &e), ERR_MISSING);
    assert_ok(fs_remove_tree(folder, &e), &e); // what is not there is removed
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_match),
        cmocka_unit_test(pieces_of_any_size_give_the_hash_of_the_whole),
        cmocka_unit_test(files_hash_as_their_bytes),
        cmocka_unit_test(md5_is_there_for_old_publishers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
