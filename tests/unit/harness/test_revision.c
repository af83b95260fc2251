#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "harness/proc.h"
#include "harness/revision.h"

static char *folder;

static void git(const char *a, const char *b, const char *c)
{
    const char *argv[] = {"git", "-c", "user.name=t", "-c", "user.email=t@example.org", a,
                          b,     c,    NULL};
    struct err e = {0};
    assert_ok(proc_run(argv, folder, &e), &e);
}

static void put(const char *name, const char *text)
{
    char *path = fs_join(folder, name);
    struct err e = {0};
    assert_ok(fs_write(path, text, strlen(text), &e), &e);
    free(path);
}

static bool has_git(void)
{
    const char *argv[] = {"git", "--version", NULL};
    struct err e;
    return proc_run(argv, NULL, &e) == 0;
}

static void check(bool dirty, const char *diff)
{
    struct err e = {0};
    struct revision r;
    assert_ok(revision_read(&r, folder, &e), &e);
    assert_string_equal(r.note, "");
    assert_int_equal(strlen(r.commit), 40);
    assert_int_equal(r.dirty, dirty);
    if (!strstr(r.diff, diff))
        fail_msg("no '%s' in '%s'", diff, r.diff);
    if (!dirty)
        assert_string_equal(r.diff, "");
    revision_release(&r);
}

static void a_change_is_seen_and_a_stray_result_is_not(void **state)
{
    (void)state;
    if (!has_git()) {
        print_message("skipped: git is not installed\n");
        return;
    }
    folder = t_folder();
    git("init", "-q", ".");
    put("a.c", "int a;\n");
    git("add", "a.c", NULL);
    git("commit", "-qm", "one");
    check(false, "");
    put("notes.txt", "not a source\n");
    check(false, "");
    put("b.c", "int b;\n");
    check(true, "+int b;\n");
    git("add", "b.c", NULL);
    check(true, "+int b;\n"); // staged
    git("commit", "-qm", "two");
    check(false, "");
    put("a.c", "long a;\n");
    check(true, "-int a;\n+long a;\n");
    struct err e;
    const char *rm[] = {"rm", "-r", folder, NULL};
    assert_int_equal(proc_run(rm, NULL, &e), 0);
    free(folder);
}

static void a_long_change_is_cut(void **state)
{
    (void)state;
    if (!has_git())
        return;
    folder = t_folder();
    git("init", "-q", ".");
    put("seed.c", "\n");
    git("add", "seed.c", NULL);
    git("commit", "-qm", "one");
    struct str text = STR_INIT;
    while (text.size < 3 << 20)
        str_add(&text, "a line of some source that nobody has committed\n");
    put("a.c", text.data);
    put("b.c", text.data);
    struct err e = {0};
    struct revision r;
    assert_ok(revision_read(&r, folder, &e), &e);
    assert_true(r.dirty);
    assert_true(strlen(r.diff) <= REVISION_DIFF_LIMIT + 100);
    assert_true(str_ends(r.diff, "\n[the rest is left out]\n"));
    revision_release(&r);
    str_release(&text);
    const char *rm[] = {"rm", "-r", folder, NULL};
    assert_int_equal(proc_run(rm, NULL, &e), 0);
    free(folder);
}

static void outside_a_repository_the_commit_is_empty_and_the_build_says_why(void **state)
{
    (void)state;
    folder = t_folder();
    struct err e = {0};
    struct revision r;
    assert_ok(revision_read(&r, folder, &e), &e);
    assert_string_equal(r.commit, "");
    assert_false(r.dirty);
    assert_string_equal(r.diff, "");
    assert_true(str_starts(r.note, "no git revision: "));
    char *build = revision_build(&r);
    assert_true(str_starts(build, "promptgrid " PROMPTGRID_VERSION ", "));
    assert_true(str_ends(build, r.note));
    free(build);
    revision_release(&r);
    rmdir(folder);
    free(folder);
}

static void the_machine_is_described_in_text(void **state)
{
    (void)state;
    static const char *const keys[] = {"cpu", "cores", "memory", "kernel", "host", "libraries"};
    json_t *facts = revision_machine();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_true(json_string_length(json_object_get(facts, keys[i])) > 0);
    json_decref(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_seen_and_a_stray_result_is_not),
        cmocka_unit_test(a_long_change_is_cut),
        cmocka_unit_test(outside_a_repository_the_commit_is_empty_and_the_build_says_why),
        cmocka_unit_test(the_machine_is_described_in_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
