/* promptgrid run RECIPE: run what is missing of a recipe, also what failed before. The same command
 * again goes on. promptgrid retry RECIPE: only what failed, and what that needs. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/base/thread.h"
#include "core/proto/job.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/cmd_slurm.h"
#include "harness/sched/freeze.h"
#include "harness/plan/jobfile.h"
#include "harness/sched/place.h"
#include "harness/plan/plan.h"
#include "harness/system/proc.h"
#include "harness/sched/progress.h"
#include "harness/system/revision.h"
#include "harness/sched/run_device.h"
#include "harness/sched/sched.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct run_options {
    struct cmd_common common;
    long jobs, threads, max_failures, same_failures, checkpoint_every;
    long timeout, hang, retries, retry_wait;
    bool keep_going, no_wait, require_clean;
    const char *executor; // "local" or "slurm"; NULL = "local"
    const char *device;   // NULL = "auto"
    long jobs_per_gpu;    // 0 = by memory
    bool submit_only;
    bool only_failed; // the command is 'retry'
    char *again;      // the command that goes on where this one stops
};

enum {
    JOBS_LIMIT = 1024,
    PER_GPU_LIMIT = 64,
    RETRIES_LIMIT = 100,
    FAILURES_SHOWN = 20,
    SECONDS_LIMIT = 100000000
};
enum { HANG = 7200, RETRIES = 2, RETRY_WAIT = 1, SAME_FAILURES = 10 }; // unless told otherwise
enum { NOT_GIVEN = -1 };

static int check_clean(const struct revision *r, const char *home, struct err *e)
{
    if (!*r->commit)
        return err_set(e, ERR_MISSING, "'--require-clean': %s", r->note);
    if (r->dirty)
        return err_set(e, ERR_MISSING,
                       "'--require-clean': the tree of '%s' differs from its commit %.10s; commit "
                       "the change first",
                       home, r->commit);
    return 0;
}

/* Rows for this code and this machine. */
static int record_origin(struct store *s, struct sched_options *o, const char *runner,
                         const char *home, bool clean, struct err *e)
{
    struct revision r;
    revision_read(&r, home);
    if (clean && check_clean(&r, home, e) < 0) {
        revision_release(&r);
        return e->code;
    }
    int rc = revision_record(&r, s, runner, &o->revision, &o->machine, e);
    if (*r.note)
        log_info("%s", r.note);
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
        fprintf(stderr, "  %s: %s; log %s; to repeat it: %s\n", r->failures[i].label,
                r->failures[i].reason, r->failures[i].log, r->failures[i].command);
    if (r->failed > FAILURES_SHOWN)
        fprintf(stderr, "  and %zu more\n", r->failed - FAILURES_SHOWN);
}

/* What happened, for people on stderr and with --json for programs on stdout: the exit status. */
static int summary(const struct run_options *o, const struct plan *p, const struct sched_result *r,
                   const char *recipe, double seconds)
{
    char took[32], *table = cmd_text_for(&o->common, "table", recipe);
    progress_seconds(seconds, took);
    if (r->failed)
        show_failures(r);
    if (r->skipped && !r->signal)
        log_info("%zu %s failed", r->skipped,
                 r->skipped == 1 ? "run was not started: what it needs"
                                 : "runs were not started: what they need");
    if (r->cause && !r->signal)
        log_info("stopped after %ld failures in a row with one cause; --keep-going goes on all "
                 "the same",
                 o->same_failures);
    if (r->lost && !r->signal)
        log_error("no GPU is left of %s: %zu %s for the next time; the results are kept, '%s' goes "
                  "on, with '--device cpu' without a GPU",
                  r->lost, r->left, r->left == 1 ? "run is" : "runs are", o->again);
    else if (r->left && !r->signal)
        log_info("%zu %s not started after %zu failure%s", r->left,
                 r->left == 1 ? "run was" : "runs were", r->failed, r->failed == 1 ? "" : "s");
    if (r->signal)
        log_info("stopped: %zu done, %zu cancelled; '%s' goes on from here", r->done, r->cancelled,
                 o->again);
    else if (!p->wanted && o->only_failed)
        log_info("nothing to do: no run has failed; '%s' runs what is missing", o->again);
    else if (!p->wanted)
        log_info("nothing to do: %zu %s done", p->done, p->done == 1 ? "run is" : "runs are");
    else if (r->failed && !r->lost)
        log_info("%zu %s done in %s; '%s' tries the rest again", r->done, plural(r->done), took,
                 o->again);
    else
        log_info("%zu %s done in %s; '%s' compares them", r->done, plural(r->done), took, table);
    free(table);
    if (o->common.json)
        cmd_print_json(json_pack("{s:I, s:I, s:I, s:I}", "done", (json_int_t)r->done, "failed",
                                 (json_int_t)r->failed, "cancelled", (json_int_t)r->cancelled,
                                 "skipped", (json_int_t)(r->skipped + r->left)));
    if (r->signal)
        return 128 + r->signal;
    if (!p->blocked && r->failed == r->environment && (r->failed || r->lost))
        return 3;
    return r->failed || r->lost || p->blocked ? 1 : 0;
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

/* Where files are not only this machine's, it is said what that means. */
static void tell_place(const char *workspace)
{
    const char *place = sys_place(workspace);
    if (place)
        log_warn("workspace '%s' is on %s: its database is kept without a write-ahead log, and "
                 "only this machine may write it; a local disk is faster and safer",
                 workspace, place);
}

/* The store, ours to write; another scheduler is waited for. Its lock is refused at once, while
 * SQLite has waited for ten seconds before it says that another program holds the file. */
static int open_store(struct store **out, const char *path, bool wait, struct err *e)
{
    enum { AT_ONCE = 5 };
    bool told = false;
    for (;;) {
        double begin = sys_now();
        int rc = store_open(out, path, STORE_WRITE, e);
        if (rc != ERR_BUSY || !wait || sys_now() - begin > AT_ONCE)
            return rc;
        if (!told)
            log_info("waiting: %s", e->text);
        told = true;
        if ((rc = store_wait(path, e)) < 0)
            return rc;
    }
}

/* The GPUs of the runs, if any, and how many runs there are at once. */
static int choose_device(const struct run_options *o, struct sched_options *s, struct gpus *g,
                         double **need, const struct plan *p, struct err *e)
{
    int rc = run_device(g, need, o->device ? o->device : "auto", s->runner, p, e);
    if (rc < 0 || !g->n)
        return rc;
    s->gpus = g;
    s->gpu_need = *need;
    s->gpu_slots = o->jobs_per_gpu ? (size_t)o->jobs_per_gpu : PLACE_RUNS;
    if (!o->jobs)
        s->jobs = (int)(g->n * s->gpu_slots < JOBS_LIMIT ? g->n * s->gpu_slots : JOBS_LIMIT);
    return 0;
}

static int run(const struct run_options *o, const char *recipe, int *status, struct err *e)
{
    struct roots roots = {0};
    struct store *store = NULL;
    struct plan plan = {0};
    struct sched_result result = {0};
    struct gpus gpus = {0};
    double *gpu_need = NULL;
    double begin = sys_now();
    char *workspace = cmd_workspace(&o->common), *path = cmd_store_path(&o->common);
    char *program = proc_runner(), *runner = NULL, sha256[HASH_HEX];
    struct sched_options options = {.workspace = workspace,
                                    .jobs = o->jobs ? (int)o->jobs : thread_cores(),
                                    .threads = (int)o->threads,
                                    .max_failures = o->max_failures,
                                    .same_failures = o->keep_going ? 0 : o->same_failures,
                                    .retries = (int)o->retries,
                                    .retry_wait = (double)o->retry_wait,
                                    .timeout = (double)o->timeout,
                                    .hang = (double)o->hang,
                                    .checkpoint_every = (int)o->checkpoint_every};
    int lost = 0, rc;
    if ((rc = roots_open(&roots, o->common.data.items, o->common.data.n, e)) < 0 ||
        (rc = fs_make_folders(workspace, e)) < 0 ||
        (rc = open_store(&store, path, !o->no_wait, e)) < 0 || // from here the workspace is ours
        (rc = jobfile_folders(workspace, e)) < 0 || (rc = store_recover(store, &lost, e)) < 0 ||
        (rc = jobfile_leftovers(workspace, store, e)) < 0)
        goto out;
    tell_place(workspace);
    if (lost)
        log_info("%d %s lost with an earlier scheduler and will run again", lost,
                 lost == 1 ? "run was" : "runs were");
    if ((rc = plan_load(&plan, recipe, &roots, store, workspace, e)) < 0 ||
        (rc = check_blocked(o, &plan, recipe, e)) < 0)
        goto out;
    if (o->only_failed)
        plan_keep_failed(&plan);
    if (plan.wanted &&
        ((rc = plan_expect(&plan, store, e)) < 0 ||
         (rc = freeze_runner(&runner, sha256, workspace, program, e)) < 0 ||
         (options.runner = runner, 0) ||
         (rc = choose_device(o, &options, &gpus, &gpu_need, &plan, e)) < 0 ||
         (rc = record_origin(store, &options, sha256, roots.home, o->require_clean, e)) < 0 ||
         (rc = sched_run(&plan, store, &options, &result, e)) < 0 ||
         // again: what was dying at our start, or was ended by us, is dead now
         (rc = jobfile_folders(workspace, e)) < 0))
        goto out;
    *status = summary(o, &plan, &result, recipe, sys_now() - begin);
out:
    sched_result_release(&result);
    gpus_release(&gpus);
    free(gpu_need);
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(runner);
    free(program);
    free(path);
    free(workspace);
    return rc;
}

/* Bounds of counts, as a table. */
static int check_limits(const struct run_options *o, struct err *e)
{
    const struct {
        const char *name;
        long value, limit;
    } limits[] = {{"jobs", o->jobs, JOBS_LIMIT},
                  {"threads", o->threads, JOBS_LIMIT},
                  {"jobs-per-gpu", o->jobs_per_gpu, PER_GPU_LIMIT},
                  {"checkpoint-every", o->checkpoint_every, 1000000},
                  {"timeout", o->timeout, SECONDS_LIMIT},
                  {"hang", o->hang, SECONDS_LIMIT},
                  {"retries", o->retries, RETRIES_LIMIT},
                  {"retry-wait", o->retry_wait, 86400}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].value > limits[i].limit)
            return err_set(e, ERR_USAGE, "'--%s' goes up to %ld", limits[i].name, limits[i].limit);
    if (o->submit_only && !(o->executor && str_eq(o->executor, "slurm")))
        return err_set(e, ERR_USAGE, "'--submit-only' needs '--executor slurm'");
    return 0;
}

/* What a cluster decides in another way or not at all; here, what was not given has its default. */
static int check_machine_only(struct run_options *o, struct err *e)
{
    const struct {
        const char *name;
        long *value, preset;
        const char *there;
    } options[] = {
        {"jobs", &o->jobs, 0,
         "'concurrent' in the recipe's 'slurm:' block says how many tasks of an array run at once"},
        {"jobs-per-gpu", &o->jobs_per_gpu, 0,
         "'gres' in the recipe's 'slurm:' block says what of a GPU each task gets"},
        {"threads", &o->threads, 0,
         "'cpus' in the recipe's 'slurm:' block says the cores of a task, and its threads"},
        {"timeout", &o->timeout, 0, "'time' in the recipe's 'slurm:' block limits a task"},
        {"hang", &o->hang, HANG, "'time' in the recipe's 'slurm:' block limits a task"},
        {"max-failures", &o->max_failures, 0,
         "leave it out: the cluster starts what is in its queue, and 'scancel' takes it out"},
        {"same-failures", &o->same_failures, SAME_FAILURES,
         "leave it out: the cluster starts what is in its queue, and 'scancel' takes it out"}};
    bool slurm = o->executor && str_eq(o->executor, "slurm");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (*options[i].value == NOT_GIVEN)
            *options[i].value = options[i].preset;
        else if (slurm)
            return err_set(e, ERR_USAGE,
                           "'--%s' is for runs on this machine, not for '--executor slurm'; %s",
                           options[i].name, options[i].there);
    return 0;
}

/* Here, or in a cluster's queue. */
static int run_anywhere(const struct run_options *o, const char *recipe, int *status, struct err *e)
{
    bool slurm;
    int rc = slurm_choose(&o->common, o->executor, &slurm, e);
    if (rc < 0 || (o->device && (rc = gpus_check_wanted(o->device, e)) < 0))
        return rc;
    if (!slurm)
        return run(o, recipe, status, e);
    return slurm_command(&(struct slurm_command){.common = &o->common,
                                                 .recipe = recipe,
                                                 .keep_going = o->keep_going,
                                                 .submit_only = o->submit_only,
                                                 .only_failed = o->only_failed,
                                                 .require_clean = o->require_clean,
                                                 .checkpoint_every = (int)o->checkpoint_every,
                                                 .retries = (int)o->retries,
                                                 .retry_wait = o->retry_wait,
                                                 .device = o->device},
                         status, e);
}

int cmd_run(const struct cmd *self, int argc, char **argv)
{
    struct run_options o = {.jobs = NOT_GIVEN,
                            .jobs_per_gpu = NOT_GIVEN,
                            .threads = NOT_GIVEN,
                            .timeout = NOT_GIVEN,
                            .hang = NOT_GIVEN,
                            .max_failures = NOT_GIVEN,
                            .same_failures = NOT_GIVEN,
                            .checkpoint_every = CHECKPOINT_EVERY,
                            .retries = RETRIES,
                            .retry_wait = RETRY_WAIT,
                            .only_failed = str_eq(self->name, "retry"),
                            .again = cmd_text_given("run", argc, argv)};
    struct err e = {0};
    int rest;
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"jobs", OPT_COUNT, &o.jobs, "N",
         "runs at once (default: one per core, or by --jobs-per-gpu)"},
        {"device", OPT_TEXT, &o.device, "auto|cpu|cuda|cuda:0,2",
         "what runs compute on: auto is every usable GPU, or else the CPU (default: auto)"},
        {"jobs-per-gpu", OPT_COUNT, &o.jobs_per_gpu, "N",
         "runs at once on each GPU (default: as many as its memory holds, at most 4)"},
        {"threads", OPT_COUNT, &o.threads, "N", "threads of each run (default: shared out)"},
        {"timeout", OPT_COUNT, &o.timeout, "S", "end a run after S seconds (default: never)"},
        {"hang", OPT_COUNT, &o.hang, "S",
         "end a run that says nothing for S seconds (default: 7200; 0: never)"},
        {"retries", OPT_COUNT, &o.retries, "N",
         "times to try again what was killed, timed out, hung, or ran out of memory or disk "
         "(default: 2)"},
        {"retry-wait", OPT_COUNT, &o.retry_wait, "S",
         "seconds before the first of them, twice that before the next (default: 1)"},
        {"max-failures", OPT_COUNT, &o.max_failures, "N",
         "stop starting runs after N failures (default: never)"},
        {"same-failures", OPT_COUNT, &o.same_failures, "N",
         "stop starting runs after N failures in a row with one cause (default: 10; 0: never)"},
        {"keep-going", OPT_FLAG, &o.keep_going, NULL,
         "run what can be run when something is missing, however much fails"},
        {"no-wait", OPT_FLAG, &o.no_wait, NULL,
         "refuse instead of waiting for another scheduler of the workspace"},
        {"require-clean", OPT_FLAG, &o.require_clean, NULL,
         "refuse when the code differs from its commit"},
        {"executor", OPT_TEXT, &o.executor, "local|slurm",
         "where runs are carried out: here, or in a cluster's queue (default: local)"},
        {"submit-only", OPT_FLAG, &o.submit_only, NULL,
         "with slurm: do not wait for the results; 'promptgrid collect' reads them"},
        {"checkpoint-every", OPT_COUNT, &o.checkpoint_every, "S",
         "seconds of training after which it is saved to go on from (default: 30; 0: every epoch)"},
        {0},
    };
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        signal(SIGPIPE, SIG_IGN); // a closed terminal or pipe must not end the runs
        if (check_machine_only(&o, &e) < 0 || check_limits(&o, &e) < 0 ||
            run_anywhere(&o, argv[1], &status, &e) < 0)
            status = log_fail(&e);
    }
    free(o.again);
    free(o.common.data.items);
    return status;
}
