/* Files and folders: whole or absent, bounded, listed in order. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

static char *folder; // of the running case

static int setup(void **state)
{
    (void)state;
    folder = t_folder();
    return 0;
}

static void remove_all(const char *path)
{
    struct err e = {0};
    struct fs_names names;
    if (unlink(path) == 0 || fs_list(&names, path, &e) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        char *child = fs_join(path, names.names[i]);
        remove_all(child);
        free(child);
    }
    fs_names_release(&names);
    rmdir(path);
}

static int teardown(void **state)
{
    (void)state;
    remove_all(folder);
    int gone = access(folder, F_OK) < 0;
    free(folder);
    return gone ? 0 : -1;
}

static char *at(const char *name)
{
    return fs_join(folder, name);
}

static size_t entries(void)
{
    struct err e = {0};
    struct fs_names names;
    assert_ok(fs_list(&names, folder, &e), &e);
    size_t n = names.n;
    fs_names_release(&names);
    return n;
}

static void assert_content(const char *path, const char *want)
{
    struct err e = {0};
    char *text;
    size_t size;
    assert_ok(fs_read(&text, &size, path, 1000, &e), &e);
    assert_string_equal(text, want);
    assert_int_equal(size, strlen(want));
    free(text);
}

static void paths_are_joined_and_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *name, *want;
    } joins[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"},
                 {"a", "/b", "/b"}, {"/", "b", "/b"},   {"a", "", "a/"}};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        char *path = fs_join(joins[i].folder, joins[i].name);
        assert_string_equal(path, joins[i].want);
        free(path);
    }
    static const struct {
        const char *path, *folder, *base;
    } parts[] = {
        {"a/b", "a", "b"}, {"/a", "/", "a"}, {"a", ".", "a"}, {"a/", "a", ""}, {"/", "/", ""}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char *path = fs_folder(parts[i].path);
        assert_string_equal(path, parts[i].folder);
        assert_string_equal(fs_base(parts[i].path), parts[i].base);
        free(path);
    }
    char *absolute = fs_absolute("/x/y"), *relative = fs_absolute("./x");
    assert_string_equal(absolute, "/x/y");
    assert_true(*relative == '/' && str_ends(relative, "/x") && !str_ends(relative, "./x"));
    free(absolute);
    free(relative);
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct err e = {0};
    static const char *const paths[] = {"a/b/c", "a/b/c", "d//e/", "f"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char *path = at(paths[i]);
        assert_ok(fs_make_folders(path, &e), &e);
        assert_true(fs_is_folder(path) && !fs_is_file(path));
        free(path);
    }
    assert_ok(fs_make_folders("/", &e), &e);
}

static void a_file_in_the_way_of_a_folder_is_an_error(void **state)
{
    (void)state;
    struct err e = {0};
    char *file = at("file"), *below = at("file/sub");
    assert_ok(fs_write(file, "x", 1, &e), &e);
    assert_int_equal(fs_make_folders(file, &e), ERR_SYS);
    char *want = str_format("unable to create folder '%s': a file is in the way", file);
    assert_text(&e, want);
    free(want);
    assert_int_equal(fs_make_folders(below, &e), ERR_SYS);
    want = str_format("unable to create folder '%s': Not a directory", below);
    assert_text(&e, want);
    free(want);
    assert_int_equal(fs_make_folders("", &e), ERR_SYS);
    assert_text(&e, "unable to create folder '': No such file or directory");
    free(file);
    free(below);
}

static void written_files_read_back_and_are_replaced_whole(void **state)
{
    (void)state;
    struct err e = {0};
    char *path = at("f"), *text;
    size_t size;
    assert_ok(fs_write(path, "first, longer", 13, &e), &e);
    assert_ok(fs_write_unsynced(path, "second", 6, &e), &e);
    assert_ok(fs_read(&text, &size, path, 6, &e), &e);
    assert_string_equal(text, "second");
    free(text);
    assert_ok(fs_write(path, "a\0b", 3, &e), &e);
    assert_ok(fs_read(&text, &size, path, 3, &e), &e);
    assert_int_equal(size, 3);
    assert_memory_equal(text, "a\0b", 4);
    free(text);
    assert_ok(fs_write(path, NULL, 0, &e), &e);
    assert_ok(fs_read(&text, &size, path, 0, &e), &e);
    assert_int_equal(size, 0);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(entries(), 1);
    free(path);
}

static void reading_refuses_what_is_too_large_missing_or_no_file(void **state)
{
    (void)state;
    struct err e = {0};
    char *path = at("f"), *text = NULL;
    assert_ok(fs_write(path, "12345", 5, &e), &e);
    assert_int_equal(fs_read(&text, NULL, path, 4, &e), ERR_RANGE);
    char *want = str_format("'%s' has 5 bytes, more than the limit of 4", path);
    assert_text(&e, want);
    free(want);
    assert_int_equal(fs_read(&text, NULL, folder, 100, &e), ERR_MISSING);
    want = str_format("'%s' is not a regular file", folder);
    assert_text(&e, want);
    free(want);
    char *none = at("none"), *below = at("f/none");
    assert_int_equal(fs_read(&text, NULL, none, 100, &e), ERR_MISSING);
    want = str_format("unable to open '%s': No such file or directory", none);
    assert_text(&e, want);
    free(want);
    assert_int_equal(fs_read(&text, NULL, below, 100, &e), ERR_MISSING);
    assert_null(text);
    free(none);
    free(below);
    free(path);
}

static void a_failed_write_keeps_the_old_file_and_leaves_no_other(void **state)
{
    (void)state;
    struct err e = {0};
    char *path = at("f"), *big = mem_zero(100000, 1);
    assert_ok(fs_write(path, "old", 3, &e), &e);

    struct rlimit before, small = {65536, 0};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = fs_write(path, big, 100000, &e);
    struct fs_file f;
    struct err e2 = {0};
    int created = fs_create(&f, path, &e2), put = fs_put(&f, big, 60000, &e2),
        put_more = fs_put(&f, big, 60000, &e2);
    fs_abandon(&f);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);

    assert_int_equal(rc, ERR_SYS);
    char *want = str_format("unable to write 34464 bytes to '%s': File too large", path);
    assert_text(&e, want);
    free(want);
    want = str_format("unable to write 54464 bytes to '%s': File too large", path);
    assert_int_equal(created, 0);
    assert_int_equal(put, 0);
    assert_int_equal(put_more, ERR_SYS);
    assert_text(&e2, want);
    free(want);
    assert_content(path, "old");
    assert_int_equal(entries(), 1);
    free(big);
    free(path);
}

static void writing_where_no_file_can_be_says_so(void **state)
{
    (void)state;
    struct err e = {0};
    char *path = at("none/f");
    assert_int_equal(fs_write(path, "x", 1, &e), ERR_SYS);
    char *want = str_format("unable to write '%s': No such file or directory", path);
    assert_text(&e, want);
    free(want);
    free(path);
    path = at("taken");
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(fs_write(path, "x", 1, &e), ERR_SYS);
    assert_true(fs_is_folder(path));
    assert_int_equal(entries(), 1); // no temporary file beside it
    free(path);
}

static void a_file_takes_its_name_only_when_committed(void **state)
{
    (void)state;
    struct err e = {0};
    struct fs_file f;
    char *path = at("f");
    assert_ok(fs_create(&f, path, &e), &e);
    assert_ok(fs_put(&f, "head body", 9, &e), &e);
    assert_ok(fs_put_at(&f, "HEAD", 4, 0, &e), &e);
    assert_ok(fs_put(&f, " tail", 5, &e), &e);
    assert_false(fs_is_file(path));
    assert_ok(fs_commit(&f, &e), &e);
    assert_int_equal(f.fd, -1);
    assert_content(path, "HEAD body tail");

    assert_ok(fs_create(&f, path, &e), &e);
    assert_ok(fs_put(&f, "other", 5, &e), &e);
    fs_abandon(&f);
    fs_abandon(&f);
    struct fs_file unused = {0};
    fs_abandon(&unused);
    assert_content(path, "HEAD body tail");
    assert_int_equal(entries(), 1);
    free(path);
}

static void maps_show_the_bytes_and_an_empty_file_has_none(void **state)
{
    (void)state;
    struct err e = {0};
    struct fs_map m;
    char *path = at("f");
    assert_ok(fs_write(path, "bytes", 5, &e), &e);
    assert_ok(fs_map_open(&m, path, &e), &e);
    assert_int_equal(m.size, 5);
    assert_memory_equal(m.data, "bytes", 5);
    fs_map_close(&m);
    fs_map_close(&m);
    assert_ok(fs_write(path, "", 0, &e), &e);
    assert_ok(fs_map_open(&m, path, &e), &e);
    assert_true(m.size == 0);
    fs_map_close(&m);
    assert_int_equal(fs_map_open(&m, folder, &e), ERR_MISSING);
    free(path);
}

static void lists_are_sorted_by_bytes_without_hidden_names(void **state)
{
    (void)state;
    struct err e = {0};
    static const char *const make[] = {"b", "B", "a10", "a2", ".hidden", "\xc3\xa9", "a"};
    static const char *const want[] = {"B", "a", "a10", "a2", "b", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof make / sizeof make[0]; i++) {
        char *path = at(make[i]);
        assert_ok(fs_write(path, "", 0, &e), &e);
        free(path);
    }
    struct fs_names names;
    assert_ok(fs_list(&names, folder, &e), &e);
    assert_int_equal(names.n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(names.names[i], want[i]);
    fs_names_release(&names);
    fs_names_release(&names);
    char *hidden = at(".hidden"), *none = at("none"), *file = at("a");
    unlink(hidden);
    assert_int_equal(fs_list(&names, none, &e), ERR_MISSING);
    char *text = str_format("unable to list folder '%s': No such file or directory", none);
    assert_text(&e, text);
    assert_int_equal(fs_list(&names, file, &e), ERR_MISSING);
    free(text);
    free(hidden);
    free(none);
    free(file);
}

static void gzip_is_unpacked_bounded_and_checked(void **state)
{
    (void)state;
    struct err e = {0};
    char *path = at("f.gz"), *plain = at("f"), *text = NULL, *zeros = mem_zero(1 << 20, 1);
    size_t size;
    gzFile z = gzopen(path, "wb");
    assert_int_equal(gzwrite(z, zeros, 1 << 20), 1 << 20);
    gzclose(z);
    assert_ok(fs_read_gzip(&text, &size, path, 1 << 20, &e), &e);
    assert_int_equal(size, 1 << 20);
    assert_memory_equal(text, zeros, 1 << 20);
    free(text);
    text = NULL;
    // A bomb: a kilobyte that unpacks to more than allowed.
    assert_int_equal(fs_read_gzip(&text, &size, path, 1000, &e), ERR_RANGE);
    char *want = str_format("'%s' unpacks to more than 1000 bytes", path);
    assert_text(&e, want);
    free(want);

    assert_ok(fs_write(plain, "not packed", 10, &e), &e);
    assert_ok(fs_read_gzip(&text, &size, plain, 100, &e), &e);
    assert_string_equal(text, "not packed");
    free(text);
    text = NULL;

    char *packed;
    assert_ok(fs_read(&packed, &size, path, 1 << 20, &e), &e);
    for (size_t cut = 2; cut < size; cut += 97) { // cut short anywhere behind the magic number
        assert_ok(fs_write(plain, packed, cut, &e), &e);
        assert_int_equal(fs_read_gzip(&text, NULL, plain, 1 << 20, &e), ERR_CORRUPT);
    }
    packed[size - 8] ^= 1; // the checksum
    assert_ok(fs_write(plain, packed, size, &e), &e);
    assert_int_equal(fs_read_gzip(&text, NULL, plain, 1 << 20, &e), ERR_CORRUPT);
    assert_null(text);
    free(packed);
    free(zeros);
    free(path);
    free(plain);
}

static void home_is_given_or_found_above_the_program(void **state)
{
    (void)state;
    struct err e = {0};
    char *home, *old = getenv("PROMPTGRID_HOME") ? mem_strdup(getenv("PROMPTGRID_HOME")) : NULL;
    setenv("PROMPTGRID_HOME", folder, 1);
    assert_int_equal(fs_home(&home, &e), ERR_MISSING);
    char *want = str_format("PROMPTGRID_HOME '%s' holds no folder recipes/pocket", folder);
    assert_text(&e, want);
    free(want);
    char *pocket = at("recipes/pocket");
    assert_ok(fs_make_folders(pocket, &e), &e);
    assert_ok(fs_home(&home, &e), &e);
    assert_string_equal(home, folder);
    free(home);
    free(pocket);
    if (old)
        setenv("PROMPTGRID_HOME", old, 1);
    else
        unsetenv("PROMPTGRID_HOME");
    free(old);
    char *sibling = fs_sibling("promptgrid-runner"), *here = fs_sibling("");
    assert_true(str_ends(sibling, "/promptgrid-runner") && fs_is_folder(here));
    free(sibling);
    free(here);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_are_joined_and_taken_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_in_the_way_of_a_folder_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(written_files_read_back_and_are_replaced_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reading_refuses_what_is_too_large_missing_or_no_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_failed_write_keeps_the_old_file_and_leaves_no_other,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(writing_where_no_file_can_be_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_takes_its_name_only_when_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_show_the_bytes_and_an_empty_file_has_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lists_are_sorted_by_bytes_without_hidden_names, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(gzip_is_unpacked_bounded_and_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(home_is_given_or_found_above_the_program, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
