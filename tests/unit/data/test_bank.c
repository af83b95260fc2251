/* The bank's file: what was put is what is read, and nothing else is believed. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/str.h"
#include "core/data/bank.h"

static const size_t picks[3] = {9, 2, 5};
static const char images[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/* Features of (view, row): any order of arrival, all distinct. */
static void features_of(float out[5], size_t view, size_t row)
{
    for (int c = 0; c < 5; c++)
        out[c] = (float)(100 * view + 10 * row) + 0.125f * (float)c;
}

/* A bank of 2 views, 3 images and 5 numbers, rows put in reverse. */
static char *make_bank(const char *folder, const json_t *spec, char sha256[HASH_HEX])
{
    struct err e;
    struct bank_writer *w;
    char *path = fs_join(folder, "a.bank");
    assert_ok(bank_create(&w, path, spec, 2, picks, 3, 5, &e), &e);
    for (int i = 5; i >= 0; i--) {
        float row[5];
        features_of(row, (size_t)i / 3, (size_t)i % 3);
        assert_ok(bank_put(w, (size_t)i / 3, (size_t)i % 3, row, &e), &e);
    }
    assert_false(fs_is_file(path)); // nothing partial carries the final name
    bank_data(w, images);
    assert_ok(bank_commit(w, sha256, &e), &e);
    return path;
}

static void a_bank_gives_back_what_was_put(void **state)
{
    (void)state;
    struct err e;
    struct bank b;
    char sha256[HASH_HEX], again[HASH_HEX], *folder = t_folder();
    json_t *spec = json_pack("{s:s, s:i, s:f}", "job", "encode", "seed", 3, "x", 0.1);
    char *path = make_bank(folder, spec, sha256);
    assert_ok(hash_file(again, path, &e), &e);
    assert_string_equal(sha256, again);
    assert_ok(bank_open(&b, path, spec, &e), &e);
    assert_true(b.views == 2 && b.images == 3 && b.dim == 5);
    assert_string_equal(b.data, images);
    assert_int_equal((uintptr_t)b.features % 64, 0);
    for (size_t i = 0; i < 6; i++) {
        float want[5];
        features_of(want, i / 3, i % 3);
        assert_memory_equal(b.features + 5 * i, want, sizeof want);
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(bank_row(&b, picks[i]), i);
    assert_int_equal(bank_row(&b, 0), -1);
    assert_int_equal(bank_row(&b, 1), -1);
    bank_close(&b);
    unlink(path);
    free(path);
    path = make_bank(folder, spec, again); // the same bits again
    assert_string_equal(sha256, again);
    json_decref(spec);
    free(path);
    free(folder);
}

static void another_spec_is_refused(void **state)
{
    (void)state;
    struct err e;
    struct bank b;
    char sha256[HASH_HEX], *folder = t_folder();
    json_t *spec = json_pack("{s:i}", "seed", 3), *other = json_pack("{s:i}", "seed", 4);
    char *path = make_bank(folder, spec, sha256);
    assert_int_equal(bank_open(&b, path, other, &e), ERR_CORRUPT);
    char *want =
        str_format("bank '%s': it was made for another spec; delete it and run again", path);
    assert_text(&e, want);
    free(want);
    free(path);
    json_decref(spec);
    json_decref(other);
    free(folder);
}

static void an_abandoned_bank_leaves_nothing(void **state)
{
    (void)state;
    struct err e;
    struct bank_writer *w;
    struct fs_names names;
    char *folder = t_folder(), *path = fs_join(folder, "a.bank");
    json_t *spec = json_object();
    assert_ok(bank_create(&w, path, spec, 1, picks, 3, 5, &e), &e);
    bank_abandon(w);
    bank_abandon(NULL);
    assert_ok(fs_list(&names, folder, &e), &e);
    assert_int_equal(names.n, 0);
    fs_names_release(&names);
    free(path);
    path = fs_join(folder, "none/a.bank");
    assert_int_equal(bank_create(&w, path, spec, 1, picks, 3, 5, &e), ERR_SYS);
    json_decref(spec);
    free(path);
    free(folder);
}

/* Every flipped bit and every cut must be noticed. */
static void any_damage_is_noticed(void **state)
{
    (void)state;
    struct err e;
    struct bank b;
    char sha256[HASH_HEX], *folder = t_folder(), *data;
    size_t size;
    json_t *spec = json_pack("{s:i}", "seed", 3);
    char *path = make_bank(folder, spec, sha256);
    assert_ok(fs_read(&data, &size, path, 1 << 20, &e), &e);
    uint64_t header;
    memcpy(&header, data + 8, 8);
    for (size_t i = 0; i < size; i++) {
        if (i >= 16 + header && i < size - 6 * 5 * sizeof(float))
            continue; // the gap between header and data means nothing
        data[i] ^= 1;
        assert_ok(fs_write(path, data, size, &e), &e);
        int rc = bank_open(&b, path, spec, &e);
        if (rc != ERR_CORRUPT)
            fail_msg("a flipped bit in byte %zu gives %d", i, rc);
        data[i] ^= 1;
    }
    for (size_t cut = 0; cut < size; cut += 13) {
        assert_ok(fs_write(path, data, cut, &e), &e);
        assert_int_equal(bank_open(&b, path, spec, &e), ERR_CORRUPT);
    }
    memset(data + 8, 0xff, 8);
    assert_ok(fs_write(path, data, size, &e), &e);
    assert_int_equal(bank_open(&b, path, spec, &e), ERR_CORRUPT);
    char *want =
        str_format("bank '%s': the header is longer than the file; delete it and run again", path);
    assert_text(&e, want);
    free(want);
    free(data);
    free(path);
    json_decref(spec);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bank_gives_back_what_was_put),
        cmocka_unit_test(another_spec_is_refused),
        cmocka_unit_test(an_abandoned_bank_leaves_nothing),
        cmocka_unit_test(any_damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
