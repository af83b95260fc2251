/* The scheduler's loop: see sched.h. The order of runs is queue.c's, processes are proc.c's, the
 * meaning of what runners say collect.c's. */
#include "harness/sched/sched.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/sched/failure.h"
#include "harness/sched/sched_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    GRACE_MS = 2000, // from SIGTERM to SIGKILL
    REDRAW_MS = 250, // of the live line
    PLACE_MS = 1000, // from look to look whether the workspace is still there
};

static void signal_all(struct sched *s, int signal)
{
    for (size_t i = 0; i < s->running; i++)
        proc_signal(&s->slots[i].proc, signal);
}

/* Ask every runner to end; the second time, end them. */
static void stop(struct sched *s)
{
    sched__drop_ready(s);
    signal_all(s, s->stopping ? SIGKILL : SIGTERM);
    s->kill_at = s->stopping ? 0 : sys_now() + 1e-3 * GRACE_MS;
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

/* Milliseconds until something must be looked at without news. */
static int patience(const struct sched *s)
{
    const struct sched_options *o = s->options;
    double again = retry_next(&s->retry), t = sys_now(), next = t + 1e-3 * PLACE_MS;
    if (again > t && again < next) // one that is due needs a place: the end of another run is news
        next = again;
    if (s->stopping || s->progress.live)
        next = t + 1e-3 * REDRAW_MS;
    if (s->start_at > t && s->start_at < next)
        next = s->start_at;
    for (size_t i = 0; i < s->running; i++) {
        const struct slot *slot = &s->slots[i];
        if (o->timeout > 0 && slot->started + o->timeout < next)
            next = slot->started + o->timeout;
        if (o->hang > 0 && slot->heard + o->hang < next)
            next = slot->heard + o->hang;
    }
    double ms = 1e3 * (next - t) + 1;
    return ms < 1 ? 1 : (int)ms;
}

/* End a runner that broke the protocol, takes too long or says nothing. */
static void judge_slot(const struct sched *s, struct slot *slot)
{
    const struct sched_options *o = s->options;
    double t = sys_now();
    if (slot->collect.fed != slot->fed) {
        slot->fed = slot->collect.fed;
        slot->heard = t;
    }
    if (slot->ended)
        return;
    if (o->timeout > 0 && t >= slot->started + o->timeout)
        slot->cause = "timeout";
    else if (o->hang > 0 && t >= slot->heard + o->hang)
        slot->cause = "hang";
    if (!slot->collect.broken.code && !slot->cause)
        return;
    proc_signal(&slot->proc, SIGKILL);
    slot->ended = true;
}

static int wait_for_news(struct sched *s, struct err *e)
{
    size_t n = 1 + PROC_FDS * s->running;
    struct pollfd *fds = mem_alloc(n, sizeof *fds);
    fds[0] = (struct pollfd){s->signals, POLLIN, 0};
    for (size_t i = 0; i < s->running; i++)
        proc_watch(&s->slots[i].proc, fds + 1 + PROC_FDS * i);
    int rc = poll(fds, n, patience(s));
    free(fds);
    if (rc < 0 && errno != EINTR)
        return err_sys(e, "unable to wait for the runners");
    take_signals(s);
    if (s->stopping && sys_now() >= s->kill_at)
        signal_all(s, SIGKILL);
    rc = 0;
    for (size_t i = s->running; i-- > 0;) {
        struct slot *slot = &s->slots[i];
        slot->proc.options.arg = &slot->collect; // slots move
        bool ended = proc_serve(&slot->proc);
        judge_slot(s, slot);
        if (ended) {
            int one = sched__finish(s, i, rc ? &(struct err){0} : e);
            rc = rc ? rc : one;
        }
    }
    return rc;
}

/* Runners write to paths in the workspace: when it is gone, they must not find another one there.
 */
static int check_place(struct sched *s, struct err *e)
{
    int rc = store_in_place(s->store, e);
    if (rc < 0) {
        signal_all(s, SIGKILL);
        s->stopping = true;
    }
    return rc;
}

static int loop(struct sched *s, struct err *e)
{
    int rc = 0;
    for (;;) {
        if (rc == 0)
            rc = check_place(s, e);
        for (int started = 1; rc == 0 && started && sched__has_room(s);) {
            started = sched__start_next(s, e);
            rc = started < 0 ? started : 0;
        }
        bool waits = !s->stopping && !rc && sched__has_room_later(s);
        if (!s->running && !waits) {
            int gone = rc ? check_place(s, e) : 0; // then that is the cause of what failed
            return gone ? gone : rc;
        }
        // After an error of our own, the runners are still ended in good order.
        if (rc && !s->stopping)
            stop(s);
        if (rc == 0)
            sched__prepare(s);
        sched__draw(s);
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
        retry_init(&s.retry, p->n);
        if (o->gpus)
            places_init(&s.places, o->gpus, o->gpu_slots);
        s.losses = mem_zero(p->n + 1, 1);
        eta_init(&s.eta, p);
        labels_init(&s.labels, p);
        progress_init(&s.progress);
        if (s.progress.live)
            tally_init(&s.tally, p);
        s.slots = mem_zero((size_t)o->jobs, sizeof *s.slots);
        s.total = s.queue.n;
        s.cause = (struct str)STR_INIT;
        s.oom_kills = failure_oom_kills();
        proc_adopt();
        rc = loop(&s, e);
        sched__drop_ready(&s);
        sched__end_retries(&s);
        progress_hide(&s.progress);
        r->skipped = s.queue.count[TASK_SKIPPED];
        r->left = s.queue.count[TASK_WAITING];
        free(s.slots);
        str_release(&s.cause);
        retry_release(&s.retry);
        places_release(&s.places);
        free(s.losses);
        labels_release(&s.labels);
        tally_release(&s.tally);
        progress_release(&s.progress);
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
        free(r->failures[i].log);
        free(r->failures[i].command);
    }
    free(r->failures);
    free(r->cause);
    free(r->lost);
    *r = (struct sched_result){0};
}
