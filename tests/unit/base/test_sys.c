#include "t.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

/* Faults are read before main, so each case is this program again with one in its environment. */
static int again(const char *fault, const char *what)
{
    pid_t pid = fork();
    if (pid == 0) {
        setenv("PROMPTGRID_FAULT", fault, 1);
        setenv("SYS_CASE", what, 1);
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        execl("/proc/self/exe", "test_sys", (char *)NULL);
        _exit(99);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* In the child: exit status 0 when the fault did what it should. */
static int third_write_fails(void)
{
    int fd = open("/dev/null", O_WRONLY), ok = sys_armed();
    ok &= sys_write(fd, "x", 1) == 1 && sys_pwrite(fd, "x", 1, 0) == 1;
    ok &= sys_write(fd, "x", 1) == -1 && errno == ENOSPC;
    ok &= sys_write(fd, "x", 1) == 1 && sys_fsync(fd) == (fsync(fd) == 0 ? 0 : -1);
    return !ok;
}

static int writes_stop_short(void)
{
    int fd = open("/dev/null", O_WRONLY);
    return !(sys_write(fd, "abcd", 4) == 2 && sys_write(fd, "abcd", 4) == 2);
}

static int memory_ends_in_words(void)
{
    return sys_malloc(1) != NULL || sys_malloc(1) != NULL;
}

static int reads_and_locks_fail(void)
{
    char byte;
    int fd = open("/dev/zero", O_RDWR);
    int ok = sys_read(fd, &byte, 1) == 1 && sys_pread(fd, &byte, 1, 0) == -1 && errno == EIO;
    return !(ok && sys_flock(fd, LOCK_EX) == -1 && errno == ENOLCK && sys_unlink("") == -1 &&
             errno == EACCES);
}

static int the_place_has_a_name(void)
{
    const char *first = sys_place("/"), *second = sys_place("/");
    return !(first == NULL && second && strcmp(second, "NFS") == 0);
}

static int the_clock_jumps_once(void)
{
    time_t real = time(NULL);
    double now = sys_now();
    return !(sys_time() - real < 5 && sys_time() - real >= 3600 && sys_time() - real < 3700 &&
             sys_now() - now < 5);
}

static const struct {
    const char *name;
    int (*act)(void);
} acts[] = {{"write", third_write_fails},    {"short", writes_stop_short},
            {"alloc", memory_ends_in_words}, {"read", reads_and_locks_fail},
            {"place", the_place_has_a_name}, {"clock", the_clock_jumps_once}};

static void a_fault_hits_the_call_it_names_and_no_other(void **state)
{
    (void)state;
    assert_int_equal(again("write:3:ENOSPC", "write"), 0);
    assert_int_equal(again("write:1+:short", "short"), 0);
    assert_int_equal(again("alloc:1+:ENOMEM", "alloc"), 0);
    assert_int_equal(again("clock:2:+3600", "clock"), 0);
    assert_int_equal(again("read:2:EIO,lock:1:ENOLCK,unlink:1:EACCES", "read"), 0);
    assert_int_equal(again("place:2:NFS", "place"), 0);
    assert_int_equal(again("write:2:kill", "write"), -SIGKILL);
    assert_int_equal(again("other/write:2:kill,fsync:9:EIO,write:3:ENOSPC", "write"), 0);
}

static void what_is_no_fault_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"write",        "write:0:EIO",   "write:1:EWHAT",
                                      "pull:1:EIO",   "fsync:1:short", "clock:1:x",
                                      "write:1x:EIO", "write:1:FLIP"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(again(bad[i], "write"), 2);
}

static void a_process_is_known_by_more_than_its_number(void **state)
{
    (void)state;
    struct sys_process self, child;
    assert_true(sys_process(getpid(), &self));
    assert_true(sys_process_lives(&self));
    assert_int_equal(strlen(self.boot), 36);
    self.start++; // the number went to another process
    assert_false(sys_process_lives(&self));
    self.start--;
    self.boot[0] = self.boot[0] == '0' ? '1' : '0'; // the machine was started anew
    assert_false(sys_process_lives(&self));

    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    assert_true(sys_process(pid, &child));
    assert_false(sys_process_lives(&child)); // a zombie
    waitpid(pid, NULL, 0);
    assert_false(sys_process(pid, &child));
}

int main(void)
{
    const char *what = getenv("SYS_CASE");
    for (size_t i = 0; what && i < sizeof acts / sizeof acts[0]; i++)
        if (strcmp(what, acts[i].name) == 0)
            return acts[i].act();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_hits_the_call_it_names_and_no_other),
        cmocka_unit_test(what_is_no_fault_is_refused),
        cmocka_unit_test(a_process_is_known_by_more_than_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
