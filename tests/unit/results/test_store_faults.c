/* The store under a second writer, a killed one, a full disk and a folder that nobody may write. */
#include "store_fixture.h"

#include "core/base/fs.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *store_in(void **state)
{
    return fs_join(*state, "promptgrid.sqlite");
}

static void a_second_writer_is_told_who_holds_the_store(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = store_in(state);
    int ready[2], stop[2];
    char byte = 0;
    assert_int_equal(pipe(ready) | pipe(stop), 0);
    pid_t child = fork();
    if (child == 0) {
        close(stop[1]);
        if (store_open(&s, path, STORE_WRITE, &e) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        while (read(stop[0], &byte, 1) > 0)
            ;
        _exit(0); // without closing: the kernel drops the lock
    }
    close(stop[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(store_open(&s, path, STORE_WRITE, &e), ERR_BUSY);
    assert_null(s);
    char *start = str_format("'%s' is being written by process %d on ", path, (int)child);
    assert_true(str_starts(e.text, start));
    assert_true(str_ends(e.text, "; wait until it ends or stop it"));
    assert_ok(store_open(&s, path, STORE_READ, &e), &e); // readers are welcome
    store_close(s);
    close(stop[1]);
    waitpid(child, NULL, 0);
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    store_close(s);
    close(ready[0]);
    close(ready[1]);
    free(start);
    free(path);
}

static void every_acknowledged_run_outlives_kill_9(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = store_in(state);
    enum { MANY = 100000 };
    bool *kept = calloc(MANY, sizeof *kept);
    int written = 0, acknowledged[2];
    for (int round = 0; round < 5; round++) {
        assert_int_equal(pipe(acknowledged), 0);
        pid_t child = fork();
        if (child == 0) {
            if (store_open(&s, path, STORE_WRITE, &e) < 0)
                _exit(1);
            if (round == 0)
                fixture_origin(s);
            for (int i = written + 1; i < MANY; i++)
                if (fixture_done(s, fixture_run(i), fixture_spec("d", "m", 1, i), "base", i, "new",
                                 i, &e) < 0 ||
                    write(acknowledged[1], &i, sizeof i) != sizeof i)
                    _exit(1);
        }
        close(acknowledged[1]);
        int last = written;
        for (int i = 0; i < 7 + 3 * round; i++) {
            assert_int_equal(read(acknowledged[0], &last, sizeof last), sizeof last);
            kept[last] = true;
        }
        usleep(1000 * (unsigned)round + 300);
        kill(child, SIGKILL);
        while (read(acknowledged[0], &last, sizeof last) == sizeof last)
            kept[last] = true;
        waitpid(child, NULL, 0);
        close(acknowledged[0]);

        int lost;
        assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
        for (int i = 1; i <= last; i++) {
            double value = 0;
            if (!kept[i])
                continue;
            assert_int_equal(store_metric(s, fixture_run(i), "base", "accuracy", &value, &e), 1);
            assert_true(value == i);
        }
        assert_ok(store_recover(s, &lost, &e), &e);
        assert_true(lost <= 1);
        store_close(s);
        assert_sql(path, "PRAGMA integrity_check", "ok");
        written = last + 1; // the one under way may be there or not
    }
    free(kept);
    free(path);
}

/* Run `f` in a process of its own, as a user without privileges; its exit status. */
static int in_child(int (*f)(const char *path), const char *path)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setegid(65534) || seteuid(65534)))
            _exit(90);
        _exit(f(path));
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int fill_disk(const char *path)
{
    struct err e = {0};
    struct store *s;
    struct rlimit limit = {1 << 20, 1 << 20};
    signal(SIGXFSZ, SIG_IGN);
    if (store_open(&s, path, STORE_WRITE, &e) < 0)
        return 1;
    setrlimit(RLIMIT_FSIZE, &limit);
    int done = 0, rc;
    do {
        done++;
        rc = fixture_done(s, fixture_run(done), fixture_spec("d", "m", 1, done), "base", done, NULL,
                          0, &e);
    } while (rc == 0 && done < 5000);
    char *want = str_format("cannot write '%s' (disk I/O error): the disk is full, or a quota or a "
                            "limit on file sizes is reached, or it fails; make room and repeat the "
                            "command",
                            path);
    if (rc != ERR_SYS || !str_eq(e.text, want)) {
        fprintf(stderr, "%d: %s\n", rc, e.text);
        return 2;
    }
    free(want);
    for (int i = 1; i < done; i++) { // what was acknowledged can still be read
        double value;
        if (store_metric(s, fixture_run(i), "base", "accuracy", &value, &e) != 1 || value != i)
            return 3;
    }
    return done > 5 && done < 200 ? done : 4;
}

static void a_full_disk_is_a_plain_error_and_loses_nothing(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = store_in(state);
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    fixture_origin(s);
    store_close(s);
    assert_int_equal(chmod(*state, 0777), 0);
    assert_int_equal(chmod(path, 0666), 0);
    char *lock = str_format("%s.lock", path);
    assert_int_equal(chmod(lock, 0666), 0);
    free(lock);
    int done = in_child(fill_disk, path);
    if (done <= 5)
        fail_msg("the child ended with %d", done);
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e); // with room again, all goes on
    for (int i = 1; i < done; i++) {
        double value;
        assert_int_equal(store_metric(s, fixture_run(i), "base", "accuracy", &value, &e), 1);
    }
    assert_ok(
        fixture_done(s, fixture_run(900), fixture_spec("d", "m", 1, 900), "base", 1, NULL, 0, &e),
        &e);
    store_close(s);
    assert_sql(path, "PRAGMA integrity_check", "ok");
    free(path);
}

static int read_and_try_to_write(const char *path)
{
    struct err e = {0};
    struct store *s;
    double value;
    if (store_open(&s, path, STORE_READ, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    if (store_metric(s, fixture_run(1), "base", "accuracy", &value, &e) != 1 || value != 64.5)
        return 2;
    store_close(s);
    char *want = str_format("cannot write '%s.lock': Permission denied", path);
    if (store_open(&s, path, STORE_WRITE, &e) != ERR_SYS || !str_eq(e.text, want)) {
        fprintf(stderr, "%s\n", e.text);
        return 3;
    }
    free(want);
    return 0;
}

static void a_read_only_workspace_can_be_read(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = fs_join(*state, "odd ?#% name.sqlite");
    assert_ok(store_open(&s, path, STORE_WRITE, &e), &e);
    fixture_origin(s);
    assert_ok(
        fixture_done(s, fixture_run(1), fixture_spec("d", "m", 1, 1), "base", 64.5, NULL, 0, &e),
        &e);
    store_close(s);
    char *lock = str_format("%s.lock", path);
    assert_int_equal(chmod(lock, 0444) | chmod(path, 0444) | chmod(*state, 0555), 0);
    assert_int_equal(in_child(read_and_try_to_write, path), 0);
    free(lock);
    free(path);
}

static int read_unmerged(const char *path)
{
    struct err e = {0};
    struct store *s;
    if (store_open(&s, path, STORE_READ, &e) == 0)
        return 1; // SQLite may manage alone; then the rows must be right, but it cannot here
    return str_starts(e.text, "cannot read '") && strstr(e.text, "changes not yet merged") ? 0 : 2;
}

static void unmerged_changes_in_a_read_only_folder_are_not_passed_over(void **state)
{
    struct err e = {0};
    struct store *s;
    char *path = store_in(state);
    pid_t child = fork();
    if (child == 0) { // leaves its "-wal" behind
        if (store_open(&s, path, STORE_WRITE, &e) < 0)
            _exit(1);
        fixture_origin(s);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    char *shm = str_format("%s-shm", path), *wal = str_format("%s-wal", path);
    assert_int_equal(unlink(shm), 0);
    assert_int_equal(chmod(wal, 0444) | chmod(path, 0444) | chmod(*state, 0555), 0);
    assert_int_equal(in_child(read_unmerged, path), 0);
    free(shm);
    free(wal);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_second_writer_is_told_who_holds_the_store),
        CASE(every_acknowledged_run_outlives_kill_9),
        CASE(a_full_disk_is_a_plain_error_and_loses_nothing),
        CASE(a_read_only_workspace_can_be_read),
        CASE(unmerged_changes_in_a_read_only_folder_are_not_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
