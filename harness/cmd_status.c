/* promptgrid status RECIPE: how far a recipe is, from the plan and the store alone. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "harness/cmd.h"
#include "harness/label.h"
#include "harness/plan.h"
#include "harness/recipe.h"
#include "harness/table_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* States that a run is counted under, each in one of them. "wanted" is the rest: never tried, or
 * lost, or cancelled. */
enum { DONE, WANTED, FAILED, BLOCKED, RUNNING, STATES };
static const char *const state_names[STATES] = {"done", "wanted", "failed", "blocked", "running"};

struct status {
    const struct plan *plan;
    int *state;                // of each run of the plan
    struct store_state *known; // what the store says of it
    size_t counts[STATES];
};

static int gather(struct status *s, const struct plan *p, struct store *store, struct err *e)
{
    s->plan = p;
    s->state = mem_zero(p->n + 1, sizeof *s->state);
    s->known = mem_zero(p->n + 1, sizeof *s->known);
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_run *r = &p->runs[i];
        if (store && *r->id && store_state(store, r->id, &s->known[i], e) < 0)
            return e->code;
        const char *last = s->known[i].state;
        s->state[i] = r->state == PLAN_DONE      ? DONE
                      : r->state == PLAN_BLOCKED ? BLOCKED
                      : str_eq(last, "running")  ? RUNNING
                      : str_eq(last, "failed")   ? FAILED
                                                 : WANTED;
        s->counts[s->state[i]]++;
    }
    return 0;
}

static void status_release(struct status *s)
{
    for (size_t i = 0; s->known && i < s->plan->n; i++)
        store_state_release(&s->known[i]);
    free(s->known);
    free(s->state);
}

/* ---- JSON ---- */

static json_t *failure_json(const struct plan_run *r, const struct store_state *k,
                            const char *label)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:i}", "run", r->id, "label", label, "class",
                     k->class_, "reason", k->reason ? k->reason : "", "log", k->log, "attempts",
                     k->attempts);
}

static json_t *status_json(const struct status *s, const struct labels *labels)
{
    json_t *all =
        json_pack("{s:s, s:I}", "recipe", s->plan->recipe->name, "runs", (json_int_t)s->plan->n);
    json_t *failures = json_array();
    for (int k = 0; k < STATES; k++)
        json_object_set_new(all, state_names[k], json_integer((json_int_t)s->counts[k]));
    for (size_t i = 0; i < s->plan->n; i++) {
        if (s->state[i] != FAILED)
            continue;
        char *label = labels_text(labels, s->plan->runs[i].spec);
        json_array_append_new(failures, failure_json(&s->plan->runs[i], &s->known[i], label));
        free(label);
    }
    json_object_set_new(all, "failures", failures);
    return all;
}

/* ---- text ---- */

/* Distinct texts in order of appearance. */
struct axis {
    const char **names; // borrowed
    size_t n, capacity;
};

static size_t axis_index(struct axis *a, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (str_eq(a->names[i], name))
            return i;
    MEM_PUSH(a->names, a->n, a->capacity) = name;
    return a->n - 1;
}

static const char *dataset_label(const char *name)
{
    const struct dataset_row *row = dataset_find(name);
    return row ? row->label : name;
}

static void put_line(struct str *out, const char *first, size_t width, char *const *cells,
                     const size_t *widths, size_t n)
{
    str_add(out, first);
    str_pad(out, width - str_columns(first), ' ');
    for (size_t c = 0; c < n; c++) {
        str_pad(out, 2 + widths[c] - str_columns(cells[c]), ' ');
        str_add(out, cells[c]);
    }
    str_addc(out, '\n');
}

/* counts[d][m][0] done of counts[d][m][1], as a table of datasets x methods. */
static void put_counts(struct str *out, const struct axis *datasets, const struct axis *methods,
                       size_t (*counts)[2])
{
    size_t first = 0, *widths = mem_zero(methods->n + 1, sizeof *widths);
    char **cells = mem_zero(methods->n + 1, sizeof *cells);
    for (size_t d = 0; d < datasets->n; d++)
        if (str_columns(datasets->names[d]) > first)
            first = str_columns(datasets->names[d]);
    for (size_t m = 0; m < methods->n; m++) {
        size_t label = str_columns(methods->names[m]);
        widths[m] = label > 9 ? label : 9; // "9999/9999"
        cells[m] = (char *)methods->names[m];
    }
    put_line(out, "", first, cells, widths, methods->n);
    for (size_t d = 0; d < datasets->n; d++) {
        for (size_t m = 0; m < methods->n; m++) {
            const size_t *count = counts[d * methods->n + m];
            cells[m] = count[1] ? str_format("%zu/%zu", count[0], count[1]) : mem_strdup("-");
        }
        put_line(out, datasets->names[d], first, cells, widths, methods->n);
        for (size_t m = 0; m < methods->n; m++)
            free(cells[m]);
    }
    free(cells);
    free(widths);
}

static void put_progress(struct str *out, const struct status *s)
{
    static const char *const ignore[] = {"shots", "seed", "protocol", NULL};
    const struct plan *p = s->plan;
    size_t n = p->recipe->n;
    struct axis datasets = {0}, methods = {0};
    const struct grid_run **grid = mem_zero(n + 1, sizeof *grid);
    for (size_t i = 0; i < n; i++)
        grid[i] = &p->recipe->runs[i];
    static const char *const columns[] = {"dataset", "shots", NULL};
    char **labels = table_row_labels(grid, n, columns, ignore);
    for (size_t i = 0; i < n; i++) {
        axis_index(&datasets, dataset_label(grid[i]->dataset));
        axis_index(&methods, labels[i]);
    }
    size_t(*counts)[2] = mem_zero(datasets.n * methods.n + 1, sizeof *counts);
    for (size_t i = 0; i < n; i++) {
        size_t d = axis_index(&datasets, dataset_label(grid[i]->dataset));
        size_t *count = counts[d * methods.n + axis_index(&methods, labels[i])];
        count[0] += s->state[p->of[i]] == DONE;
        count[1]++;
    }
    put_counts(out, &datasets, &methods, counts);
    for (size_t i = 0; i < n; i++)
        free(labels[i]);
    free(labels);
    free(counts);
    free(datasets.names);
    free(methods.names);
    free(grid);
}

static void put_failures(struct str *out, const struct status *s, const struct labels *labels)
{
    for (size_t i = 0; i < s->plan->n; i++) {
        if (s->state[i] != FAILED)
            continue;
        const struct store_state *k = &s->known[i];
        char *label = labels_text(labels, s->plan->runs[i].spec);
        char *reason = str_visible(k->reason ? k->reason : k->class_);
        char *log = k->log ? str_visible(k->log) : NULL;
        str_addf(out, "failed: %s: %s%s%s%s\n", label, reason, log ? " (log: " : "", log ? log : "",
                 log ? ")" : "");
        free(log);
        free(reason);
        free(label);
    }
}

static void status_text(struct str *out, const struct status *s, const struct labels *labels)
{
    put_progress(out, s);
    str_addf(out, "\n%zu run%s, %zu of them banks of features:", s->plan->n,
             s->plan->n == 1 ? "" : "s", s->plan->banks);
    for (int k = 0; k < STATES; k++)
        if (s->counts[k] || k == DONE)
            str_addf(out, "%s %zu %s", k ? "," : "", s->counts[k], state_names[k]);
    str_addc(out, '\n');
    put_failures(out, s, labels);
}

static int show(const struct cmd_common *common, const char *path, struct err *e)
{
    struct roots roots = {0};
    struct plan plan = {0};
    struct store *store = NULL;
    struct status s = {0};
    struct labels labels = {0};
    struct str out = STR_INIT;
    char *workspace = cmd_workspace(common);
    int rc;
    if ((rc = roots_open(&roots, common->data.items, common->data.n, e)) < 0 ||
        (rc = cmd_open_store(common, &store, e)) < 0 ||
        (rc = plan_load(&plan, path, &roots, store, workspace, e)) < 0 ||
        (rc = gather(&s, &plan, store, e)) < 0)
        goto out;
    labels_init(&labels, &plan);
    if (common->json) {
        cmd_print_json(status_json(&s, &labels));
    } else {
        status_text(&out, &s, &labels);
        fputs(out.data, stdout);
    }
    rc = s.counts[FAILED] > 0;
out:
    str_release(&out);
    labels_release(&labels);
    status_release(&s);
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(workspace);
    return rc;
}

int cmd_status(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        status = show(&common, argv[1], &e);
        if (status < 0)
            status = cmd_fail(&e);
    }
    free(common.data.items);
    return status;
}
