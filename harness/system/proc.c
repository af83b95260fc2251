/*
 * Child processes: see proc.h. A child starts by vfork: it costs the same however much memory we
 * hold. Until it becomes another program it has our memory, so it makes system calls and writes to
 * nothing but its own variables; we wait meanwhile.
 */
#include "harness/system/proc.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/sys.h"
#include "harness/system/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 3, GATE = 4 }; // descriptors of the child

/* The same descriptor where it is not one of those that the child gets. */
static int above(int fd)
{
    if (fd > GATE)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, GATE + 1);
    close(fd);
    return high;
}

static int pipe_above(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    ends[0] = above(ends[0]);
    ends[1] = above(ends[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return -1;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* When memory runs out, the kernel is to end a runner, which can be tried again, and not us. */
static void offer_to_the_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd >= 0 && write(fd, "500", 3) == 3)
        close(fd);
}

/* In the child: never returns. `failed` takes errno when something did not work. */
static _Noreturn void child(const struct proc_options *o, char *const *environment, pid_t parent,
                            int output, int events, int gate, int failed)
{
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    for (int s = 1; s < NSIG; s++) {
        signal(s, SIG_IGN); // forgets what came for our group, as Ctrl-Z, before it had its own
        signal(s, SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    // The parent may have died before the kernel knew that we must not outlive it.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && null >= 0 &&
        dup2(null, 0) >= 0 && dup2(output, 1) >= 0 && dup2(output, 2) >= 0 &&
        (events < 0 || dup2(events, EVENTS) >= 0) && (gate < 0 || dup2(gate, GATE) >= 0) &&
        (!o->folder || chdir(o->folder) == 0)) {
        offer_to_the_oom_killer();
        close_range(GATE + 1, ~0U, CLOSE_RANGE_CLOEXEC);
        if (events < 0)
            close_range(EVENTS, EVENTS, CLOSE_RANGE_CLOEXEC);
        if (gate < 0)
            close_range(GATE, GATE, CLOSE_RANGE_CLOEXEC);
        if (o->confined)
            confine_self();
        execvpe(o->argv[0], (char *const *)o->argv, environment);
    }
    int why = errno;
    if (write(failed, &why, sizeof why) < 0)
        _exit(126);
    _exit(127);
}

static int start_failed(const char *program, int why, struct err *e)
{
    errno = why;
    err_sys(e, "unable to run '%s'", program);
    if (why == ENOENT)
        e->code = ERR_MISSING;
    return e->code;
}

/* No room now, perhaps later? */
static int no_room(const char *what, struct err *e)
{
    bool later = errno == EAGAIN || errno == ENOMEM || errno == EMFILE || errno == ENFILE;
    err_sys(e, "%s", what);
    if (later)
        e->code = ERR_BUSY;
    return e->code;
}

/* No handler of ours may run in the child, which has our memory: it takes no signal before it has
 * none. */
static pid_t make_child(const struct proc_options *o, char *const *environment, int output,
                        int events, int gate, int failed)
{
    sigset_t all, before;
    pid_t parent = getpid(), pid;
    if (sys_fails(CALL_FORK))
        return -1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = vfork();
    if (pid == 0)
        child(o, environment, parent, output, events, gate, failed);
    int why = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return pid;
}

/* It runs, or has said why it cannot. */
static int see_it_run(struct proc *p, pid_t pid, int failed, struct err *e)
{
    int why = 0;
    ssize_t n;
    fcntl(failed, F_SETFL, 0);
    do // ends with nothing when exec succeeds
        n = read(failed, &why, sizeof why);
    while (n < 0 && errno == EINTR);
    if (n)
        return start_failed(p->options.argv[0], why, e);
    p->exit_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return p->exit_fd < 0 ? no_room("unable to watch a process", e) : 0;
}

int proc_log(struct proc *p, const char *path, struct err *e)
{
    p->log = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return p->log < 0 ? err_sys(e, "unable to write '%s'", path) : 0;
}

int proc_start(struct proc *p, const struct proc_options *options, struct err *e)
{
    int rc = 0, output[2] = {-1, -1}, events[2] = {-1, -1}, failed[2] = {-1, -1},
        gate[2] = {-1, -1};
    *p = (struct proc){
        .exit_fd = -1, .output = -1, .events = -1, .gate = -1, .log = -1, .options = *options};
    char **environment = options->confined ? confine_environment() : NULL;
    if (pipe_above(output) < 0 || pipe_above(failed) < 0 ||
        (options->events && pipe_above(events) < 0) ||
        (options->gated && (pipe_above(gate) < 0 || fcntl(gate[0], F_SETFL, 0) < 0))) {
        rc = no_room("unable to make a pipe", e);
        goto out;
    }
    if (options->log && (rc = proc_log(p, options->log, e)) < 0)
        goto out;
    pid_t pid = make_child(options, environment ? environment : environ, output[1], events[1],
                           gate[0], failed[1]);
    if (pid < 0) {
        rc = no_room("unable to start a process", e);
        goto out;
    }
    setpgid(pid, pid); // as the child does: whoever is first
    close_end(&failed[1]);
    rc = see_it_run(p, pid, failed[0], e);
    if (rc < 0) {
        kill(-pid, SIGKILL);
        waitpid(pid, NULL, 0);
        goto out;
    }
    p->pid = pid;
    p->output = output[0];
    p->events = events[0];
    p->gate = gate[1];
    output[0] = events[0] = gate[1] = -1;
    p->tail = mem_alloc(PROC_LOG_TAIL, 1);
out:
    if (rc < 0)
        close_end(&p->log);
    for (char **variable = environment; variable && *variable; variable++)
        free(*variable);
    free(environment);
    for (int i = 0; i < 2; i++) {
        close_end(&output[i]);
        close_end(&events[i]);
        close_end(&failed[i]);
        close_end(&gate[i]);
    }
    return rc;
}

void proc_go(struct proc *p)
{
    // Room for a byte there is, and SIGPIPE is ignored: of a dead child its exit tells.
    if (write(p->gate, "", 1) < 0 && errno != EPIPE)
        BUG("unable to open a gate");
    close_end(&p->gate);
}

void proc_drop(struct proc *p)
{
    close_end(&p->gate);
    close_end(&p->output); // what it has said out of turn is for nobody
    close_end(&p->events);
    proc_signal(p, SIGKILL);
    proc_reap(p, 0, NULL);
}

void proc_watch(const struct proc *p, struct pollfd fds[PROC_FDS])
{
    fds[0] = (struct pollfd){p->exit_fd, POLLIN, 0};
    fds[1] = (struct pollfd){p->output, POLLIN, 0};
    fds[2] = (struct pollfd){p->events, POLLIN, 0};
}

static void log_write(struct proc *p, const char *data, size_t size)
{
    while (p->log >= 0 && size) {
        ssize_t n = sys_write(p->log, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) { // a full disk must not end the job: its events still count
            close_end(&p->log);
            return;
        }
        data += n;
        size -= (size_t)n;
        p->written += (size_t)n;
    }
}

static void take_output(struct proc *p, const char *data, size_t size)
{
    size_t head = p->written < PROC_LOG_HEAD ? PROC_LOG_HEAD - p->written : 0;
    log_write(p, data, size < head ? size : head);
    for (size_t done = 0; done < size;) {
        size_t at = p->total % PROC_LOG_TAIL, n = PROC_LOG_TAIL - at;
        if (n > size - done)
            n = size - done;
        memcpy(p->tail + at, data + done, n);
        done += n;
        p->total += n;
    }
}

/* Up to `rounds` blocks from *fd; closes it at its end. */
static void drain(struct proc *p, int *fd, int rounds)
{
    char block[1 << 16];
    for (int i = 0; i < rounds && *fd >= 0; i++) {
        ssize_t n = read(*fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_end(fd);
            return;
        }
        if (fd == &p->events)
            p->options.events(p->options.arg, block, (size_t)n);
        else
            take_output(p, block, (size_t)n);
    }
}

bool proc_serve(struct proc *p)
{
    struct pollfd ended = {p->exit_fd, POLLIN, 0};
    drain(p, &p->events, 4);
    drain(p, &p->output, 4);
    return poll(&ended, 1, 0) > 0;
}

void proc_signal(const struct proc *p, int signal)
{
    if (p->pid)
        kill(-p->pid, signal);
}

/* Bytes from..total of the output, which must be in the ring. */
static void ring_copy(const struct proc *p, size_t from, struct str *out)
{
    for (size_t i = from; i < p->total; i++)
        str_addc(out, p->tail[i % PROC_LOG_TAIL]);
}

static void log_end(struct proc *p)
{
    struct str text = STR_INIT;
    if (p->total > p->written) {
        size_t rest = p->total - p->written;
        size_t kept = rest < PROC_LOG_TAIL ? rest : PROC_LOG_TAIL;
        str_addf(&text, "\n[%zu bytes of output left out here]\n", rest - kept);
        ring_copy(p, p->total - kept, &text);
        log_write(p, text.data, text.size);
    }
    str_release(&text);
    close_end(&p->log);
}

static void last_lines(const struct proc *p, size_t lines, struct str *out)
{
    struct str text = STR_INIT;
    ring_copy(p, p->total > PROC_LOG_TAIL ? p->total - PROC_LOG_TAIL : 0, &text);
    while (text.size && text.data[text.size - 1] == '\n')
        text.data[--text.size] = 0;
    size_t start = text.size;
    for (; start > 0; start--)
        if (text.data[start - 1] == '\n' && --lines == 0)
            break;
    for (char *line = text.data + start, *end; *line; line = end) {
        size_t size = strcspn(line, "\n");
        end = line + size + (line[size] == '\n');
        line[size] = 0;
        char *shown = str_visible(line);
        str_addf(out, "%.300s\n", shown);
        free(shown);
    }
    str_release(&text);
}

int proc_reap(struct proc *p, size_t lines, struct str *last)
{
    // Not yet waited for, so the group's number is still ours: nothing of it stays behind.
    kill(-p->pid, SIGKILL);
    struct rusage used = {0};
    int status = 0;
    drain(p, &p->events, 1 << 20);
    drain(p, &p->output, 1 << 20);
    while (wait4(p->pid, &status, 0, &used) < 0 && errno == EINTR)
        ;
    p->memory = 1024LL * used.ru_maxrss; // at least ours at its birth, when it was our copy
    if (last && lines)
        last_lines(p, lines, last);
    if (p->log >= 0)
        log_end(p);
    close_end(&p->output);
    close_end(&p->events);
    close_end(&p->exit_fd);
    close_end(&p->gate);
    free(p->tail);
    p->tail = NULL;
    p->pid = 0;
    return status;
}

void proc_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void proc_end_strays(const pid_t *known, size_t n)
{
    char path[64], *text = NULL, *rest = NULL;
    size_t room = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    FILE *f = fopen(path, "re");
    if (f && getline(&text, &room, f) > 0)
        for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
            pid_t pid = (pid_t)strtol(word, NULL, 10);
            size_t i = 0;
            while (i < n && known[i] != pid)
                i++;
            if (i == n && pid > 0 && kill(pid, SIGKILL) == 0)
                waitpid(pid, NULL, 0);
        }
    if (f)
        fclose(f);
    free(text);
}

void proc_status_text(int status, struct str *out)
{
    if (WIFSIGNALED(status))
        str_addf(out, "killed by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status))
        str_addf(out, "exited with status %d", WEXITSTATUS(status));
}

char *proc_command_text(const char *const *argv)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%";
    struct str text = STR_INIT;
    for (size_t i = 0; argv[i]; i++) {
        const char *word = argv[i];
        if (i)
            str_addc(&text, ' ');
        if (*word && !word[strspn(word, plain)]) {
            str_add(&text, word);
            continue;
        }
        str_addc(&text, '\'');
        for (; *word; word++)
            if (*word == '\'')
                str_add(&text, "'\\''");
            else
                str_addc(&text, *word);
        str_addc(&text, '\'');
    }
    return str_detach(&text);
}

static int run(const char *const *argv, const char *folder, bool confined, struct err *e)
{
    struct proc p;
    struct proc_options options = {.argv = argv, .folder = folder, .confined = confined};
    int rc = proc_start(&p, &options, e);
    if (rc < 0)
        return rc;
    for (bool ended = false; !ended; ended = proc_serve(&p)) {
        struct pollfd fds[PROC_FDS];
        proc_watch(&p, fds);
        poll(fds, PROC_FDS, -1);
    }
    struct str last = STR_INIT, why = STR_INIT;
    int status = proc_reap(&p, 5, &last);
    proc_status_text(status, &why);
    if (status)
        rc = err_set(e, ERR_SYS, "'%s' %s%s%.*s", argv[0], why.data, last.size ? ": " : "",
                     last.size ? (int)last.size - 1 : 0, last.data);
    str_release(&last);
    str_release(&why);
    return rc;
}

int proc_run(const char *const *argv, const char *folder, struct err *e)
{
    return run(argv, folder, false, e);
}

int proc_run_confined(const char *const *argv, const char *folder, struct err *e)
{
    return run(argv, folder, true, e);
}

int proc_capture(const char *const *argv, double seconds, struct str *out, struct err *e)
{
    struct proc p;
    struct proc_options options = {.argv = argv};
    int rc = proc_start(&p, &options, e);
    if (rc < 0)
        return rc;
    double end = sys_now() + seconds;
    bool ended = false, late = false;
    while (!ended && !late) {
        struct pollfd fds[PROC_FDS];
        double left = end - sys_now();
        proc_watch(&p, fds);
        poll(fds, PROC_FDS, left > 0 ? (int)(1e3 * left) + 1 : 0);
        ended = proc_serve(&p);
        late = sys_now() >= end;
    }
    if (!ended)
        proc_signal(&p, SIGKILL);
    drain(&p, &p.output, 64);
    ring_copy(&p, p.total > PROC_LOG_TAIL ? p.total - PROC_LOG_TAIL : 0, out);
    int status = proc_reap(&p, 0, NULL);
    if (!ended)
        return err_set(e, ERR_SYS, "'%s' did not end within %.0f s", argv[0], seconds);
    return status;
}

int proc_become(char *const *argv, struct err *e)
{
    execvp(argv[0], argv);
    return start_failed(argv[0], errno, e);
}

char *proc_runner(void)
{
    const char *given = getenv("PROMPTGRID_RUNNER");
    return given && *given ? mem_strdup(given) : fs_sibling("promptgrid-runner");
}
