#include "t.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "harness/system/proc.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void keep(void *arg, const char *data, size_t size)
{
    str_addn(arg, data, size);
}

/* Run `sh -c script` to its end. */
static int run_script(const char *script, const char *log, struct str *events, struct str *last)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct proc p;
    struct err e = {0};
    struct proc_options o = {
        .argv = argv, .log = log, .events = events ? keep : NULL, .arg = events};
    assert_ok(proc_start(&p, &o, &e), &e);
    while (!proc_serve(&p)) {
        struct pollfd fds[PROC_FDS];
        proc_watch(&p, fds);
        assert_true(poll(fds, PROC_FDS, 10000) > 0);
    }
    return proc_reap(&p, 3, last);
}

/* True once the process is gone, or dead and not yet collected. */
static bool ends_within_2_s(pid_t pid)
{
    for (int i = 0; i < 100; i++) {
        char *path = str_format("/proc/%ld/stat", (long)pid);
        FILE *f = fopen(path, "r");
        char state = 0;
        bool alive = f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state != 'Z';
        if (f)
            fclose(f);
        free(path);
        if (!alive)
            return true;
        usleep(20000);
    }
    return false;
}

static void output_goes_to_the_log_and_events_to_the_callback(void **state)
{
    (void)state;
    char *folder = t_folder(), *log = fs_join(folder, "a b.log"), *text;
    struct str events = STR_INIT, last = STR_INIT;
    struct err e = {0};
    int status =
        run_script("cat; echo one; echo two >&2; printf 'e1\\ne2' >&3; echo three; echo four", log,
                   &events, &last);
    assert_int_equal(status, 0);
    assert_string_equal(events.data, "e1\ne2");
    assert_string_equal(last.data, "two\nthree\nfour\n");
    assert_ok(fs_read(&text, NULL, log, 1000, &e), &e);
    assert_string_equal(text, "one\ntwo\nthree\nfour\n");
    unlink(log);
    rmdir(folder);
    free(text);
    free(log);
    free(folder);
    str_release(&events);
    str_release(&last);
}

static void a_child_has_its_own_group_and_no_stray_descriptor(void **state)
{
    (void)state;
    struct str events = STR_INIT;
    int stray = fcntl(1, F_DUPFD, 20); // not close-on-exec
    assert_true(stray >= 20);
    int status = run_script("for n in $(seq 0 40); do [ -e /proc/$$/fd/$n ] && "
                            "printf '%s ' $n >&3; done; "
                            "echo $(cut -d' ' -f5 /proc/$$/stat) $$ >&3",
                            NULL, &events, NULL);
    close(stray);
    assert_int_equal(status, 0);
    int group = 0, pid = 1;
    assert_int_equal(sscanf(events.data, "0 1 2 3 %d %d", &group, &pid), 2);
    assert_int_equal(group, pid);
    str_release(&events);
}

static void a_flood_is_cut_in_the_log_and_its_end_is_kept(void **state)
{
    (void)state;
    char *folder = t_folder(), *log = fs_join(folder, "log"), *text;
    struct str last = STR_INIT;
    struct err e = {0};
    size_t size;
    assert_int_equal(
        run_script("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the end", log, NULL, &last),
        0);
    assert_true(str_ends(last.data, "\nthe end\n"));
    assert_true(last.size < 1000);
    assert_ok(fs_read(&text, &size, log, PROC_LOG_HEAD + PROC_LOG_TAIL + 100, &e), &e);
    assert_non_null(strstr(text, "\n[11545865 bytes of output left out here]\nxxx"));
    assert_true(str_ends(text, "x\nthe end\n"));
    free(text);
    unlink(log);
    rmdir(folder);
    free(log);
    free(folder);
    str_release(&last);
}

static void each_ending_has_its_text(void **state)
{
    (void)state;
    static const struct {
        const char *script, *text;
    } cases[] = {{"exit 0", ""},
                 {"exit 70", "exited with status 70"},
                 {"kill -9 $$", "killed by signal 9"},
                 {"kill -11 $$", "killed by signal 11"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str text = STR_INIT;
        proc_status_text(run_script(cases[i].script, NULL, NULL, NULL), &text);
        assert_string_equal(text.data, cases[i].text);
        str_release(&text);
    }
}

static void what_a_child_leaves_running_ends_with_it(void **state)
{
    (void)state;
    struct str events = STR_INIT;
    assert_int_equal(run_script("sleep 1000 & echo $! >&3", NULL, &events, NULL), 0);
    assert_true(ends_within_2_s((pid_t)atol(events.data)));
    str_release(&events);
}

static void a_child_dies_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    pid_t child = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        const char *argv[] = {"sleep", "1000", NULL};
        struct proc p;
        struct err e = {0};
        struct proc_options o = {.argv = argv};
        pid_t pid = proc_start(&p, &o, &e) < 0 ? 0 : p.pid;
        if (write(ends[1], &pid, sizeof pid) < 0)
            _exit(1);
        pause();
    }
    assert_int_equal(read(ends[0], &child, sizeof child), sizeof child);
    assert_true(child > 0);
    assert_int_equal(kill(child, 0), 0);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    assert_true(ends_within_2_s(child));
    close(ends[0]);
    close(ends[1]);
}

/* It is of our group until it has its own: Ctrl-Z and Ctrl-C of that moment are not for it. */
static void what_comes_for_our_group_is_not_for_a_child(void **state)
{
    (void)state;
    setpgid(0, 0);
    signal(SIGINT, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0)
        for (prctl(PR_SET_PDEATHSIG, SIGKILL);;)
            kill(0, SIGINT);
    for (int i = 0; i < 200; i++)
        assert_int_equal(run_script("exit 0", NULL, NULL, NULL), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    signal(SIGINT, SIG_DFL);
}

static void start_gated(struct proc *p, const char *script, struct str *events)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct err e = {0};
    struct proc_options o = {.argv = argv, .events = keep, .arg = events, .gated = true};
    assert_ok(proc_start(p, &o, &e), &e);
}

static void serve_until(struct proc *p, const struct str *events, const char *text)
{
    for (int i = 0; i < 500 && !str_eq(events->data, text); i++) {
        proc_serve(p);
        usleep(10000);
    }
    assert_string_equal(events->data, text);
}

static void a_gated_child_begins_when_it_is_told(void **state)
{
    (void)state;
    struct str events = STR_INIT;
    struct proc p;
    start_gated(&p, "printf waits >&3; head -c 1 <&4 | wc -c >&3; echo said", &events);
    serve_until(&p, &events, "waits");
    usleep(50000);
    assert_false(proc_serve(&p));
    assert_string_equal(events.data, "waits");
    char *folder = t_folder(), *log = fs_join(folder, "log"), *text;
    struct err e = {0};
    assert_ok(proc_log(&p, log, &e), &e);
    proc_go(&p);
    serve_until(&p, &events, "waits1\n");
    while (!proc_serve(&p))
        usleep(10000);
    assert_int_equal(proc_reap(&p, 0, NULL), 0);
    assert_ok(fs_read(&text, NULL, log, 100, &e), &e);
    assert_string_equal(text, "said\n");
    unlink(log);
    rmdir(folder);
    free(text);
    free(log);
    free(folder);
    str_release(&events);
}

static void a_dropped_child_is_gone(void **state)
{
    (void)state;
    struct str events = STR_INIT;
    struct proc p;
    start_gated(&p, "printf waits >&3; head -c 1 <&4; printf on >&3", &events);
    serve_until(&p, &events, "waits");
    pid_t pid = p.pid;
    proc_drop(&p);
    assert_string_equal(events.data, "waits");
    assert_true(kill(pid, 0) < 0);
    str_release(&events);
}

static void what_a_dropped_child_said_is_for_nobody(void **state)
{
    (void)state;
    struct str events = STR_INIT;
    struct proc p;
    start_gated(&p, "printf early >&3; head -c 1 <&4", &events);
    struct pollfd said = {p.events, POLLIN, 0};
    assert_int_equal(poll(&said, 1, -1), 1);
    proc_drop(&p);
    assert_int_equal(events.size, 0);
    str_release(&events);
}

static void a_child_that_died_at_its_gate_ends_as_any_other(void **state)
{
    (void)state;
    struct str events = STR_INIT;
    struct proc p;
    signal(SIGPIPE, SIG_IGN);
    start_gated(&p, "exit 5", &events);
    for (int i = 0; i < 500 && !proc_serve(&p); i++)
        usleep(10000);
    proc_go(&p);
    int status = proc_reap(&p, 0, NULL);
    assert_int_equal(WEXITSTATUS(status), 5);
    signal(SIGPIPE, SIG_DFL);
    str_release(&events);
}

static void a_missing_program_is_named(void **state)
{
    (void)state;
    const char *argv[] = {"/no/such program", "x", NULL};
    struct proc p;
    struct err e = {0};
    assert_int_equal(proc_start(&p, &(struct proc_options){.argv = argv}, &e), ERR_MISSING);
    assert_text(&e, "unable to run '/no/such program': No such file or directory");
    argv[0] = "/etc/passwd";
    assert_int_equal(proc_start(&p, &(struct proc_options){.argv = argv}, &e), ERR_SYS);
    assert_text(&e, "unable to run '/etc/passwd': Permission denied");
}

static void run_in_a_folder_and_report_what_was_said(void **state)
{
    (void)state;
    char *folder = t_folder(), *made = fs_join(folder, "made");
    const char *touch[] = {"touch", "made", NULL};
    const char *fail[] = {"sh", "-c", "echo 'bad\tthing' >&2; echo worse; exit 3", NULL};
    struct err e = {0};
    assert_ok(proc_run(touch, folder, &e), &e);
    assert_true(fs_is_file(made));
    assert_int_equal(proc_run(fail, NULL, &e), ERR_SYS);
    assert_text(&e, "'sh' exited with status 3: bad\\x09thing\nworse");
    unlink(made);
    rmdir(folder);
    free(made);
    free(folder);
}

static void what_a_program_prints_is_captured(void **state)
{
    (void)state;
    const char *talk[] = {"sh", "-c", "printf 'a\tb\n'; echo c >&2; exit 4", NULL};
    const char *sleep_[] = {"sh", "-c", "echo begun; sleep 60", NULL};
    const char *none[] = {"/no/such/program", NULL};
    struct str out = STR_INIT;
    struct err e = {0};
    int status = proc_capture(talk, 10, &out, &e);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 4);
    assert_string_equal(out.data, "a\tb\nc\n");
    str_clear(&out);
    assert_int_equal(proc_capture(sleep_, 1, &out, &e), ERR_SYS);
    assert_text(&e, "'sh' did not end within 1 s");
    assert_string_equal(out.data, "begun\n");
    assert_int_equal(proc_capture(none, 1, &out, &e), ERR_MISSING);
    assert_text(&e, "unable to run '/no/such/program': No such file or directory");
    str_release(&out);
}

static void a_command_is_quoted_for_a_shell(void **state)
{
    (void)state;
    const char *argv[] = {"/a/b-c_1.d", "two words", "it's", "", "$(x)", NULL};
    char *text = proc_command_text(argv);
    assert_string_equal(text, "/a/b-c_1.d 'two words' 'it'\\''s' '' '$(x)'");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_goes_to_the_log_and_events_to_the_callback),
        cmocka_unit_test(a_child_has_its_own_group_and_no_stray_descriptor),
        cmocka_unit_test(a_flood_is_cut_in_the_log_and_its_end_is_kept),
        cmocka_unit_test(each_ending_has_its_text),
        cmocka_unit_test(what_a_child_leaves_running_ends_with_it),
        cmocka_unit_test(a_child_dies_with_its_parent),
        cmocka_unit_test(a_gated_child_begins_when_it_is_told),
        cmocka_unit_test(a_dropped_child_is_gone),
        cmocka_unit_test(what_a_dropped_child_said_is_for_nobody),
        cmocka_unit_test(what_comes_for_our_group_is_not_for_a_child),
        cmocka_unit_test(a_child_that_died_at_its_gate_ends_as_any_other),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(run_in_a_folder_and_report_what_was_said),
        cmocka_unit_test(what_a_program_prints_is_captured),
        cmocka_unit_test(a_command_is_quoted_for_a_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
