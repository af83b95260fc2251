/* Starting runs: room, rows, processes, and the next try of those that failed. */
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/base/thread.h"
#include "harness/sched/sched_internal.h"

#include <stdlib.h>

enum { SHORT_TRIES = 60 }; // for a process that the system has no room for, one a second

int sched_threads(int cores, size_t width, int used)
{
    int share = cores / (int)(width ? width : 1);
    if (share > cores - used)
        share = cores - used;
    return share > 1 ? share : 1;
}

static int used_threads(const struct sched *s)
{
    int used = 0;
    for (size_t i = 0; i < s->running; i++)
        used += s->slots[i].threads;
    return used;
}

/* A run that needs the machine for itself is due: nothing is started until it can be. */
static bool wants_quiet(const struct sched *s)
{
    for (size_t i = 0; i < s->retry.n; i++)
        if (s->retry.waiting[i].alone && s->retry.waiting[i].at <= sys_now())
            return true;
    return false;
}

/* More failed than is put up with: what runs is seen through, nothing is started. */
static bool enough_failed(const struct sched *s)
{
    long limit = s->options->max_failures;
    return s->given_up || (limit && s->result->failed >= (size_t)limit);
}

bool sched__has_room(const struct sched *s)
{
    const struct sched_options *o = s->options;
    int cores = thread_cores();
    if (s->stopping || enough_failed(s) || s->running >= (size_t)o->jobs || sys_now() < s->start_at)
        return false;
    if (s->places.n && places_left(&s->places) == 0)
        return false;
    if (s->running && (s->slots[0].alone || wants_quiet(s)))
        return false;
    // A runner that was alone may hold every core; more jobs than cores were asked for by name.
    return o->threads || s->running == 0 || used_threads(s) < (cores > o->jobs ? cores : o->jobs);
}

/* Nothing may be running, but a try is to come. */
bool sched__has_room_later(const struct sched *s)
{
    return s->retry.n && !enough_failed(s);
}

static int threads_for(const struct sched *s, const struct next *next, int used)
{
    const struct sched_options *o = s->options;
    if (o->threads)
        return o->threads;
    return next->alone
               ? thread_cores()
               : sched_threads(thread_cores(), queue_width(&s->queue, (size_t)o->jobs), used);
}

/* The run's job file and its process, which waits at the gate. */
static int prepare(struct sched *s, struct slot *slot, const struct next *next, int threads,
                   struct err *e)
{
    const struct sched_options *o = s->options;
    struct store_state known;
    int rc = store_state(s->store, s->plan->runs[next->run].id, &known, e);
    if (rc < 0)
        return rc;
    int attempt = known.attempts + 1;
    store_state_release(&known);
    *slot = (struct slot){.run = next->run,
                          .threads = threads,
                          .alone = next->alone,
                          .gpu = next->gpu,
                          .gpu_alone = next->gpu_alone};
    collect_init(&slot->collect);
    const struct jobfile_how how = {.threads = threads,
                                    .every = o->checkpoint_every,
                                    .device = slot->gpu < 0 ? NULL
                                                            : s->places.items[slot->gpu].gpu->kind};
    rc = jobfile_write(&slot->job, s->plan, next->run, o->workspace, attempt, &how, e);
    if (rc == 0) {
        const char *argv[] = {o->runner, "run", slot->job.path, "--events-fd", "3", "--go-fd",
                              "4",       NULL};
        const struct proc_options options = {.argv = argv, .events = collect_feed, .gated = true};
        rc = proc_start(&slot->proc, &options, e);
    }
    if (rc < 0) {
        collect_release(&slot->collect);
        jobfile_release(&slot->job);
    }
    return rc;
}

static void drop(struct slot *slot)
{
    proc_drop(&slot->proc);
    collect_release(&slot->collect);
    jobfile_release(&slot->job);
}

void sched__drop_ready(struct sched *s)
{
    if (s->has_ready)
        drop(&s->ready);
    s->has_ready = false;
}

void sched__prepare(struct sched *s)
{
    struct err ignored; // what is in the way will be told when it is this run's turn
    if (enough_failed(s)) {
        sched__drop_ready(s); // its turn will not come
        return;
    }
    if (s->has_ready || !s->running || s->slots[0].alone || s->places.n || s->retry.n ||
        s->stopping || sys_now() < s->ready_at)
        return;
    long run = queue_peek(&s->queue);
    if (run < 0)
        return;
    const struct next next = {.run = (size_t)run, .gpu = -1};
    int threads = threads_for(s, &next, used_threads(s) - s->slots[0].threads);
    s->has_ready = prepare(s, &s->ready, &next, threads, &ignored) == 0;
    if (!s->has_ready)
        s->ready_at = sys_now() + 1;
}

/* Is the runner that waits the one that is wanted? */
static bool is_ready(const struct sched *s, const struct next *next, int threads)
{
    return s->has_ready && s->ready.run == next->run && s->ready.threads == threads &&
           !next->alone && next->gpu < 0;
}

/* The runner is there and waits: its log and its row come first, so that none runs without them. */
static int begin(struct sched *s, struct slot *slot, struct err *e)
{
    const struct sched_options *o = s->options;
    const struct plan_run *r = &s->plan->runs[slot->run];
    const char *by_hand[] = {o->runner, "run", slot->job.path, NULL};
    char *command = proc_command_text(by_hand);
    json_t *spec = plan_spec(s->plan, r);
    struct sys_process who;
    sys_process(slot->proc.pid, &who);
    int rc = proc_log(&slot->proc, slot->job.log, e);
    if (rc == 0)
        rc = store_begin_as(s->store, r->id, spec, o->revision, o->machine, command, slot->job.log,
                            &who, &slot->attempt, e);
    json_decref(spec);
    free(command);
    if (rc < 0) {
        drop(slot);
        return rc;
    }
    slot->started = slot->heard = sys_now();
    proc_go(&slot->proc);
    return 0;
}

static int start(struct sched *s, const struct next *next, struct err *e)
{
    struct slot *slot = &s->slots[s->running];
    int rc = 0, threads = threads_for(s, next, used_threads(s));
    if (is_ready(s, next, threads)) {
        *slot = s->ready;
        s->has_ready = false;
    } else {
        sched__drop_ready(s);
        rc = prepare(s, slot, next, threads, e);
    }
    if (rc == 0)
        rc = begin(s, slot, e);
    if (rc < 0) {
        if (rc != ERR_BUSY || s->no_room >= SHORT_TRIES)
            // a workspace that was moved away is the cause, whatever was noticed first
            return store_in_place(s->store, e) < 0 ? e->code : rc;
        if (s->no_room++ == 0) {
            progress_hide(&s->progress);
            log_warn("%s; trying again", e->text);
        }
        s->start_at = sys_now() + 1;
        return 1;
    }
    s->no_room = 0;
    s->running++;
    if (slot->gpu >= 0)
        places_take(&s->places, slot->gpu, s->options->gpu_need[slot->run], slot->gpu_alone);
    return 0;
}

/* One more run, if there is one to start: 1 it was started, 0 there is none. */
int sched__start_next(struct sched *s, struct err *e)
{
    struct next next;
    if (!sched__next(s, &next))
        return 0;
    if (!next.retried)
        queue_take(&s->queue, next.run);
    int rc = start(s, &next, e);
    if (rc == 1) { // no room: it keeps its turn
        struct retry_one same = {.run = next.run,
                                 .alone = next.alone,
                                 .gpu = next.gpu_alone ? next.gpu : -1,
                                 .reason = e->text,
                                 .log = ""};
        unsigned char tries = s->retry.tries[next.run];
        s->retry.tries[next.run] = 0;
        retry_add(&s->retry, &same, 1, 1, sys_now());
        s->retry.tries[next.run] = tries; // it was none
    }
    return rc < 0 ? rc : 1;
}
