/* Waiting for a cluster, and promptgrid collect: see cmd_slurm.h. */
#include "harness/cmd/cmd_slurm.h"

#include "core/base/log.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "harness/sched/freeze.h"
#include "harness/plan/jobfile.h"
#include "harness/plan/plan.h"
#include "harness/system/proc.h"
#include "harness/recipe/recipe.h"
#include "harness/system/revision.h"
#include "harness/sched/run_device.h"
#include "harness/slurm/slurm.h"
#include "harness/recipe/slurm_config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FAILURES_SHOWN = 20 };

int slurm_choose(const struct cmd_common *common, const char *executor, bool *slurm, struct err *e)
{
    static const char *const names[] = {"local", "slurm"};
    size_t open;
    *slurm = str_eq(executor, "slurm");
    if (*slurm)
        return 0;
    if (executor && !str_eq(executor, "local")) {
        const char *near = str_nearest(executor, names, 2, sizeof *names);
        return err_set(e, ERR_USAGE, "unknown executor '%s'%s%s%s; there are local and slurm",
                       executor, near ? ", did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
    }
    char *workspace = cmd_workspace(common);
    int rc = slurm_open_tasks(workspace, &open, e);
    if (rc == 0 && open) {
        char *again = cmd_text_for(common, "collect", NULL);
        rc = err_set(e, ERR_BUSY,
                     "%zu tasks of '%s' are in Slurm's queue or not yet collected; '%s' first, or "
                     "go on with --executor slurm; when that cluster is gone for good, remove "
                     "'%s/slurm'",
                     open, workspace, again, workspace);
        free(again);
    }
    free(workspace);
    return rc;
}

static int slurm_run_open(struct slurm *s, const char *workspace, const struct plan *p,
                          struct err *e)
{
    json_t *config;
    *s = (struct slurm){0};
    int rc = slurm_config_load(p ? p->recipe->slurm : NULL, workspace, &config, e);
    return rc < 0 ? rc : slurm_open(s, workspace, config, e);
}

/* Sleep until the next look at the queue, or a signal: its number. */
static int rest(long seconds)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    struct timespec wait = {.tv_sec = seconds};
    sigset_t before;
    sigprocmask(SIG_BLOCK, &set, &before);
    int signal = sigtimedwait(&set, NULL, &wait);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return signal > 0 ? signal : 0;
}

/* Until no task is open, or a signal: its number in *signal; tasks stay in the queue then. */
static int wait_and_collect(struct slurm *s, struct store *store, bool once,
                            struct slurm_collected *out, int *signal, struct err *e)
{
    long poll = slurm_config_count(s->config, "poll");
    bool silent = false;
    int rc = 0;
    *signal = 0;
    while (rc == 0) {
        rc = slurm_collect(s, store, out, e);
        if (rc == 0 && !s->queue && !silent)
            log_warn("the queue cannot be asked: %s", s->silent.text);
        silent = !s->queue;
        if (rc < 0 || !out->open || once)
            break;
        if ((*signal = rest(poll)))
            break;
    }
    return rc;
}

/* For people, on stderr; the exit status. */
static int report(const struct slurm_collected *c, const struct cmd_common *common,
                  const char *recipe, int signal)
{
    char *again = cmd_text_for(common, "collect", NULL);
    char *table = cmd_text_for(common, "table", recipe);
    if (c->failed)
        log_error("%zu %s failed:", c->failed, c->failed == 1 ? "run" : "runs");
    for (size_t i = 0; i < c->failed && i < FAILURES_SHOWN; i++)
        fprintf(stderr, "  %s: %s; log %s; to repeat it: %s\n", c->failures[i].label,
                c->failures[i].reason, c->failures[i].log, c->failures[i].command);
    if (c->failed > FAILURES_SHOWN)
        fprintf(stderr, "  and %zu more\n", c->failed - FAILURES_SHOWN);
    if (c->dropped)
        log_info("%zu tasks did not start: what they need failed, or they were never in the queue",
                 c->dropped);
    log_info("%zu done, %zu failed, %zu cancelled, %zu still in the queue", c->done, c->failed,
             c->cancelled, c->open);
    if (c->open)
        log_info("'%s' reads what they do; the same 'run' waits for them", again);
    else if (recipe && !c->failed && !c->cancelled && !c->dropped)
        log_info("'%s' compares them", table);
    free(table);
    free(again);
    if (common->json)
        cmd_print_json(json_pack("{s:I, s:I, s:I, s:I, s:I}", "done", (json_int_t)c->done, "failed",
                                 (json_int_t)c->failed, "cancelled", (json_int_t)c->cancelled,
                                 "skipped", (json_int_t)c->dropped, "open", (json_int_t)c->open));
    if (signal)
        return 128 + signal;
    return c->failed || c->cancelled || c->dropped ? 1 : 0;
}

/* Row of the code that the tasks will run. */
static int record_revision(struct store *s, const char *runner_sha256, const char *home, bool clean,
                           long *row, struct err *e)
{
    struct revision r;
    revision_read(&r, home);
    if (clean && (!*r.commit || r.dirty)) {
        err_set(e, ERR_MISSING, "'--require-clean': %s",
                *r.commit ? "the tree differs from its commit; commit the change first" : r.note);
        revision_release(&r);
        return e->code;
    }
    char *build = revision_build(&r);
    *row = store_revision(
        s, &(struct store_revision){r.commit, r.dirty, r.diff, runner_sha256, build}, e);
    if (*r.note)
        log_info("%s", r.note);
    free(build);
    revision_release(&r);
    return *row < 0 ? (int)*row : 0;
}

/* What nodes run is a copy in the workspace, which they see and a rebuild does not touch. */
static int submit(const struct slurm_command *o, struct slurm *s, const struct plan *p,
                  struct store *store, const char *workspace, const char *home, struct err *e)
{
    struct slurm_submit sub = {.recipe = o->recipe, .checkpoint_every = o->checkpoint_every};
    char *program = proc_runner(), *runner = NULL, sha256[HASH_HEX];
    const char *configured = json_string_value(json_object_get(s->config, "device"));
    int rc = run_device_elsewhere(&sub.device, o->device, configured, e);
    if (rc == 0)
        rc = freeze_runner(&runner, sha256, workspace, program, e);
    sub.runner = runner;
    if (rc == 0 &&
        (rc = record_revision(store, sha256, home, o->require_clean, &sub.revision, e)) == 0)
        rc = slurm_submit(s, p, store, &sub, e);
    if (rc == 0 && sub.tasks)
        log_info("submitted %zu tasks in %zu arrays", sub.tasks, sub.arrays);
    free(runner);
    free(program);
    return rc;
}

static int check_blocked(const struct slurm_command *o, const struct plan *p, struct err *e)
{
    if (!p->blocked)
        return 0;
    log_warn("%zu of %zu runs cannot run here:", p->blocked, p->n);
    fputs(p->missing->data, stderr);
    if (o->keep_going && p->wanted + p->done > 0)
        return 0;
    return err_set(e, ERR_MISSING,
                   "something is missing for '%s'; --keep-going runs what can be run", o->recipe);
}

/* Of the runs that failed before only those of `again` are wanted, and what waits for them. */
static void leave_lasting(struct plan *p, const json_t *again)
{
    for (size_t i = 0; i < p->n; i++) {
        struct plan_run *r = &p->runs[i];
        if (r->state == PLAN_WANTED && str_starts(r->why, "failed before") &&
            !json_object_get(again, r->id)) {
            r->state = PLAN_BLOCKED;
            p->wanted--;
        }
    }
}

/* The runs of `again` into the queue once more, after a while. */
static int submit_again(const struct slurm_command *o, struct slurm *s, const json_t *again,
                        int try_, struct store *store, const struct roots *roots,
                        const char *workspace, int *signal, struct err *e)
{
    struct plan plan = {0};
    long wait = o->retry_wait << (try_ - 1 < 16 ? try_ - 1 : 16);
    size_t n = json_object_size(again);
    log_info("%zu run%s failed for a reason of the moment; submitted again in %ld s (%d of %d)", n,
             n == 1 ? "" : "s", wait, try_, o->retries);
    if (wait && (*signal = rest(wait)))
        return 0;
    slurm_close(s);
    int rc = plan_load(&plan, o->recipe, roots, store, workspace, e);
    if (rc == 0 && (rc = slurm_run_open(s, workspace, &plan, e)) == 0) {
        leave_lasting(&plan, again);
        if (plan.wanted && (rc = plan_expect(&plan, store, e)) == 0)
            rc = submit(o, s, &plan, store, workspace, roots->home, e);
    }
    plan_release(&plan);
    return rc;
}

/* Wait for the tasks; those that failed for a reason of the moment get another try. */
static int see_through(const struct slurm_command *o, struct slurm *s, struct store *store,
                       const struct roots *roots, const char *workspace,
                       struct slurm_collected *all, int *signal, struct err *e)
{
    for (int try_ = 1;; try_++) {
        int rc = wait_and_collect(s, store, o->submit_only, all, signal, e);
        bool passing = false;
        for (size_t i = 0; i < all->failed; i++)
            passing |= all->failures[i].passing;
        if (rc < 0 || *signal || o->submit_only || !passing || try_ > o->retries)
            return rc;
        json_t *again = slurm_collected_again(all);
        all->dropped = 0; // what waited for them is submitted with them, or dropped again
        rc = submit_again(o, s, again, try_, store, roots, workspace, signal, e);
        json_decref(again);
        if (rc < 0 || *signal)
            return rc;
    }
}

/* With the store open: earlier tasks first, as the plan depends on them. */
static int carry_out(const struct slurm_command *o, struct store *store, const struct roots *roots,
                     const char *workspace, int *status, struct err *e)
{
    struct plan plan = {0};
    struct slurm s = {0};
    struct slurm_collected all = {0};
    int signal = 0, rc;
    if ((rc = slurm_run_open(&s, workspace, NULL, e)) < 0 ||
        (rc = slurm_collect(&s, store, &all, e)) < 0)
        goto out;
    slurm_close(&s);
    if (!o->only_failed)
        all.dropped = 0; // they are wanted still
    if ((rc = plan_load(&plan, o->recipe, roots, store, workspace, e)) < 0 ||
        (rc = check_blocked(o, &plan, e)) < 0 || (rc = slurm_run_open(&s, workspace, &plan, e)) < 0)
        goto out;
    if (o->only_failed)
        plan_keep_failed(&plan);
    if (plan.wanted && ((rc = plan_expect(&plan, store, e)) < 0 ||
                        (rc = submit(o, &s, &plan, store, workspace, roots->home, e)) < 0))
        goto out;
    if ((rc = see_through(o, &s, store, roots, workspace, &all, &signal, e)) < 0)
        goto out;
    *status = report(&all, o->common, o->recipe, signal);
    if (!*status && plan.blocked)
        *status = 1;
out:
    slurm_collected_release(&all);
    slurm_close(&s);
    plan_release(&plan);
    return rc;
}

int slurm_command(const struct slurm_command *o, int *status, struct err *e)
{
    struct roots roots = {0};
    struct store *store = NULL;
    char *workspace = cmd_workspace(o->common), *path = cmd_store_path(o->common);
    int lost, rc;
    if ((rc = roots_open(&roots, o->common->data.items, o->common->data.n, e)) == 0 &&
        (rc = store_open(&store, path, STORE_WRITE, e)) == 0 &&
        (rc = jobfile_folders(workspace, e)) == 0 && (rc = slurm_folders(workspace, e)) == 0 &&
        (rc = store_recover(store, &lost, e)) == 0)
        rc = carry_out(o, store, &roots, workspace, status, e);
    store_close(store);
    roots_release(&roots);
    free(path);
    free(workspace);
    return rc;
}

static int collect(const struct cmd_common *common, int *status, struct err *e)
{
    struct store *store = NULL;
    struct slurm s = {0};
    struct slurm_collected all = {0};
    char *workspace = cmd_workspace(common), *path = cmd_store_path(common);
    int lost, rc = cmd_need_store(path, e);
    if (rc < 0 || (rc = store_open(&store, path, STORE_WRITE, e)) < 0 ||
        (rc = store_recover(store, &lost, e)) < 0 ||
        (rc = slurm_run_open(&s, workspace, NULL, e)) < 0 ||
        (rc = slurm_collect(&s, store, &all, e)) < 0)
        goto out;
    if (!s.queue)
        log_warn("the queue cannot be asked: %s", s.silent.text);
    *status = report(&all, common, NULL, 0);
out:
    slurm_collected_release(&all);
    slurm_close(&s);
    store_close(store);
    free(path);
    free(workspace);
    return rc;
}

int cmd_collect(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int words;
    int status = cmd_options(self, table, argc, argv, &words, 0, 1); // a recipe may be named
    if (status < 0 && collect(&common, &status, &e) < 0)
        status = log_fail(&e);
    free(common.data.items);
    return status;
}
