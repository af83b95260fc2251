/* promptgrid plan: every run of a recipe, whether it will run and why. Runs nothing. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/columns.h"
#include "harness/plan/label.h"
#include "harness/plan/plan.h"
#include "harness/sched/progress.h"
#include "harness/recipe/recipe.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHORT_ID = 12, COLUMNS = 9 };

static const char *const titles[COLUMNS] = {"RUN",  "JOB",        "DATASET", "METHOD", "SHOTS",
                                            "SEED", "PARAMETERS", "STATE",   "WHY"};

/* "-" for what is not picked, or does not train. */
static char *number_cell(int number, int shots)
{
    return shots > 0 ? str_format("%d", number) : mem_strdup("-");
}

/* "train images", "test images", "train picks, fresh views" */
static char *bank_label(const json_t *spec)
{
    const char *part = json_string_value(json_object_get(spec, "part"));
    const char *views = json_string_value(json_object_get(spec, "views"));
    bool picks = str_eq(json_string_value(json_object_get(spec, "cover")), "picks");
    return str_format("%s %s%s%s%s", part, picks ? "picks" : "images",
                      str_eq(views, "none") ? "" : ", ", str_eq(views, "none") ? "" : views,
                      str_eq(views, "none") ? "" : " views");
}

/* The cells of one run; each yours to free(). */
static void fill_row(char **row, const struct plan_run *r, const char *label)
{
    row[0] = *r->id ? mem_strndup(r->id, SHORT_ID) : mem_strdup("-");
    row[1] = mem_strdup(plan_text(r, "job"));
    row[2] = mem_strdup(plan_text(r, "dataset"));
    row[3] = label ? str_visible(label) : bank_label(r->common);
    row[4] = number_cell(r->shots, r->shots);
    row[5] = number_cell(r->seed, r->shots);
    row[6] = r->parameters < 0 ? mem_strdup("-") : str_format("%ld", r->parameters);
    row[7] = mem_strdup(plan_state_names[r->state]);
    row[8] = str_visible(r->why);
}

static void print_runs(const struct plan *p)
{
    static const char *const ignore[] = {"dataset", "source", "shots", "seed", NULL};
    size_t trains = p->n - p->banks;
    const struct grid_run **grid = mem_zero(trains + 1, sizeof *grid);
    for (size_t i = 0; i < trains; i++)
        grid[i] = p->runs[p->banks + i].grid;
    char **labels = labels_rows(grid, trains, ignore);
    char **cells = mem_zero((p->n + 1) * COLUMNS, sizeof *cells);
    for (size_t c = 0; c < COLUMNS; c++)
        cells[c] = mem_strdup(titles[c]);
    for (size_t i = 0; i < p->n; i++)
        fill_row(cells + (i + 1) * COLUMNS, &p->runs[i],
                 i < p->banks ? NULL : labels[i - p->banks]);
    columns_print(cells, p->n + 1, COLUMNS, 4, 6);
    for (size_t i = 0; i < (p->n + 1) * COLUMNS; i++)
        free(cells[i]);
    for (size_t i = 0; i < trains; i++)
        free(labels[i]);
    free(cells);
    free(labels);
    free(grid);
}

/* "12.5 MB" between two texts; nothing when it is not known. */
static void print_size(const char *before, double bytes, const char *after)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (bytes /= 1000; bytes >= 1000 && unit < 3; unit++)
        bytes /= 1000;
    if (bytes > 0)
        printf("%s%.*f %s%s", before, bytes < 10 ? 1 : 0, bytes, units[unit], after);
}

/* "165 runs: 3 done, 162 to do (12 encode, 120 train, 30 eval), 0 blocked; expected 1:20 on 2
 * cores"; nothing is said of evaluations when the plan has none. */
static void print_summary(const struct plan *p)
{
    static const char *const jobs[] = {"encode", "train", "eval"};
    size_t wanted[3] = {0}, evals = 0, unknown = 0;
    double seconds = 0, bytes = 0, memory = 0;
    int cores = thread_cores();
    for (size_t i = 0; i < p->n; i++) {
        evals += str_eq(plan_text(&p->runs[i], "job"), "eval");
        if (p->runs[i].state != PLAN_WANTED)
            continue;
        for (int k = 0; k < 3; k++)
            wanted[k] += str_eq(plan_text(&p->runs[i], "job"), jobs[k]);
        unknown += p->runs[i].seconds <= 0;
        seconds += p->runs[i].seconds;
        bytes += p->runs[i].bytes;
        if (p->runs[i].memory > memory)
            memory = p->runs[i].memory;
    }
    printf("%zu run%s: %zu done, %zu to do (", p->n, p->n == 1 ? "" : "s", p->done, p->wanted);
    for (int k = 0; k < 2 + (evals > 0); k++)
        printf("%s%zu %s", k ? ", " : "", wanted[k], jobs[k]);
    printf("), %zu blocked", p->blocked);
    if (p->wanted && unknown == p->wanted) {
        printf("; time unknown, nothing like it was run before");
    } else if (p->wanted) {
        char text[32];
        progress_seconds(seconds / cores, text);
        printf("; expected %s%s on %d core%s", unknown ? "at least " : "", text, cores,
               cores == 1 ? "" : "s");
        print_size(", ", bytes, " of files");
        print_size(", up to ", memory, " of memory a run");
    }
    putchar('\n');
}

static int plan_print(const struct cmd_common *common, const char *path, struct err *e)
{
    struct roots roots = {0};
    struct store *store = NULL;
    struct plan plan = {0};
    char *workspace = cmd_workspace(common);
    int status = 0, rc;
    if ((rc = roots_open(&roots, common->data.items, common->data.n, e)) < 0 ||
        (rc = cmd_open_store(common, &store, e)) < 0 ||
        (rc = plan_load(&plan, path, &roots, store, workspace, e)) < 0 ||
        (rc = plan_expect(&plan, store, e)) < 0)
        goto out;
    if (common->json) {
        for (size_t i = 0; i < plan.n; i++)
            cmd_print_item(plan_json(&plan, i), i);
        cmd_print_items_end(plan.n);
    } else {
        print_runs(&plan);
        print_summary(&plan);
    }
    if (plan.blocked) {
        fflush(stdout);
        log_error("%zu of %zu runs cannot run here:", plan.blocked, plan.n);
        fputs(plan.missing->data, stderr);
        status = 3;
    }
out:
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(workspace);
    return rc < 0 ? rc : status;
}

int cmd_plan(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        status = plan_print(&common, argv[1], &e);
        if (status < 0)
            status = log_fail(&e);
    }
    free(common.data.items);
    return status;
}
