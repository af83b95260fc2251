/* promptgrid run RECIPE: run what is missing of a recipe. The same command again goes on. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/proto/job.h"
#include "harness/cmd.h"
#include "harness/jobfile.h"
#include "harness/plan.h"
#include "harness/proc.h"
#include "harness/progress.h"
#include "harness/revision.h"
#include "harness/sched.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct run_options {
    struct cmd_common common;
    long jobs, threads, max_failures, checkpoint_every;
    bool keep_going;
};

enum { JOBS_LIMIT = 1024, FAILURES_SHOWN = 20, EVERY_LIMIT = 1000000 };

/* Rows for this code and this machine. */
static int record_origin(struct store *s, struct sched_options *o, const char *home, struct err *e)
{
    struct revision r;
    char runner[HASH_HEX];
    if (hash_file(runner, o->runner, e) < 0)
        return err_wrap(e, "the runner");
    revision_read(&r, home);
    char *build = revision_build(&r);
    json_t *machine = revision_machine();
    o->revision =
        store_revision(s, &(struct store_revision){r.commit, r.dirty, r.diff, runner, build}, e);
    int rc = o->revision < 0 ? (int)o->revision : 0;
    if (rc == 0) {
        o->machine = store_machine(s, machine, e);
        rc = o->machine < 0 ? (int)o->machine : 0;
    }
    if (*r.note)
        log_info("%s", r.note);
    json_decref(machine);
    free(build);
    revision_release(&r);
    return rc;
}

static const char *plural(size_t n)
{
    return n == 1 ? "run" : "runs";
}

static void show_failures(const struct sched_result *r)
{
    log_error("%zu %s failed:", r->failed, plural(r->failed));
    for (size_t i = 0; i < r->failed && i < FAILURES_SHOWN; i++)
        fprintf(stderr, "  %s: %s\n", r->failures[i].label, r->failures[i].reason);
    if (r->failed > FAILURES_SHOWN)
        fprintf(stderr, "  and %zu more\n", r->failed - FAILURES_SHOWN);
}

/* What happened, for people on stderr and with --json for programs on stdout: the exit status. */
static int summary(const struct run_options *o, const struct plan *p, const struct sched_result *r,
                   const char *recipe, double seconds)
{
    char took[32];
    progress_seconds(seconds, took);
    if (r->failed)
        show_failures(r);
    if (r->skipped && !r->signal)
        log_info("%zu %s failed", r->skipped,
                 r->skipped == 1 ? "run was not started: what it needs"
                                 : "runs were not started: what they need");
    if (r->left && !r->signal)
        log_info("%zu %s not started after %zu failures", r->left,
                 r->left == 1 ? "run was" : "runs were", r->failed);
    if (r->signal)
        log_info("stopped: %zu done, %zu cancelled; 'promptgrid run %s' goes on from here", r->done,
                 r->cancelled, recipe);
    else if (!p->wanted)
        log_info("nothing to do: %zu %s done", p->done, p->done == 1 ? "run is" : "runs are");
    else
        log_info("%zu %s done in %s; 'promptgrid table %s' compares them", r->done, plural(r->done),
                 took, recipe);
    if (o->common.json)
        cmd_print_json(json_pack("{s:I, s:I, s:I, s:I}", "done", (json_int_t)r->done, "failed",
                                 (json_int_t)r->failed, "cancelled", (json_int_t)r->cancelled,
                                 "skipped", (json_int_t)(r->skipped + r->left)));
    if (r->signal)
        return 128 + r->signal;
    return r->failed || p->blocked ? 1 : 0;
}

/* The plan must be runnable as a whole, or --keep-going given. */
static int check_blocked(const struct run_options *o, const struct plan *p, const char *recipe,
                         struct err *e)
{
    if (!p->blocked)
        return 0;
    log_warn("%zu of %zu runs cannot run here:", p->blocked, p->n);
    fputs(p->missing->data, stderr);
    if (o->keep_going && p->wanted + p->done > 0)
        return 0;
    return err_set(e, ERR_MISSING,
                   "something is missing for '%s'; --keep-going runs what can be run", recipe);
}

static int run(const struct run_options *o, const char *recipe, int *status, struct err *e)
{
    struct roots roots = {0};
    struct store *store = NULL;
    struct plan plan = {0};
    struct sched_result result = {0};
    struct timespec begin, end;
    char *workspace = cmd_workspace(&o->common), *path = cmd_store_path(&o->common);
    char *runner = proc_runner();
    struct sched_options options = {.workspace = workspace,
                                    .runner = runner,
                                    .jobs = o->jobs ? (int)o->jobs : thread_cores(),
                                    .threads = (int)o->threads,
                                    .max_failures = o->max_failures,
                                    .checkpoint_every = (int)o->checkpoint_every};
    int lost = 0, rc;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if ((rc = roots_open(&roots, o->common.data.items, o->common.data.n, e)) < 0 ||
        (rc = fs_make_folders(workspace, e)) < 0 ||
        (rc = store_open(&store, path, STORE_WRITE, e)) < 0 || // from here the workspace is ours
        (rc = jobfile_folders(workspace, e)) < 0 || (rc = store_recover(store, &lost, e)) < 0 ||
        (rc = jobfile_leftovers(workspace, store, e)) < 0)
        goto out;
    if (lost)
        log_info("%d %s lost with an earlier scheduler and will run again", lost,
                 lost == 1 ? "run was" : "runs were");
    if ((rc = plan_load(&plan, recipe, &roots, store, workspace, e)) < 0 ||
        (rc = check_blocked(o, &plan, recipe, e)) < 0)
        goto out;
    if (plan.wanted && ((rc = record_origin(store, &options, roots.home, e)) < 0 ||
                        (rc = sched_run(&plan, store, &options, &result, e)) < 0 ||
                        // again: what was dying at our start, or was ended by us, is dead now
                        (rc = jobfile_folders(workspace, e)) < 0))
        goto out;
    clock_gettime(CLOCK_MONOTONIC, &end);
    *status =
        summary(o, &plan, &result, recipe,
                (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
out:
    sched_result_release(&result);
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(runner);
    free(path);
    free(workspace);
    return rc;
}

int cmd_run(const struct cmd *self, int argc, char **argv)
{
    struct run_options o = {.checkpoint_every = CHECKPOINT_EVERY};
    struct err e = {0};
    int rest;
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"jobs", OPT_COUNT, &o.jobs, "N", "runs at once (default: one per core)"},
        {"threads", OPT_COUNT, &o.threads, "N", "threads of each run (default: shared out)"},
        {"max-failures", OPT_COUNT, &o.max_failures, "N",
         "stop starting runs after N failures (default: never)"},
        {"keep-going", OPT_FLAG, &o.keep_going, NULL,
         "run what can be run when something is missing"},
        {"checkpoint-every", OPT_COUNT, &o.checkpoint_every, "S",
         "seconds of training after which it is saved to go on from (default: 30; 0: every epoch)"},
        {0},
    };
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0 && (o.jobs > JOBS_LIMIT || o.threads > JOBS_LIMIT)) {
        err_set(&e, ERR_USAGE, "'--jobs' and '--threads' go up to %d", JOBS_LIMIT);
        status = cmd_fail(&e);
    }
    if (status < 0 && o.checkpoint_every > EVERY_LIMIT) {
        err_set(&e, ERR_USAGE, "'--checkpoint-every' goes up to %d", EVERY_LIMIT);
        status = cmd_fail(&e);
    }
    if (status < 0) {
        signal(SIGPIPE, SIG_IGN); // a closed terminal or pipe must not end the runs
        if (run(&o, argv[1], &status, &e) < 0)
            status = cmd_fail(&e);
    }
    free(o.common.data.items);
    return status;
}
