/* Bundles: what goes in comes out, and what is no bundle does nothing. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "harness/cmd/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

static char *folder, *path, *to;

static int setup(void **state)
{
    (void)state;
    struct err e = {0};
    folder = t_folder();
    path = fs_join(folder, "b.tar.zst");
    to = fs_join(folder, "to");
    return fs_make_folders(to, &e);
}

static int teardown(void **state)
{
    (void)state;
    char *command = str_format("rm -rf '%s'", folder);
    int rc = system(command);
    free(command);
    free(folder);
    free(path);
    free(to);
    return rc;
}

static char *read_member(const char *name)
{
    struct err e = {0};
    char *at = fs_join(to, name), *text = NULL;
    if (fs_read(&text, NULL, at, 1 << 20, &e) < 0)
        text = NULL;
    free(at);
    return text;
}

static void members_come_out_as_they_went_in_and_twice_the_same(void **state)
{
    (void)state;
    struct err e = {0};
    char *first = NULL, *second = NULL;
    size_t sizes[2];
    for (int turn = 0; turn < 2; turn++) {
        struct bundle *b;
        assert_ok(bundle_create(&b, path, "top", &e), &e);
        assert_ok(bundle_add(b, "a.txt", "one", 3, &e), &e);
        assert_ok(bundle_add(b, "deep/er/b.txt", "", 0, &e), &e);
        assert_ok(bundle_commit(b, &e), &e);
        assert_ok(fs_read(turn ? &second : &first, &sizes[turn], path, 1 << 20, &e), &e);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(first, second, sizes[0]);
    free(first);
    free(second);
    assert_ok(bundle_unpack(path, to, &e), &e);
    char *text = read_member("a.txt");
    assert_string_equal(text, "one");
    free(text);
    text = read_member("deep/er/b.txt");
    assert_string_equal(text, "");
    free(text);
}

static void an_abandoned_bundle_leaves_no_file(void **state)
{
    (void)state;
    struct err e = {0};
    struct bundle *b;
    assert_ok(bundle_create(&b, path, "top", &e), &e);
    assert_ok(bundle_add(b, "a.txt", "one", 3, &e), &e);
    bundle_abandon(b);
    assert_false(fs_is_file(path));
}

/* ---- archives from elsewhere ---- */

struct made {
    const char *name, *text, *link;
    int type;
};

static void make(const struct made *members, size_t n)
{
    struct archive *a = archive_write_new();
    archive_write_set_format_pax_restricted(a);
    archive_write_add_filter_zstd(a);
    archive_write_open_filename(a, path);
    for (size_t i = 0; i < n; i++) {
        struct archive_entry *entry = archive_entry_new();
        size_t size = members[i].text ? strlen(members[i].text) : 0;
        archive_entry_set_pathname(entry, members[i].name);
        archive_entry_set_size(entry, (la_int64_t)size);
        archive_entry_set_filetype(entry, (unsigned)members[i].type);
        archive_entry_set_perm(entry, 0644);
        if (members[i].type == AE_IFLNK)
            archive_entry_set_symlink(entry, members[i].link);
        else if (members[i].link)
            archive_entry_set_hardlink(entry, members[i].link);
        archive_write_header(a, entry);
        archive_write_data(a, members[i].text, size);
        archive_entry_free(entry);
    }
    archive_write_close(a);
    archive_write_free(a);
}

#define SUM_OF_ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed" // "one"

static void assert_unpack(int code, const char *want)
{
    struct err e = {0};
    int rc = bundle_unpack(path, to, &e);
    char *text = str_format("'%s' %s", path, want);
    if (rc != code)
        fail_msg("status %d, want %d: %s", rc, code, e.text);
    assert_text(&e, text);
    free(text);
}

static void only_plain_files_below_its_folder_are_unpacked(void **state)
{
    (void)state;
    static const struct made bad[] = {
        {"top/../../x", "one", NULL, AE_IFREG}, {"/etc/x", "one", NULL, AE_IFREG},
        {"../x", "one", NULL, AE_IFREG},        {"x", "one", NULL, AE_IFREG},
        {"top/a/../b", "one", NULL, AE_IFREG},  {"top/./b", "one", NULL, AE_IFREG},
        {"top//b", "one", NULL, AE_IFREG},      {"top/.hidden", "one", NULL, AE_IFREG},
        {"top/a\nb", "one", NULL, AE_IFREG},    {"top/link", NULL, "/etc/passwd", AE_IFLNK},
        {"top/hard", NULL, "top/a", AE_IFREG},  {"top/pipe", NULL, NULL, AE_IFIFO}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make(&bad[i], 1);
        assert_unpack(ERR_PARSE, "is no bundle of promptgrid: it holds something that is no plain "
                                 "file below its folder");
    }
    char *outside = fs_join(folder, "x");
    assert_false(fs_is_file(outside));
    free(outside);
}

static void every_byte_is_proved_by_the_sums(void **state)
{
    (void)state;
    const struct made good[] = {{"top/a", "one", NULL, AE_IFREG},
                                {"top/SHA256SUMS", SUM_OF_ONE "  a\n", NULL, AE_IFREG}};
    struct err e = {0};
    make(good, 2);
    assert_ok(bundle_unpack(path, to, &e), &e);
    make(good, 1);
    assert_unpack(ERR_CORRUPT, "is cut short: its SHA256SUMS is missing");
    const struct made other[] = {{"top/a", "two", NULL, AE_IFREG}, good[1]};
    make(other, 2);
    assert_unpack(ERR_CORRUPT, "is damaged: 'a' does not match its hash");
    const struct made less[] = {good[1]};
    make(less, 1);
    assert_unpack(ERR_CORRUPT, "is damaged: a file is missing");
    const struct made more[] = {good[0], good[1], {"top/b", "one", NULL, AE_IFREG}};
    make(more, 3);
    assert_unpack(ERR_PARSE, "is no bundle of promptgrid: something stands behind its SHA256SUMS");
}

static void other_files_are_no_bundles(void **state)
{
    (void)state;
    struct err e = {0};
    assert_ok(fs_write(path, "hello", 5, &e), &e);
    assert_int_equal(bundle_unpack(path, to, &e), ERR_PARSE);
    assert_int_equal(bundle_unpack("/nowhere/b.tar.zst", to, &e), ERR_PARSE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(members_come_out_as_they_went_in_and_twice_the_same),
        CASE(an_abandoned_bundle_leaves_no_file),
        CASE(only_plain_files_below_its_folder_are_unpacked),
        CASE(every_byte_is_proved_by_the_sums),
        CASE(other_files_are_no_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
