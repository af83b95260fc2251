/* promptgrid status RECIPE: how far a recipe is, from the plan and the store alone. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/columns.h"
#include "harness/plan/label.h"
#include "harness/plan/plan.h"
#include "harness/sched/progress.h"
#include "harness/recipe/recipe.h"
#include "harness/slurm/slurm.h"
#include "harness/sched/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* States that a run is counted under, each in one of them. "wanted" is the rest: never tried, or
 * lost, or cancelled. */
enum { DONE, WANTED, FAILED, BLOCKED, RUNNING, STATES };
static const char *const state_names[STATES] = {"done", "wanted", "failed", "blocked", "running"};

/* A run that failed the last time, and is wanted. */
struct status_failure {
    const struct plan_run *run;
    struct store_state known;
    char *log;
};

struct status {
    const struct plan *plan;
    int *state; // of each run of the plan
    size_t counts[STATES];
    struct status_failure *failures; // (counts[FAILED])
    size_t capacity;
};

/* The state of a wanted run by its last attempt. */
static int look_up(struct status *s, struct store *store, const struct plan_run *r, int *state,
                   struct err *e)
{
    struct status_failure f = {.run = r};
    int rc = store ? store_state(store, r->id, &f.known, e) : 0;
    *state = str_eq(f.known.state, "running")  ? RUNNING
             : str_eq(f.known.state, "failed") ? FAILED
                                               : WANTED;
    if (rc == 0 && *state == FAILED)
        rc = store_log(store, r->id, &f.log, e);
    if (rc == 0 && *state == FAILED) {
        size_t n = s->counts[FAILED];
        MEM_PUSH(s->failures, n, s->capacity) = f;
    } else {
        store_state_release(&f.known);
    }
    return rc;
}

static int gather(struct status *s, const struct plan *p, struct store *store, struct err *e)
{
    s->plan = p;
    s->state = mem_zero(p->n + 1, sizeof *s->state);
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_run *r = &p->runs[i];
        s->state[i] = r->state == PLAN_DONE ? DONE : BLOCKED;
        if (r->state == PLAN_WANTED && look_up(s, store, r, &s->state[i], e) < 0)
            return e->code;
        s->counts[s->state[i]]++;
    }
    return 0;
}

static void status_release(struct status *s)
{
    for (size_t i = 0; i < s->counts[FAILED]; i++) {
        store_state_release(&s->failures[i].known);
        free(s->failures[i].log);
    }
    free(s->failures);
    free(s->state);
}

/* ---- JSON ---- */

static json_t *failure_json(const struct status_failure *f, const char *label)
{
    const struct store_state *k = &f->known;
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:i}", "run", f->run->id, "label", label, "class",
                     k->class_, "reason", k->reason ? k->reason : "", "log", f->log, "attempts",
                     k->attempts);
}

static json_t *status_json(const struct status *s, const struct labels *labels)
{
    json_t *all =
        json_pack("{s:s, s:I}", "recipe", s->plan->recipe->name, "runs", (json_int_t)s->plan->n);
    json_t *failures = json_array();
    for (int k = 0; k < STATES; k++)
        json_object_set_new(all, state_names[k], json_integer((json_int_t)s->counts[k]));
    for (size_t i = 0; i < s->counts[FAILED]; i++) {
        char *label = labels_run(labels, s->plan, s->failures[i].run);
        json_array_append_new(failures, failure_json(&s->failures[i], label));
        free(label);
    }
    json_object_set_new(all, "failures", failures);
    return all;
}

/* ---- text ---- */

/* What a look may take of a terminal; 0 = no limit. */
struct room {
    size_t rows, columns;
};

/* The grid, where it leaves room for the line of counts. */
static void put_progress(struct str *out, const struct status *s, const struct room *room)
{
    struct tally tally;
    bool *done = mem_zero(s->plan->n + 1, sizeof *done);
    for (size_t i = 0; i < s->plan->n; i++)
        done[i] = s->state[i] == DONE;
    tally_init(&tally, s->plan);
    if (!room->rows || tally_lines(&tally, room->columns) + 2 <= room->rows) {
        tally_put(&tally, done, room->columns, out);
        str_addc(out, '\n');
    }
    tally_release(&tally);
    free(done);
}

static void put_failures(struct str *out, const struct status *s, const struct labels *labels)
{
    for (size_t i = 0; i < s->counts[FAILED]; i++) {
        const struct status_failure *f = &s->failures[i];
        char *label = labels_run(labels, s->plan, f->run);
        char *reason = str_visible(f->known.reason ? f->known.reason : f->known.class_);
        char *log = f->log ? str_visible(f->log) : NULL;
        str_addf(out, "failed: %s: %s%s%s%s\n", label, reason, log ? " (log: " : "", log ? log : "",
                 log ? ")" : "");
        free(log);
        free(reason);
        free(label);
    }
}

/* "slurm: 4 pending, 2 running" */
static void put_queue(struct str *out, json_t *queue)
{
    const char *state;
    json_t *count;
    bool any = false;
    json_object_foreach(queue, state, count)
    {
        str_addf(out, "%s %lld %s", any ? "," : "slurm:", (long long)json_integer_value(count),
                 state);
        any = true;
    }
    if (any)
        str_add(out, json_object_get(queue, "ended")
                         ? "; 'promptgrid collect' reads what has ended\n"
                         : "\n");
}

static void status_text(struct str *out, const struct status *s, const struct labels *labels,
                        const struct room *room)
{
    put_progress(out, s, room);
    str_addf(out, "%zu run%s, %zu of them banks of features:", s->plan->n,
             s->plan->n == 1 ? "" : "s", s->plan->banks);
    for (int k = 0; k < STATES; k++)
        if (s->counts[k] || k == DONE)
            str_addf(out, "%s %zu %s", k ? "," : "", s->counts[k], state_names[k]);
    str_addc(out, '\n');
    put_failures(out, s, labels);
}

/* One look: the text, or with --json the object. *open: runs are still
 * to come or at work. */
static int look(const struct cmd_common *common, const char *path, const struct room *room,
                struct str *out, bool *open, struct err *e)
{
    struct roots roots = {0};
    struct plan plan = {0};
    struct store *store = NULL;
    struct status s = {0};
    struct labels labels = {0};
    json_t *queue = NULL;
    char *workspace = cmd_workspace(common);
    int rc;
    if ((rc = roots_open(&roots, common->data.items, common->data.n, e)) < 0 ||
        (rc = cmd_open_store(common, &store, e)) < 0 || (rc = store_snapshot(store, 0, e)) < 0 ||
        (rc = plan_load(&plan, path, &roots, store, workspace, e)) < 0 ||
        (rc = gather(&s, &plan, store, e)) < 0)
        goto out;
    labels_init(&labels, &plan);
    if (store && (rc = slurm_counts(workspace, store, &queue, e)) < 0)
        goto out;
    if (common->json) {
        json_t *all = status_json(&s, &labels);
        if (queue)
            json_object_set(all, "slurm", queue);
        cmd_print_json(all);
    } else {
        status_text(out, &s, &labels, room);
        put_queue(out, queue);
    }
    *open = s.counts[WANTED] + s.counts[RUNNING] > 0;
    rc = s.counts[FAILED] > 0;
out:
    json_decref(queue);
    labels_release(&labels);
    status_release(&s);
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(workspace);
    return rc;
}

static int show(const struct cmd_common *common, const char *path, struct err *e)
{
    struct str out = STR_INIT;
    bool open;
    const struct room room = {.columns = (size_t)columns_terminal(0)};
    int rc = look(common, path, &room, &out, &open, e);
    fputs(out.data, stdout);
    str_release(&out);
    return rc;
}

/* Look again and again while another process works: rewritten in place on a terminal, elsewhere
 * printed again where something has changed. Ends when nothing is left to come. */
static int watch(const struct cmd_common *common, const char *path, struct err *e)
{
    static const struct timespec pause = {1, 0};
    struct progress screen;
    char *last = mem_strdup("");
    bool open = true;
    int rc = 0;
    progress_init(&screen);
    while (open && rc >= 0) {
        struct str out = STR_INIT;
        struct room room;
        progress_room(&screen, &room.rows, &room.columns);
        rc = look(common, path, &room, &out, &open, e);
        bool changed = rc >= 0 && !str_eq(out.data, last);
        if (rc >= 0 && screen.live && open)
            progress_draw(&screen, out.data);
        else if (changed)
            progress_hide(&screen);
        if (changed && (!screen.live || !open)) {
            fputs(out.data, stdout);
            fflush(stdout);
        }
        free(last);
        last = str_detach(&out);
        if (open && rc >= 0)
            nanosleep(&pause, NULL);
    }
    progress_hide(&screen);
    progress_release(&screen);
    free(last);
    return rc;
}

int cmd_status(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    bool watching = false;
    const struct opt table[] = {
        CMD_COMMON(common),
        {"watch", OPT_FLAG, &watching, NULL, "look again every second until all is done"},
        {0},
    };
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0 && watching && common.json) {
        err_set(&e, ERR_USAGE, "'--watch' shows text; leave out '--json'");
        status = log_fail(&e);
    }
    if (status < 0) {
        status = watching ? watch(&common, argv[1], &e) : show(&common, argv[1], &e);
        if (status < 0)
            status = log_fail(&e);
    }
    free(common.data.items);
    return status;
}
