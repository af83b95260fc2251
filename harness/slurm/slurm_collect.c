/*
 * From journals to the store: see slurm.h. What a task said is judged by the code that judges local
 * runners (collect.h). The queue is asked first and the journals are read after it, so a task that
 * has left the queue has said all that it will say.
 */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/proto/job.h"
#include "core/proto/spec.h"
#include "core/proto/tasks.h"
#include "harness/sched/collect.h"
#include "harness/sched/failure.h"
#include "harness/plan/jobfile.h"
#include "harness/plan/label.h"
#include "harness/system/proc.h"
#include "harness/sched/progress.h"
#include "harness/slurm/slurm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOURNAL_LIMIT = 256 << 20 };

struct collecting {
    struct slurm *s;
    struct store *store;
    struct slurm_collected *out;
    struct labels labels;
    struct progress progress;
};

/* One task, looked at. */
struct task {
    const struct slurm_array *array;
    size_t index;
    const json_t *json;
    const char *run;
    char *text; // of its journal
    struct journal journal;
    const char *state; // in the queue; "" = not there
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* What the store has as the attempt's command: unlike its number, the same at every look. */
static char *command_of(const struct task *t)
{
    char *index = str_format("%zu", t->index);
    const char *argv[] = {"promptgrid-runner", "task", t->array->path, index, NULL};
    char *command = proc_command_text(argv);
    free(index);
    return command;
}

/* ---- into the store ---- */

static long machine_of(struct store *s, const struct journal *j, struct err *e)
{
    json_t *facts = json_pack("{s:s, s:s}", "executor", "slurm", "host", j->host);
    long id = store_machine(s, facts, e);
    json_decref(facts);
    return id;
}

static int begin(struct collecting *c, const struct task *t, int *n, struct err *e)
{
    long revision = (long)json_integer_value(json_object_get(t->array->list, "revision"));
    long machine = machine_of(c->store, &t->journal, e);
    if (machine < 0)
        return (int)machine;
    char *command = command_of(t);
    int rc =
        store_begin(c->store, t->run, revision, machine, command, text_of(t->json, "log"), n, e);
    free(command);
    return rc;
}

static void keep_failure(struct slurm_collected *out, const struct task *t, const char *label,
                         const char *reason, bool passing)
{
    const char *runner = text_of(t->array->list, "runner");
    const char *by_hand[] = {runner ? runner : "promptgrid-runner", "run", text_of(t->json, "job"),
                             NULL};
    out->failures = mem_grow(out->failures, out->failed + 1, sizeof *out->failures);
    out->failures[out->failed++] =
        (struct slurm_failure){.run = mem_strdup(t->run),
                               .label = mem_strdup(label),
                               .reason = mem_strdup(reason),
                               .log = mem_strdup(text_of(t->json, "log")),
                               .command = proc_command_text(by_hand),
                               .passing = passing};
}

static int put_failure(struct collecting *c, const struct task *t, const char *label,
                       const char *state, const char *class_, const char *reason, struct err *e)
{
    struct slurm_collected *out = c->out;
    int n, rc = begin(c, t, &n, e);
    if (rc == 0)
        rc = store_failed(c->store, t->run, n, state, class_, reason, e);
    if (rc < 0)
        return rc;
    if (str_eq(state, "cancelled")) {
        out->cancelled++;
        return 0;
    }
    progress_line(&c->progress, "%s failed: %s", label, reason);
    // "cancelled" here is not the user's word: the cluster asked the task to end.
    keep_failure(out, t, label, reason,
                 failure_is_transient(class_) || str_eq(class_, "cancelled"));
    return 0;
}

static int put_done(struct collecting *c, const struct task *t, struct collect *said,
                    const char *label, struct err *e)
{
    int n, rc = begin(c, t, &n, e);
    double seconds = t->journal.seconds;
    json_array_append_new(said->events, json_pack("{s:s, s:f, s:n, s:n}", "event", "usage",
                                                  "seconds", seconds, "memory", "bytes"));
    if (rc == 0)
        rc = store_done(c->store, t->run, n, said->events, e);
    if (rc == ERR_CORRUPT || rc == ERR_NUMERIC) { // what it said contradicts itself
        char *reason = str_format("protocol: %s", e->text);
        rc = store_failed(c->store, t->run, n, "failed", "protocol", reason, e);
        keep_failure(c->out, t, label, reason, false);
        free(reason);
        return rc;
    }
    if (rc < 0)
        return rc;
    struct str text = STR_INIT;
    char took[32];
    jobfile_done(c->s->workspace, t->run);
    collect_summary(said, &text);
    progress_seconds(seconds, took);
    progress_line(&c->progress, "%s%s%s (%s on %s)", label, text.size ? ": " : "", text.data, took,
                  t->journal.host);
    c->out->done++;
    str_release(&text);
    return 0;
}

/* ---- one task ---- */

/* Why it ended without a word, if the cluster keeps accounts: "OUT_OF_MEMORY", "TIMEOUT", ... */
static void add_account(const struct slurm *s, const struct task *t, struct str *out)
{
    struct err none;
    char *output = NULL, *job = str_format("--jobs=%s_%zu", t->array->id, t->index);
    json_t *argv = json_pack("[s, s, s, s, s]", "sacct", "--noheader", "--parsable2",
                             "--allocations", "--format=State");
    json_array_append_new(argv, json_string(job));
    if (*t->array->id && slurm_call(s, argv, &output, &none) == 0) {
        size_t word = strspn(output, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        if (word && output[word] && strchr(" \n+", output[word]))
            str_addf(out, "; the cluster says %.*s", (int)word, output);
    }
    json_decref(argv);
    free(output);
    free(job);
}

static bool needs_are_done(struct collecting *c, const struct task *t, struct err *e)
{
    const json_t *needs = json_object_get(t->json, "needs");
    bool done = true;
    for (size_t i = 0; i < json_array_size(needs) && done; i++) {
        struct store_state state;
        done = store_state(c->store, json_string_value(json_array_get(needs, i)), &state, e) == 0 &&
               str_eq(state.state, "done");
        store_state_release(&state);
    }
    return done;
}

/* It is not in the queue and never said anything. */
static int judge_silent(struct collecting *c, const struct task *t, const char *label,
                        struct err *e)
{
    if (!*t->array->id || !needs_are_done(c, t, e)) {
        c->out->dropped++;
        return e->code;
    }
    struct str reason = STR_INIT;
    str_add(&reason, "it left the queue before it began");
    add_account(c->s, t, &reason);
    int rc = put_failure(c, t, label, "cancelled", "cancelled", reason.data, e);
    str_release(&reason);
    return rc;
}

static int judge_said(struct collecting *c, const struct task *t, const struct job *job,
                      const char *label, struct err *e)
{
    const char *kinds[] = {"encode", "bank", "train", "prompt"}, *kind = NULL;
    struct str reason = STR_INIT;
    struct collect said;
    char class_[16];
    for (int i = 0; i < 4; i += 2)
        if (str_eq(spec_get_text(job->spec, "job"), kinds[i]))
            kind = kinds[i + 1];
    collect_init(&said);
    collect_feed(&said, t->journal.events, t->journal.size);
    // As waitpid has it; a task without an exit line was ended by somebody else.
    int status = t->journal.exited ? t->journal.status << 8 : SIGKILL;
    bool cut = !t->journal.exited && !said.broken.code && !said.fail && !said.done;
    bool ok = collect_verdict(&said, status, kind, job->out, class_, &reason);
    if (cut) {
        str_clear(&reason);
        str_add(&reason, "the task ended without a word: killed, preempted, or out of memory or "
                         "time");
        add_account(c->s, t, &reason);
    }
    int rc = ok ? put_done(c, t, &said, label, e)
                : put_failure(c, t, label, "failed", class_, reason.data, e);
    collect_release(&said);
    str_release(&reason);
    return rc;
}

/* Has the task more to say? Without an answer from the queue, all that did not end well may. */
static bool is_open(const struct collecting *c, const struct task *t)
{
    if (t->journal.exited && t->journal.status == 0)
        return false;
    return !c->s->queue || *t->state;
}

/* 1: it is still to come. */
static int collect_task(struct collecting *c, const struct slurm_array *a, size_t index,
                        struct err *e)
{
    struct task t = {.array = a, .index = index, .state = slurm_state(c->s, a, index)};
    struct err none = {0};
    struct job job = {0};
    size_t size = 0;
    t.json = json_array_get(json_object_get(a->list, "tasks"), index);
    t.run = text_of(t.json, "run");
    char *command = command_of(&t);
    int rc = store_tried(c->store, t.run, command, e);
    free(command);
    if (rc)
        return rc < 0 ? rc : 0;
    if (fs_read(&t.text, &size, text_of(t.json, "journal"), JOURNAL_LIMIT, &none) == 0)
        journal_parse(&t.journal, t.text, size);
    if (is_open(c, &t)) {
        rc = 1;
        goto out;
    }
    // The job file was checked when it was written; a damaged one is the task's failure.
    rc = job_read(&job, text_of(t.json, "job"), &none);
    char *label = rc == 0 ? labels_text(&c->labels, job.spec) : str_format("run %.12s", t.run);
    if (rc < 0)
        rc = put_failure(c, &t, label, "failed", err_name(none.code), none.text, e);
    else
        rc = t.journal.started ? judge_said(c, &t, &job, label, e) : judge_silent(c, &t, label, e);
    free(label);
    job_release(&job);
out:
    free(t.text);
    return rc;
}

/* ---- all of them ---- */

static void forget(struct slurm *s, size_t i)
{
    struct slurm_array *a = &s->arrays[i];
    char *done = mem_strndup(a->path, strlen(a->path) - strlen("json"));
    char *to = str_format("%sdone", done);
    sys_rename(a->path, to);
    free(to);
    free(done);
    free(a->token);
    free(a->path);
    json_decref(a->list);
    memmove(a, a + 1, (s->n - i - 1) * sizeof *a);
    s->n--;
}

int slurm_collect(struct slurm *s, struct store *store, struct slurm_collected *out, struct err *e)
{
    struct collecting c = {.s = s, .store = store, .out = out, .labels = {json_object()}};
    int rc = 0;
    progress_init(&c.progress);
    out->open = 0;
    slurm_ask(s);
    for (size_t i = 0; i < s->n && rc >= 0; i++)
        if (*s->arrays[i].id) // its reply was lost, and now the queue has told it
            rc = slurm_keep_id(s, &s->arrays[i], e);
    for (size_t i = 0; i < s->n && rc >= 0;) {
        size_t tasks = json_array_size(json_object_get(s->arrays[i].list, "tasks")), open = 0;
        for (size_t k = 0; k < tasks && rc >= 0; k++) {
            rc = collect_task(&c, &s->arrays[i], k, e);
            open += rc == 1;
        }
        out->open += open;
        if (rc >= 0 && open == 0)
            forget(s, i);
        else
            i++;
    }
    labels_release(&c.labels);
    return rc < 0 ? rc : 0;
}

static void count_state(json_t *counts, const char *state, bool asked)
{
    char *name = mem_strdup(*state ? state : asked ? "ended" : "unknown");
    for (char *c = name; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    json_int_t known = json_integer_value(json_object_get(counts, name));
    json_object_set_new(counts, name, json_integer(known + 1));
    free(name);
}

int slurm_counts(const char *workspace, struct store *store, json_t **counts, struct err *e)
{
    struct slurm s;
    *counts = NULL;
    int rc = slurm_open(&s, workspace, NULL, e);
    if (rc == 0 && s.n) {
        slurm_ask(&s);
        *counts = json_object();
    }
    for (size_t i = 0; i < s.n && rc >= 0; i++) {
        const json_t *tasks = json_object_get(s.arrays[i].list, "tasks");
        for (size_t k = 0; k < json_array_size(tasks) && rc >= 0; k++) {
            struct task t = {.array = &s.arrays[i], .index = k};
            char *command = command_of(&t);
            rc = store_tried(store, text_of(json_array_get(tasks, k), "run"), command, e);
            free(command);
            if (rc == 0)
                count_state(*counts, slurm_state(&s, &s.arrays[i], k), s.queue != NULL);
        }
    }
    slurm_close(&s);
    return rc < 0 ? rc : 0;
}

static void failure_free(struct slurm_failure *f)
{
    free(f->run);
    free(f->label);
    free(f->reason);
    free(f->log);
    free(f->command);
}

json_t *slurm_collected_again(struct slurm_collected *c)
{
    json_t *again = json_object();
    size_t kept = 0;
    for (size_t i = 0; i < c->failed; i++)
        if (c->failures[i].passing) {
            json_object_set_new(again, c->failures[i].run, json_true());
            failure_free(&c->failures[i]);
        } else {
            c->failures[kept++] = c->failures[i];
        }
    c->failed = kept;
    return again;
}

void slurm_collected_release(struct slurm_collected *c)
{
    for (size_t i = 0; i < c->failed; i++)
        failure_free(&c->failures[i]);
    free(c->failures);
    *c = (struct slurm_collected){0};
}
