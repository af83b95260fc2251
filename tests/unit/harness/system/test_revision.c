#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/system/proc.h"
#include "harness/system/revision.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

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
    struct revision r;
    revision_read(&r, folder);
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
    revision_read(&r, folder);
    assert_true(r.dirty);
    assert_true(strlen(r.diff) <= REVISION_DIFF_LIMIT + 100);
    assert_true(str_ends(r.diff, "\n[the rest is left out]\n"));
    revision_release(&r);
    str_release(&text);
    const char *rm[] = {"rm", "-r", folder, NULL};
    assert_int_equal(proc_run(rm, NULL, &e), 0);
    free(folder);
}

/* Reads the folder's revision in a child whose n-th allocation fails: its exit status. */
static int read_without(long n)
{
    char fault[64];
    int status;
    snprintf(fault, sizeof fault, "alloc:%ld:ENOMEM", n);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct revision r;
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, 2);
        sys_arm(fault);
        revision_read(&r, folder);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("allocation %ld: signal %d", n, WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* libgit2 1.5 frees twice what it could not add to a configuration. */
static void without_memory_the_program_ends_as_elsewhere(void **state)
{
    (void)state;
    enum { STEP = 3 };
    long n = 1;
    if (!has_git()) {
        print_message("skipped: git is not installed\n");
        return;
    }
    folder = t_folder();
    git("init", "-q", ".");
    put("a.c", "int a;\n");
    git("add", "a.c", NULL);
    git("commit", "-qm", "one");
    put("a.c", "int b;\n");
    for (int status = 3; status; n += STEP) {
        status = read_without(n);
        assert_true(status == 0 || status == 3);
    }
    assert_true(n > 100);
    const char *rm[] = {"rm", "-r", folder, NULL};
    assert_int_equal(proc_run(rm, NULL, &(struct err){0}), 0);
    free(folder);
}

static void outside_a_repository_the_commit_is_empty_and_the_build_says_why(void **state)
{
    (void)state;
    folder = t_folder();
    struct revision r;
    revision_read(&r, folder);
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
        cmocka_unit_test(without_memory_the_program_ends_as_elsewhere),
        cmocka_unit_test(outside_a_repository_the_commit_is_empty_and_the_build_says_why),
        cmocka_unit_test(the_machine_is_described_in_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
