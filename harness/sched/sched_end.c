/* Ends of runs: what came of them, what is recorded and said, and who is tried again. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/sched/failure.h"
#include "harness/sched/sched_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    LAST_LINES = 5, // of the log, shown with a failure
    BUSY_TRIES = 6, // to record results while another program holds the store, 10 s each
};

static char *command_of(const struct sched *s, size_t run)
{
    char *top = fs_absolute(s->options->workspace);
    char *path = str_format("%s/jobs/%s.json", top, s->plan->runs[run].id);
    const char *argv[] = {s->options->runner, "run", path, NULL};
    char *command = proc_command_text(argv);
    free(path);
    free(top);
    return command;
}

static void show_failure(struct sched *s, const struct slot *slot, const char *label,
                         const char *reason, const struct str *last)
{
    char *command = command_of(s, slot->run);
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

/* A failure that stays: the run and what needs it will not be done this time. */
static void add_failure(struct sched *s, size_t run, const char *reason, const char *log,
                        bool environment)
{
    struct sched_result *r = s->result;
    r->environment += environment;
    r->failures = mem_grow(r->failures, r->failed + 1, sizeof *r->failures);
    r->failures[r->failed++] =
        (struct sched_failure){labels_run(&s->labels, s->plan, &s->plan->runs[run]),
                               mem_strdup(reason), mem_strdup(log), command_of(s, run)};
}

/* Many failures in a row with one cause will not stop by themselves. */
static void count_cause(struct sched *s, const char *class_, const char *reason)
{
    struct str cause = STR_INIT;
    failure_cause(class_, reason, &cause);
    if (!str_eq(cause.data, s->cause.data))
        s->in_row = 0;
    str_release(&s->cause);
    s->cause = cause;
    if (++s->in_row == s->options->same_failures) {
        s->given_up = true;
        s->result->cause = mem_strdup(reason);
    }
}

/* True: the run failed for a reason of the moment and will be tried again. */
static bool will_retry(struct sched *s, const struct slot *slot, const char *label,
                       const char *class_, const char *reason)
{
    const struct sched_options *o = s->options;
    struct retry_one one = {.run = slot->run,
                            .alone = failure_wants_room(class_),
                            .gpu = -1,
                            .environment = failure_is_environment(class_),
                            .reason = reason,
                            .log = slot->job.log};
    if (s->given_up || !failure_is_transient(class_) ||
        !retry_add(&s->retry, &one, o->retries, o->retry_wait, sys_now()))
        return false;
    progress_hide(&s->progress);
    log_warn("%s: %s; trying again (%d of %d)", label, reason, s->retry.tries[slot->run],
             o->retries);
    return true;
}

/* Is the run's end a matter of its GPU: lost, or with too little memory? What the host had too
 * little of is told in other words. */
static bool is_gpu_failure(const struct sched *s, const struct slot *slot, const char *class_,
                           const char *reason)
{
    if (slot->gpu < 0)
        return false;
    return str_eq(class_, "device") ||
           (str_eq(class_, "memory") && str_starts(reason, s->places.items[slot->gpu].gpu->kind));
}

/* True: the run is not over. */
static bool goes_on(struct sched *s, const struct slot *slot, const char *label, const char *class_,
                    struct str *reason)
{
    bool gpu = is_gpu_failure(s, slot, class_, reason->data);
    if (gpu && str_eq(class_, "device"))
        return sched__gpu_lost(s, slot, label, reason);
    count_cause(s, class_, reason->data);
    return gpu ? sched__gpu_memory(s, slot, label, reason)
               : will_retry(s, slot, label, class_, reason->data);
}

/* *again: the run is not over. */
static int record_failure(struct sched *s, const struct slot *slot, const char *class_,
                          struct str *reason, const struct str *last, bool *again, struct err *e)
{
    const char *id = s->plan->runs[slot->run].id;
    if (s->stopping) {
        s->result->cancelled++;
        return store_failed(s->store, id, slot->attempt, "cancelled", err_name(ERR_CANCELLED),
                            "stopped on request", e);
    }
    char *label = labels_run(&s->labels, s->plan, &s->plan->runs[slot->run]);
    *again = goes_on(s, slot, label, class_, reason);
    if (!*again) {
        show_failure(s, slot, label, reason->data, last);
        add_failure(s, slot->run, reason->data, slot->job.log, failure_is_environment(class_));
    }
    free(label);
    return store_failed(s->store, id, slot->attempt, "failed", class_, reason->data, e);
}

/* What the run took, as an event that is recorded with its results. */
static json_t *usage_event(const struct slot *slot, double seconds)
{
    long long bytes = 0;
    const char *files[] = {slot->job.out, slot->job.log};
    for (int i = 0; i < 2; i++) {
        struct stat info;
        if (files[i] && stat(files[i], &info) == 0)
            bytes += info.st_size;
    }
    return json_pack("{s:s, s:f, s:I, s:I}", "event", "usage", "seconds", seconds, "memory",
                     (json_int_t)slot->proc.memory, "bytes", (json_int_t)bytes);
}

static int record_done(struct sched *s, const struct slot *slot, double seconds, struct err *e)
{
    const struct plan_run *r = &s->plan->runs[slot->run];
    json_array_append_new(slot->collect.events, usage_event(slot, seconds));
    int rc;
    for (int i = 0;
         (rc = store_done(s->store, r->id, slot->attempt, slot->collect.events, e)) == ERR_BUSY &&
         i < BUSY_TRIES;
         i++)
        if (i == 0)
            log_warn("%s; the results of a run wait for it", e->text);
    if (rc < 0)
        return rc;
    jobfile_done(s->options->workspace, r->id);
    s->result->done++;
    if (!str_eq(slot->job.kind, "bank")) // a good bank says nothing about training
        s->in_row = 0;
    eta_took(&s->eta, slot->run, seconds);
    if (s->progress.live)
        return 0;
    struct str text = STR_INIT;
    char *label = labels_run(&s->labels, s->plan, r), took[32];
    collect_summary(&slot->collect, &text);
    progress_seconds(seconds, took);
    progress_line(&s->progress, "[%zu/%zu] %s%s%s (%s)", s->result->done + s->result->failed,
                  s->total, label, text.size ? ": " : "", text.data, took);
    free(label);
    str_release(&text);
    return 0;
}

/* What of the runners' families has run away from its group. */
static void end_strays(const struct sched *s)
{
    pid_t known[1024 + 1]; // as many as --jobs may say, and the one that waits
    size_t n = 0;
    for (size_t i = 0; i < s->running; i++)
        known[n++] = s->slots[i].proc.pid;
    if (s->has_ready)
        known[n++] = s->ready.proc.pid;
    proc_end_strays(known, n);
}

/* Why a run failed that we ended ourselves, or the kernel did. */
static void explain_end(struct sched *s, const struct slot *slot, int status, char class_[16],
                        struct str *reason)
{
    const struct sched_options *o = s->options;
    if (slot->cause) {
        snprintf(class_, 16, "%s", slot->cause);
        str_clear(reason);
        if (str_eq(slot->cause, "device")) {
            str_addf(reason, "ended: its GPU, %s, was lost under another run",
                     s->places.items[slot->gpu].gpu->kind);
            return;
        }
        bool hung = str_eq(slot->cause, "hang");
        str_addf(reason, hung ? "hung: no word of it for %.0f s" : "timed out after %.0f s",
                 hung ? o->hang : o->timeout);
        if (slot->collect.of)
            str_addf(reason, ", at %s %ld of %ld", slot->collect.unit, slot->collect.step,
                     slot->collect.of);
        return;
    }
    if (s->oom_kills >= 0 && str_eq(class_, "killed"))
        failure_check_oom(status, s->oom_kills, class_, reason);
    if (str_eq(class_, "memory"))
        s->oom_kills = failure_oom_kills(); // what is counted so far is told
}

/* The runner of slot i has ended: record it and close the gap. */
int sched__finish(struct sched *s, size_t i, struct err *e)
{
    struct slot slot = s->slots[i];
    struct str last = STR_INIT, reason = STR_INIT;
    char class_[16];
    slot.proc.options.arg = &slot.collect;
    int status = proc_reap(&slot.proc, LAST_LINES, &last);
    s->slots[i] = s->slots[--s->running];
    if (slot.gpu >= 0)
        places_give(&s->places, slot.gpu, s->options->gpu_need[slot.run]);
    end_strays(s);

    bool ok = collect_verdict(&slot.collect, status, slot.job.kind, slot.job.out, class_, &reason);
    bool again = false;
    if (!ok)
        explain_end(s, &slot, status, class_, &reason);
    int rc = ok ? record_done(s, &slot, sys_now() - slot.started, e) : 0;
    if (rc == ERR_CORRUPT || rc == ERR_NUMERIC) { // what it said contradicts itself
        ok = false;
        snprintf(class_, sizeof class_, "protocol");
        str_addf(&reason, "protocol: %s", e->text);
        rc = 0;
    }
    if (!ok)
        rc = record_failure(s, &slot, class_, &reason, &last, &again, e);
    if (!again)
        queue_end(&s->queue, slot.run, ok);
    collect_release(&slot.collect);
    jobfile_release(&slot.job);
    str_release(&last);
    str_release(&reason);
    return rc;
}

/* Runs that wait for a try that will not come; without a GPU they wait for the next command. */
void sched__end_retries(struct sched *s)
{
    for (size_t i = 0; i < s->retry.n; i++) {
        const struct retry_one *one = &s->retry.waiting[i];
        if (s->result->lost && !s->result->signal) {
            queue_back(&s->queue, one->run);
            continue;
        }
        queue_end(&s->queue, one->run, false);
        if (s->result->signal)
            s->result->cancelled++;
        else
            add_failure(s, one->run, one->reason, one->log, one->environment);
    }
}
