/* Starting runs: room, rows, processes, and the next try of those that failed. */
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/base/thread.h"
#include "harness/sched_internal.h"

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

bool sched__has_room(const struct sched *s)
{
    const struct sched_options *o = s->options;
    int cores = thread_cores();
    if (s->stopping || s->given_up || s->running >= (size_t)o->jobs || sys_now() < s->start_at)
        return false;
    if (s->places.n && places_left(&s->places) == 0)
        return false;
    if (s->running && (s->slots[0].alone || wants_quiet(s)))
        return false;
    if (o->max_failures && s->result->failed >= (size_t)o->max_failures)
        return false;
    // A runner that was alone may hold every core; more jobs than cores were asked for by name.
    return o->threads || s->running == 0 || used_threads(s) < (cores > o->jobs ? cores : o->jobs);
}

/* Nothing may be running, but a try is to come. */
bool sched__has_room_later(const struct sched *s)
{
    const struct sched_options *o = s->options;
    bool full = o->max_failures && s->result->failed >= (size_t)o->max_failures;
    return s->retry.n && !s->given_up && !full;
}

/* The runner is there and waits: its row comes first, so that none runs without one. */
struct birth {
    struct sched *s;
    struct slot *slot;
    const char *command;
};

static int record_birth(void *arg, pid_t pid, struct err *e)
{
    const struct birth *b = arg;
    const struct sched_options *o = b->s->options;
    const struct plan_run *r = &b->s->plan->runs[b->slot->run];
    json_t *spec = plan_spec(b->s->plan, r);
    struct sys_process who;
    sys_process(pid, &who);
    int rc = store_begin_as(b->s->store, r->id, spec, o->revision, o->machine, b->command,
                            b->slot->job.log, &who, &b->slot->attempt, e);
    json_decref(spec);
    return rc;
}

/* The run's process, with its row. */
static int start_process(struct sched *s, struct slot *slot, struct err *e)
{
    const struct sched_options *o = s->options;
    const char *argv[] = {o->runner, "run", slot->job.path, "--events-fd", "3", NULL};
    const char *by_hand[] = {o->runner, "run", slot->job.path, NULL};
    char *command = proc_command_text(by_hand);
    struct birth birth = {s, slot, command};
    struct proc_options options = {.argv = argv,
                                   .log = slot->job.log,
                                   .events = collect_feed,
                                   .born = record_birth,
                                   .born_arg = &birth};
    int rc = proc_start(&slot->proc, &options, e);
    if (rc < 0 && slot->attempt) {
        struct err ignored;
        store_failed(s->store, s->plan->runs[slot->run].id, slot->attempt, "failed", err_name(rc),
                     e->text, &ignored);
    }
    free(command);
    return rc;
}

static int start(struct sched *s, const struct next *next, struct err *e)
{
    const struct sched_options *o = s->options;
    const size_t run = next->run;
    const struct plan_run *r = &s->plan->runs[run];
    struct slot *slot = &s->slots[s->running];
    struct store_state known;
    int rc = store_state(s->store, r->id, &known, e);
    if (rc < 0)
        return rc;
    int attempts = known.attempts;
    store_state_release(&known);

    *slot = (struct slot){.run = run,
                          .threads = o->threads,
                          .alone = next->alone,
                          .gpu = next->gpu,
                          .gpu_alone = next->gpu_alone};
    slot->started = slot->heard = sys_now();
    if (!slot->threads)
        slot->threads = next->alone
                            ? thread_cores()
                            : sched_threads(thread_cores(), queue_width(&s->queue, (size_t)o->jobs),
                                            used_threads(s));
    collect_init(&slot->collect);
    const struct jobfile_how how = {.threads = slot->threads,
                                    .every = o->checkpoint_every,
                                    .device = slot->gpu < 0 ? NULL
                                                            : s->places.items[slot->gpu].gpu->kind};
    rc = jobfile_write(&slot->job, s->plan, run, o->workspace, attempts + 1, &how, e);
    if (rc == 0)
        rc = start_process(s, slot, e);
    if (rc < 0) {
        bool later = rc == ERR_BUSY && !slot->attempt && s->no_room < SHORT_TRIES;
        collect_release(&slot->collect);
        jobfile_release(&slot->job);
        if (!later) // a workspace that was moved away is the cause, whatever was noticed first
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
        places_take(&s->places, slot->gpu, o->gpu_need[run], slot->gpu_alone);
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
