/* Partial files in the workspace: those of dead writers go, all others stay. */
#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "harness/plan/jobfile.h"

#include <sys/wait.h>

/* banks/NAME.part-PID, or banks/NAME for pid 0 */
static char *put(const char *workspace, const char *name, long pid)
{
    struct err e = {0};
    char *path = pid ? str_format("%s/banks/%s.part-%ld", workspace, name, pid)
                     : str_format("%s/banks/%s", workspace, name);
    assert_ok(fs_write(path, "x", 1, &e), &e);
    return path;
}

static void take(char *path, bool expected)
{
    bool there = unlink(path) == 0;
    if (there != expected)
        fail_msg("'%s' is %s", path, there ? "still there" : "gone");
    free(path);
}

static void partial_files_of_dead_writers_are_removed(void **state)
{
    (void)state;
    struct err e = {0};
    char *workspace = t_folder();
    assert_ok(jobfile_folders(workspace, &e), &e);
    pid_t reaped = fork();
    if (reaped == 0)
        _exit(0);
    waitpid(reaped, NULL, 0);
    pid_t zombie = fork();
    if (zombie == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT); // it has ended and is not collected

    char *dead = put(workspace, "a.bank", reaped), *undead = put(workspace, "b.bank", zombie),
         *ours = put(workspace, "c.bank", getpid()), *whole = put(workspace, "d.bank", 0),
         *odd = put(workspace, "e.part-x", 0);
    assert_ok(jobfile_folders(workspace, &e), &e);
    waitpid(zombie, NULL, 0);
    take(dead, false);
    take(undead, false);
    take(ours, true);
    take(whole, true);
    take(odd, true);

    static const char *const folders[] = {"jobs", "logs", "banks", "prompts", "checkpoints", ""};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char *path = fs_join(workspace, folders[i]);
        assert_int_equal(rmdir(path), 0);
        free(path);
    }
    free(workspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partial_files_of_dead_writers_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
