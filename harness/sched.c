/* The scheduler's loop: see sched.h. The order of runs is queue.c's, processes are proc.c's, the
 * meaning of what runners say collect.c's. */
#include "harness/sched.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "harness/collect.h"
#include "harness/eta.h"
#include "harness/jobfile.h"
#include "harness/label.h"
#include "harness/proc.h"
#include "harness/progress.h"
#include "harness/queue.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    GRACE_MS = 2000, // from SIGTERM to SIGKILL
    REDRAW_MS = 250, // of the live line
    LAST_LINES = 5,  // of the log, shown with a failure
};

/* A runner at work. */
struct slot {
    struct proc proc;
    struct collect collect;
    struct jobfile job;
    size_t run; // index in the plan
    int attempt, threads;
    double started;
    bool ended; // we sent SIGKILL
};

struct sched {
    const struct plan *plan;
    struct store *store;
    const struct sched_options *options;
    struct sched_result *result;
    struct queue queue;
    struct eta eta;
    struct labels labels;
    struct progress progress;
    struct slot *slots; // (running)
    size_t running;
    size_t total;   // runs that were to run
    int signals;    // signalfd
    double drawn;   // time of the live line
    double kill_at; // when stopping: the time for SIGKILL
    bool stopping;  // no more starts, runners are asked to end
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int sched_threads(int cores, size_t width, int used)
{
    int share = cores / (int)(width ? width : 1);
    if (share > cores - used)
        share = cores - used;
    return share > 1 ? share : 1;
}

/* ---- starting ---- */

static int used_threads(const struct sched *s)
{
    int used = 0;
    for (size_t i = 0; i < s->running; i++)
        used += s->slots[i].threads;
    return used;
}

static bool has_room(const struct sched *s)
{
    const struct sched_options *o = s->options;
    int cores = thread_cores();
    if (s->stopping || s->running >= (size_t)o->jobs)
        return false;
    if (o->max_failures && s->result->failed >= (size_t)o->max_failures)
        return false;
    // A runner that was alone may hold every core; more jobs than cores were asked for by name.
    return o->threads || s->running == 0 || used_threads(s) < (cores > o->jobs ? cores : o->jobs);
}

static int start(struct sched *s, size_t run, struct err *e)
{
    const struct sched_options *o = s->options;
    const struct plan_run *r = &s->plan->runs[run];
    struct slot *slot = &s->slots[s->running];
    struct store_state known;
    char *command = NULL;
    int rc = store_state(s->store, r->id, &known, e);
    if (rc < 0)
        return rc;
    int attempts = known.attempts;
    store_state_release(&known);

    *slot = (struct slot){.run = run, .started = now(), .threads = o->threads};
    if (!slot->threads)
        slot->threads =
            sched_threads(thread_cores(), queue_width(&s->queue, (size_t)o->jobs), used_threads(s));
    collect_init(&slot->collect);
    rc = jobfile_write(&slot->job, s->plan, run, o->workspace, slot->threads, attempts + 1,
                       o->checkpoint_every, e);
    if (rc < 0)
        goto out;
    const char *argv[] = {o->runner, "run", slot->job.path, "--events-fd", "3", NULL};
    const char *by_hand[] = {o->runner, "run", slot->job.path, NULL};
    command = proc_command_text(by_hand);
    if ((rc = store_run(s->store, r->id, r->spec, e)) < 0 ||
        (rc = store_begin(s->store, r->id, o->revision, o->machine, command, slot->job.log,
                          &slot->attempt, e)) < 0)
        goto out;
    struct proc_options options = {
        .argv = argv, .log = slot->job.log, .events = collect_feed, .arg = NULL};
    rc = proc_start(&slot->proc, &options, e);
    if (rc < 0) {
        struct err ignored;
        store_failed(s->store, r->id, slot->attempt, "failed", err_name(rc), e->text, &ignored);
        goto out;
    }
    s->running++;
out:
    free(command);
    if (rc < 0) {
        collect_release(&slot->collect);
        jobfile_release(&slot->job);
    }
    return rc;
}

/* ---- ending ---- */

static void show_failure(struct sched *s, const struct slot *slot, const char *label,
                         const char *reason, const struct str *last)
{
    const char *argv[] = {s->options->runner, "run", slot->job.path, NULL};
    char *command = proc_command_text(argv);
    progress_hide(&s->progress);
    log_error("%s failed: %s", label, reason);
    if (last->size) {
        fprintf(stderr, "  the end of %s:\n", slot->job.log);
        for (const char *line = last->data, *end; *line; line = end) {
            end = strchr(line, '\n') + 1;
            fprintf(stderr, "    %.*s", (int)(end - line), line);
        }
    }
    fprintf(stderr, "  to repeat it: %s\n", command);
    free(command);
}

static int record_failure(struct sched *s, const struct slot *slot, const char *class_,
                          const char *reason, const struct str *last, struct err *e)
{
    const char *id = s->plan->runs[slot->run].id;
    struct sched_result *r = s->result;
    if (s->stopping) {
        r->cancelled++;
        return store_failed(s->store, id, slot->attempt, "cancelled", err_name(ERR_CANCELLED),
                            "stopped on request", e);
    }
    char *label = labels_text(&s->labels, s->plan->runs[slot->run].spec);
    show_failure(s, slot, label, reason, last);
    r->failures = mem_grow(r->failures, r->failed + 1, sizeof *r->failures);
    r->failures[r->failed++] = (struct sched_failure){label, mem_strdup(reason)};
    return store_failed(s->store, id, slot->attempt, "failed", class_, reason, e);
}

static int record_done(struct sched *s, const struct slot *slot, double seconds, struct err *e)
{
    const struct plan_run *r = &s->plan->runs[slot->run];
    int rc = store_done(s->store, r->id, slot->attempt, slot->collect.events, e);
    if (rc < 0)
        return rc;
    jobfile_done(s->options->workspace, r->id);
    s->result->done++;
    eta_took(&s->eta, slot->run, seconds);
    if (s->progress.live)
        return 0;
    struct str text = STR_INIT;
    char *label = labels_text(&s->labels, r->spec), took[32];
    collect_summary(&slot->collect, &text);
    progress_seconds(seconds, took);
    progress_line(&s->progress, "[%zu/%zu] %s%s%s (%s)", s->result->done + s->result->failed,
                  s->total, label, text.size ? ": " : "", text.data, took);
    free(label);
    str_release(&text);
    return 0;
}

/* The runner of slot i has ended: record it and close the gap. */
static int finish(struct sched *s, size_t i, struct err *e)
{
    struct slot slot = s->slots[i];
    struct str last = STR_INIT, reason = STR_INIT;
    char class_[16];
    slot.proc.options.arg = &slot.collect;
    int status = proc_reap(&slot.proc, LAST_LINES, &last);
    s->slots[i] = s->slots[--s->running];

    bool ok = collect_verdict(&slot.collect, status, slot.job.kind, slot.job.out, class_, &reason);
    int rc = ok ? record_done(s, &slot, now() - slot.started, e) : 0;
    if (rc == ERR_CORRUPT || rc == ERR_NUMERIC) { // what it said contradicts itself
        ok = false;
        snprintf(class_, sizeof class_, "protocol");
        str_addf(&reason, "protocol: %s", e->text);
        rc = 0;
    }
    if (!ok)
        rc = record_failure(s, &slot, class_, reason.data, &last, e);
    queue_end(&s->queue, slot.run, ok);
    collect_release(&slot.collect);
    jobfile_release(&slot.job);
    str_release(&last);
    str_release(&reason);
    return rc;
}

static void signal_all(struct sched *s, int signal)
{
    for (size_t i = 0; i < s->running; i++)
        proc_signal(&s->slots[i].proc, signal);
}

/* Ask every runner to end; the second time, end them. */
static void stop(struct sched *s)
{
    signal_all(s, s->stopping ? SIGKILL : SIGTERM);
    s->kill_at = s->stopping ? 0 : now() + 1e-3 * GRACE_MS;
    s->stopping = true;
}

/* ---- waiting ---- */

static void take_signals(struct sched *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == sizeof info) {
        if (!s->result->signal) {
            s->result->signal = (int)info.ssi_signo;
            progress_hide(&s->progress);
            log_info("stopping %zu %s; once more to end at once", s->running,
                     s->running == 1 ? "run" : "runs");
        }
        stop(s);
    }
}

static void draw(struct sched *s)
{
    if (!s->progress.live || !s->running || now() < s->drawn + 0.1)
        return;
    s->drawn = now();
    const struct sched_result *r = s->result;
    double left = eta_waiting(&s->eta, &s->queue), slots = (double)s->options->jobs;
    for (size_t i = 0; i < s->running && left >= 0; i++) {
        double one = eta_run(&s->eta, s->slots[i].run), gone = now() - s->slots[i].started;
        left = one < 0 ? -1 : one > gone ? left + one - gone : left;
    }
    struct str text = STR_INIT;
    str_addf(&text, "[%zu/%zu] %zu running", r->done + r->failed, s->total, s->running);
    if (r->failed)
        str_addf(&text, ", %zu failed", r->failed);
    if (left >= 0) {
        char about[32];
        progress_seconds(left / slots, about);
        str_addf(&text, ", about %s left", about);
    }
    const struct slot *oldest = &s->slots[0];
    for (size_t i = 1; i < s->running; i++)
        if (s->slots[i].started < oldest->started)
            oldest = &s->slots[i];
    char *label = labels_text(&s->labels, s->plan->runs[oldest->run].spec);
    str_addf(&text, ": %s", label);
    if (oldest->collect.of)
        str_addf(&text, ", %s %ld/%ld", oldest->collect.unit, oldest->collect.step,
                 oldest->collect.of);
    progress_draw(&s->progress, text.data);
    free(label);
    str_release(&text);
}

static int wait_for_news(struct sched *s, struct err *e)
{
    size_t n = 1 + PROC_FDS * s->running;
    struct pollfd *fds = mem_alloc(n, sizeof *fds);
    fds[0] = (struct pollfd){s->signals, POLLIN, 0};
    for (size_t i = 0; i < s->running; i++)
        proc_watch(&s->slots[i].proc, fds + 1 + PROC_FDS * i);
    int timeout = s->stopping || s->progress.live ? REDRAW_MS : -1;
    int rc = poll(fds, n, timeout);
    free(fds);
    if (rc < 0 && errno != EINTR)
        return err_sys(e, "unable to wait for the runners");
    take_signals(s);
    if (s->stopping && now() >= s->kill_at)
        signal_all(s, SIGKILL);
    rc = 0;
    for (size_t i = s->running; i-- > 0;) {
        struct slot *slot = &s->slots[i];
        slot->proc.options.arg = &slot->collect; // slots move
        bool ended = proc_serve(&slot->proc);
        if (slot->collect.broken.code && !slot->ended) {
            proc_signal(&slot->proc, SIGKILL);
            slot->ended = true;
        }
        if (ended) {
            int one = finish(s, i, rc ? &(struct err){0} : e);
            rc = rc ? rc : one;
        }
    }
    return rc;
}

static int loop(struct sched *s, struct err *e)
{
    int rc = 0;
    for (;;) {
        while (rc == 0 && has_room(s)) {
            long run = queue_next(&s->queue);
            if (run < 0)
                break;
            rc = start(s, (size_t)run, e);
        }
        if (!s->running)
            return rc;
        // After an error of our own, the runners are still ended in good order.
        if (rc && !s->stopping)
            stop(s);
        draw(s);
        int one = wait_for_news(s, rc ? &(struct err){0} : e);
        rc = rc ? rc : one;
    }
}

/* What is ignored (nohup, a shell's background) stays ignored. */
static int open_signals(sigset_t *before, struct err *e)
{
    static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction known;
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
        if (sigaction(stops[i], NULL, &known) == 0 && known.sa_handler != SIG_IGN)
            sigaddset(&set, stops[i]);
    sigprocmask(SIG_BLOCK, &set, before);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? err_sys(e, "unable to watch for signals") : fd;
}

int sched_run(const struct plan *p, struct store *store, const struct sched_options *o,
              struct sched_result *r, struct err *e)
{
    sigset_t before;
    *r = (struct sched_result){0};
    struct sched s = {.plan = p, .store = store, .options = o, .result = r};
    int rc = s.signals = open_signals(&before, e);
    if (rc >= 0) {
        queue_init(&s.queue, p);
        eta_init(&s.eta, p);
        labels_init(&s.labels, p);
        progress_init(&s.progress);
        s.slots = mem_zero((size_t)o->jobs, sizeof *s.slots);
        s.total = s.queue.n;
        rc = loop(&s, e);
        progress_hide(&s.progress);
        r->skipped = s.queue.count[TASK_SKIPPED];
        r->left = s.queue.count[TASK_WAITING];
        free(s.slots);
        labels_release(&s.labels);
        eta_release(&s.eta);
        queue_release(&s.queue);
        close(s.signals);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}

void sched_result_release(struct sched_result *r)
{
    for (size_t i = 0; i < r->failed; i++) {
        free(r->failures[i].label);
        free(r->failures[i].reason);
    }
    free(r->failures);
    *r = (struct sched_result){0};
}
