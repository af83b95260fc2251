/* Archives as publishers make them, and as attackers do: what comes in, and that nothing else does.
 */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/fetch/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

struct entry {
    const char *name;
    unsigned type;    // 0: a file
    const char *link; // of a link
    const char *data; // of a file
    long long hole;   // bytes of a hole behind the data
};

enum form { TAR, TAR_GZ, ZIP };

static struct archive *writer(enum form form)
{
    struct archive *a = archive_write_new();
    if (form == ZIP)
        archive_write_set_format_zip(a);
    else
        archive_write_set_format_pax_restricted(a);
    if (form == TAR_GZ)
        archive_write_add_filter_gzip(a);
    return a;
}

static void put(struct archive *a, const struct entry *x)
{
    struct archive_entry *entry = archive_entry_new();
    const size_t n = x->data ? strlen(x->data) : 0;
    archive_entry_copy_pathname(entry, x->name);
    archive_entry_set_filetype(entry, x->type ? x->type : AE_IFREG);
    archive_entry_set_perm(entry, 04777);
    if (x->type == AE_IFLNK)
        archive_entry_copy_symlink(entry, x->link);
    else if (x->link)
        archive_entry_copy_hardlink(entry, x->link);
    archive_entry_set_size(entry, (la_int64_t)n + x->hole);
    if (x->hole)
        archive_entry_sparse_add_entry(entry, 0, (la_int64_t)n);
    assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
    if (n)
        assert_int_equal(archive_write_data(a, x->data, n), n);
    archive_entry_free(entry);
}

/* `folder`/a.tar, a.tgz or a.zip with these entries, up to one without a name. */
static char *make(const char *folder, enum form form, const struct entry *entries)
{
    static const char *const names[] = {"a.tar", "a.tgz", "a.zip"};
    char *path = fs_join(folder, names[form]);
    struct archive *a = writer(form);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (const struct entry *x = entries; x->name; x++)
        put(a, x);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
    return path;
}

static struct unpack defaults(const char *archive, const char *folder)
{
    return (struct unpack){
        .archive = archive, .folder = folder, .from = "", .entries = 1000, .bytes = 1 << 20};
}

static void assert_file(const char *folder, const char *name, const char *want)
{
    char *path = fs_join(folder, name), *text;
    struct err e = {0};
    assert_ok(fs_read(&text, NULL, path, 1 << 20, &e), &e);
    assert_string_equal(text, want);
    free(text);
    free(path);
}

/* Nothing but what is named, hidden files included. */
static void assert_only(const char *folder, const char *const *names)
{
    struct fs_names found;
    struct err e = {0};
    struct stat s;
    size_t n = 0;
    assert_ok(fs_list(&found, folder, &e), &e);
    while (names[n])
        n++;
    assert_int_equal(found.n, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(found.names[i], names[i]);
    fs_names_release(&found);
    static const char *const hidden[] = {".unpacking-a.tar", ".unpacking-a.tgz", ".unpacking-a.zip",
                                         ".unpacked-a.tar",  ".unpacked-a.tgz",  ".unpacked-a.zip"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        char *path = fs_join(folder, hidden[i]);
        assert_int_not_equal(lstat(path, &s), 0);
        free(path);
    }
}

static const struct entry good[] = {{"./", AE_IFDIR, NULL, NULL, 0},
                                    {"./set/", AE_IFDIR, NULL, NULL, 0},
                                    {"set/images/a/1.jpg", 0, NULL, "one", 0},
                                    {"set/images/b/", AE_IFDIR, NULL, NULL, 0},
                                    {"set/images/b/2.jpg", 0, NULL, "two", 0},
                                    {"set/images/._1.jpg", 0, NULL, "finder", 0},
                                    {"set/list.txt", 0, NULL, "list", 0},
                                    {"other/readme", 0, NULL, "no", 0},
                                    {NULL, 0, NULL, NULL, 0}};

static void the_wanted_folder_comes_in(void **state)
{
    (void)state;
    for (enum form form = TAR; form <= ZIP; form++) {
        char *packed = t_folder(), *folder = t_folder(), *path = make(packed, form, good);
        struct unpack u = defaults(path, folder);
        struct err e = {0};
        struct stat s;
        u.from = "set";
        u.last = "images";
        assert_ok(unpack_archive(&u, &e), &e);
        assert_file(folder, "images/a/1.jpg", "one");
        assert_file(folder, "images/b/2.jpg", "two");
        assert_file(folder, "list.txt", "list");
        assert_only(folder, (const char *const[]){"images", "list.txt", NULL});
        char *file = fs_join(folder, "images/a/1.jpg"), *finder = fs_join(folder, "images/._1.jpg");
        assert_int_equal(stat(file, &s), 0);
        assert_int_equal(s.st_mode & 07111, 0); // neither setuid nor executable
        assert_int_not_equal(stat(finder, &s), 0);
        free(file);
        free(finder);
        fs_remove_tree(packed, &e);
        fs_remove_tree(folder, &e);
        free(path);
        free(packed);
        free(folder);
    }
}

static void hostile_archives_are_refused_whole(void **state)
{
    (void)state;
#define FIRST                                                                                      \
    {                                                                                              \
        "set/first.jpg", 0, NULL, "fine", 0                                                        \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, 0, NULL, NULL, 0                                                                     \
    }
    static const struct {
        const char *what;
        struct entry entries[4];
        const char *text; // of the error, after "archive 'PATH' is refused: "
        int code;
    } cases[] = {
        {"out by ..",
         {FIRST, {"set/../../out", 0, NULL, "x", 0}, END},
         "'set/../../out' leaves the folder",
         ERR_CORRUPT},
        {".. at once",
         {FIRST, {"../out", 0, NULL, "x", 0}, END},
         "'../out' leaves the folder",
         ERR_CORRUPT},
        {".. outside what is wanted",
         {FIRST, {"other/..", AE_IFDIR, NULL, NULL, 0}, END},
         "'other/..' leaves the folder",
         ERR_CORRUPT},
        {"absolute",
         {FIRST, {"/tmp/promptgrid-out", 0, NULL, "x", 0}, END},
         "'/tmp/promptgrid-out' is an absolute path",
         ERR_CORRUPT},
        {"link out",
         {FIRST, {"set/l", AE_IFLNK, "/etc", NULL, 0}, {"set/l/x", 0, NULL, "x", 0}, END},
         "'set/l' is a link",
         ERR_CORRUPT},
        {"link within",
         {FIRST, {"set/l", AE_IFLNK, "first.jpg", NULL, 0}, END},
         "'set/l' is a link",
         ERR_CORRUPT},
        {"link outside what is wanted",
         {FIRST, {"l", AE_IFLNK, "/", NULL, 0}, END},
         "'l' is a link",
         ERR_CORRUPT},
        {"hard link",
         {FIRST, {"set/h", 0, "/etc/passwd", NULL, 0}, END},
         "'set/h' is a hard link",
         ERR_CORRUPT},
        {"device",
         {FIRST, {"set/null", AE_IFCHR, NULL, NULL, 0}, END},
         "'set/null' is a device",
         ERR_CORRUPT},
        {"disk",
         {FIRST, {"set/sda", AE_IFBLK, NULL, NULL, 0}, END},
         "'set/sda' is a device",
         ERR_CORRUPT},
        {"pipe",
         {FIRST, {"set/p", AE_IFIFO, NULL, NULL, 0}, END},
         "'set/p' is neither a file nor a folder",
         ERR_CORRUPT},
        {"twice",
         {FIRST, FIRST, END},
         "'set/first.jpg' comes twice, or differs from another name only by case",
         ERR_CORRUPT},
        {"twice in other words",
         {FIRST, {"./set/first.jpg", 0, NULL, "x", 0}, END},
         "'set/first.jpg' comes twice, or differs from another name only by case",
         ERR_CORRUPT},
        {"case",
         {FIRST, {"set/First.JPG", 0, NULL, "x", 0}, END},
         "'set/First.JPG' comes twice, or differs from another name only by case",
         ERR_CORRUPT},
        {"case of a folder",
         {FIRST, {"Set/other.jpg", 0, NULL, "x", 0}, END},
         "'Set/other.jpg' comes twice, or differs from another name only by case",
         ERR_CORRUPT},
        {"a file as folder",
         {FIRST, {"set/first.jpg/x", 0, NULL, "x", 0}, END},
         "'set/first.jpg/x' comes twice, or differs from another name only by case",
         ERR_CORRUPT},
        {"a folder as file",
         {{"set/a/b", 0, NULL, "x", 0}, {"set/a", 0, NULL, "x", 0}, END},
         "'set/a' comes twice, or differs from another name only by case",
         ERR_CORRUPT},
        {"control character",
         {FIRST, {"set/a\nb", 0, NULL, "x", 0}, END},
         "'set/a\\x0ab' has a control character in its name",
         ERR_CORRUPT},
        {"a large hole",
         {FIRST, {"set/hole", 0, NULL, "x", 1LL << 40}, END},
         "'hole' makes it larger than allowed",
         ERR_RANGE},
        {"nothing wanted", {{"readme", 0, NULL, "x", 0}, END}, "'set' holds no file", ERR_CORRUPT},
    };
#undef FIRST
#undef END
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *packed = t_folder(), *folder = t_folder(),
             *path = make(packed, TAR, cases[i].entries);
        struct unpack u = defaults(path, folder);
        struct err e = {0};
        u.from = "set";
        const int rc = unpack_archive(&u, &e);
        char *want =
            str_format("archive '%s' is refused: %s; nothing of it was taken", path, cases[i].text);
        if (rc != cases[i].code || !str_eq(e.text, want))
            fail_msg("%s: %d '%s', want %d '%s'", cases[i].what, rc, e.text, cases[i].code, want);
        assert_only(folder, (const char *const[]){NULL});
        assert_int_not_equal(access("/tmp/promptgrid-out", F_OK), 0);
        fs_remove_tree(packed, &e);
        fs_remove_tree(folder, &e);
        free(want);
        free(path);
        free(packed);
        free(folder);
    }
}

static void bombs_are_stopped(void **state)
{
    (void)state;
    char *packed = t_folder(), *folder = t_folder();
    struct entry *many = mem_zero(1002, sizeof *many);
    char *zeros = mem_zero((96 << 20) + 1, 1);
    struct err e = {0};
    for (int i = 0; i < 1001; i++)
        many[i] = (struct entry){str_format("f%d", i), 0, NULL, "", 0};
    char *path = make(packed, TAR_GZ, many);
    struct unpack u = defaults(path, folder);
    assert_int_equal(unpack_archive(&u, &e), ERR_RANGE);
    assert_non_null(strstr(e.text, "'f1000' is one entry more than allowed"));
    for (int i = 0; i < 1001; i++)
        free((char *)many[i].name);
    free(path);

    memset(zeros, '0', 96 << 20);
    const struct entry large[] = {{"zeros", 0, NULL, zeros, 0}, {NULL, 0, NULL, NULL, 0}};
    for (enum form form = TAR_GZ; form <= ZIP; form++) {
        path = make(packed, form, large);
        u = defaults(path, folder); // a megabyte is allowed
        assert_int_equal(unpack_archive(&u, &e), ERR_RANGE);
        assert_non_null(strstr(e.text, "'zeros' makes it larger than allowed"));
        u.bytes = 1LL << 40;
        assert_int_equal(unpack_archive(&u, &e), ERR_RANGE);
        assert_non_null(strstr(e.text, "'zeros' makes it 200 times as large as it is packed"));
        assert_only(folder, (const char *const[]){NULL});
        free(path);
    }
    fs_remove_tree(packed, &e);
    fs_remove_tree(folder, &e);
    free(many);
    free(zeros);
    free(packed);
    free(folder);
}

/* Every length of a small archive short of the whole: an error, or all files and all of each. */
static void a_cut_archive_is_no_archive(void **state)
{
    (void)state;
    for (enum form form = TAR; form <= ZIP; form++) {
        char *packed = t_folder(), *path = make(packed, form, good), *data;
        size_t size, whole = 0;
        struct err e = {0};
        assert_ok(fs_read(&data, &size, path, 1 << 20, &e), &e);
        for (size_t n = 0; n < size; n += form == TAR ? 997 : 3) {
            char *folder = t_folder();
            struct unpack u = defaults(path, folder);
            u.from = "set";
            e = (struct err){0};
            FILE *cut = fopen(path, "w"); // thousands of fs_write would wait for the disk
            assert_non_null(cut);
            assert_int_equal(fwrite(data, 1, n, cut), n);
            fclose(cut);
            if (unpack_archive(&u, &e) < 0) {
                assert_only(folder, (const char *const[]){NULL});
            } else { // what was cut off is padding, or a tar's files from one on
                char *list = fs_join(folder, "list.txt");
                if (fs_is_file(list))
                    assert_file(folder, "list.txt", "list");
                assert_file(folder, "images/a/1.jpg", "one");
                free(list);
                whole++;
            }
            fs_remove_tree(folder, &e);
            free(folder);
        }
        if (form == ZIP)
            assert_int_equal(whole, 0);
        fs_remove_tree(packed, &e);
        free(data);
        free(path);
        free(packed);
    }
}

static void an_archive_within_is_unpacked(void **state)
{
    (void)state;
    char *packed = t_folder(), *folder = t_folder(), *inner = make(packed, TAR_GZ, good), *data;
    size_t size;
    struct err e = {0};
    assert_ok(fs_read(&data, &size, inner, 1 << 20, &e), &e);
    char *path = fs_join(packed, "outer.zip");
    struct archive *a = writer(ZIP);
    struct archive_entry *entry = archive_entry_new();
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    put(a, &(struct entry){"set/readme", 0, NULL, "x", 0});
    archive_entry_copy_pathname(entry, "set/in.tgz");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_write_header(a, entry);
    assert_int_equal(archive_write_data(a, data, size), size);
    archive_write_close(a);
    archive_write_free(a);
    archive_entry_free(entry);
    struct unpack u = defaults(path, folder);
    u.from = "set";
    u.inner = "set/in.tgz";
    assert_ok(unpack_archive(&u, &e), &e);
    assert_file(folder, "images/b/2.jpg", "two");
    assert_only(folder, (const char *const[]){"images", "list.txt", NULL});
    fs_remove_tree(folder, &e);
    fs_make_folders(folder, &e);
    u.into = "below";
    u.last = "below";
    assert_ok(unpack_archive(&u, &e), &e);
    assert_file(folder, "below/images/b/2.jpg", "two");
    assert_only(folder, (const char *const[]){"below", NULL});
    u.last = "images"; // it is elsewhere, so this is another archive
    assert_int_equal(unpack_archive(&u, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "'images' is not in it"));
    u.inner = "set/none.tgz";
    assert_int_equal(unpack_archive(&u, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "'set/none.tgz' is not in it"));
    fs_remove_tree(packed, &e);
    fs_remove_tree(folder, &e);
    free(data);
    free(path);
    free(inner);
    free(packed);
    free(folder);
}

static void what_is_there_stays(void **state)
{
    (void)state;
    char *packed = t_folder(), *folder = t_folder(), *path = make(packed, TAR, good);
    char *mine = fs_join(folder, "list.txt"), *half = fs_join(folder, ".unpacking-a.tar/images"),
         *ready = fs_join(folder, ".unpacked-a.tar");
    struct unpack u = defaults(path, folder);
    struct err e = {0};
    u.from = "set";
    assert_ok(fs_write(mine, "mine", 4, &e), &e);
    assert_ok(fs_make_folders(half, &e), &e); // of a process that was killed
    assert_int_equal(unpack_archive(&u, &e), ERR_USAGE);
    char *want = str_format("'%s' is there already, and archive '%s' has it too: set it aside and "
                            "give the same command again",
                            mine, path);
    assert_text(&e, want);
    assert_file(folder, "list.txt", "mine");
    assert_true(fs_is_folder(ready)); // it need not be unpacked again
    unlink(mine);
    unlink(path);
    assert_ok(unpack_archive(&u, &e), &e);
    assert_only(folder, (const char *const[]){"images", "list.txt", NULL});
    fs_remove_tree(packed, &e);
    fs_remove_tree(folder, &e);
    free(want);
    free(mine);
    free(half);
    free(ready);
    free(path);
    free(packed);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wanted_folder_comes_in),
        cmocka_unit_test(hostile_archives_are_refused_whole),
        cmocka_unit_test(bombs_are_stopped),
        cmocka_unit_test(a_cut_archive_is_no_archive),
        cmocka_unit_test(an_archive_within_is_unpacked),
        cmocka_unit_test(what_is_there_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
