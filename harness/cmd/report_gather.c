/* See report_gather.h. */
#include "harness/cmd/report_gather.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "harness/show/figure_draw.h"
#include "harness/plan/label.h"
#include "results/store_origin.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 1 << 20, SVG_LIMIT = 16 << 20 };

/* ---- runs ---- */

static int add_failure(json_t *failures, struct store *store, const struct plan *plan,
                       const struct plan_run *run, const struct store_state *state,
                       const struct labels *labels, struct err *e)
{
    char *log, *label = labels_run(labels, plan, run);
    int rc = store_log(store, run->id, &log, e);
    json_t *failure =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "run", run->id, "label", label, "class",
                  state->class_, "reason", state->reason ? state->reason : "", "attempts",
                  state->attempts, "log", rc == 0 && log ? log : "");
    json_array_append_new(failures, failure);
    free(log);
    free(label);
    return rc;
}

static int count_runs(struct report_data *d, struct err *e)
{
    const struct plan *plan = &d->files.plan;
    struct report *r = &d->report;
    struct labels labels;
    int rc = 0;
    labels_init(&labels, plan);
    r->failures = json_array();
    r->runs = plan->n;
    for (size_t i = 0; i < plan->n && rc == 0; i++) {
        const struct plan_run *run = &plan->runs[i];
        struct store_state state = {0};
        r->done += run->state == PLAN_DONE;
        r->blocked += run->state == PLAN_BLOCKED;
        if (run->state != PLAN_WANTED)
            continue;
        rc = d->files.store ? store_state(d->files.store, run->id, &state, e) : 0;
        bool failed = rc == 0 && str_eq(state.state, "failed");
        if (failed)
            rc = add_failure(r->failures, d->files.store, plan, run, &state, &labels, e);
        r->failed += failed;
        r->wanted += !failed;
        store_state_release(&state);
    }
    labels_release(&labels);
    return rc;
}

static int read_origins(struct report_data *d, struct err *e)
{
    const struct plan *plan = &d->files.plan;
    const char **done = mem_alloc(plan->n + 1, sizeof *done);
    size_t n = 0;
    int rc = 0;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->runs[i].state == PLAN_DONE)
            done[n++] = plan->runs[i].id;
    if (d->files.store)
        rc = store_origins(d->files.store, done, n, &d->report.origins, e);
    free(done);
    return rc;
}

/* Hashes of what the runs read, each once: {what, name, sha256}. */
static void list_inputs(struct report_data *d)
{
    static const struct {
        const char *what, *name, *hash;
    } kinds[] = {{"weights", "backbone", "weights"},
                 {"split", "dataset", "split"},
                 {"tokens", "backbone", "bpe"}};
    const struct plan *plan = &d->files.plan;
    json_t *seen = json_object();
    d->report.inputs = json_array();
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t i = 0; i < plan->n; i++) {
            const json_t *spec = plan->runs[i].common;
            const char *name = json_string_value(json_object_get(spec, kinds[k].name));
            const char *hash = json_string_value(json_object_get(spec, kinds[k].hash));
            if (!name || !hash)
                continue;
            char *key = str_format("%s %s %s", kinds[k].what, name, hash);
            if (!json_object_get(seen, key))
                json_array_append_new(d->report.inputs,
                                      json_pack("{s:s, s:s, s:s}", "what", kinds[k].what, "name",
                                                name, "sha256", hash));
            json_object_set_new(seen, key, json_true());
            free(key);
        }
    json_decref(seen);
}

/* ---- tables ---- */

static int build_tables(struct report_data *d, const char *command, struct err *e)
{
    const struct recipe *r = d->files.plan.recipe;
    int rc = 0;
    d->report.tables = mem_zero(r->n_tables + 1, sizeof *d->report.tables);
    for (size_t i = 0; i < r->n_tables && rc == 0; i++) {
        struct table_options o = table_files_options(&d->files, &r->tables[i]);
        struct str html = STR_INIT, latex = STR_INIT;
        struct table *t;
        o.command = command;
        o.against_published = !o.delta;
        rc = table_files_build(&t, &d->files, &r->tables[i], NULL, &o, e);
        if (rc < 0 || !t)
            continue;
        rc = table_format(t, "html", 0, &html, e);
        if (rc == 0)
            rc = table_format(t, "latex", 0, &latex, e);
        table_free(t);
        d->report.tables[d->report.n_tables++] = (struct report_table){
            mem_strdup(r->tables[i].name), str_detach(&html), str_detach(&latex)};
    }
    return rc;
}

/* ---- figures ---- */

static struct report_figure *push_figure(struct report_data *d, const char *name, const char *title)
{
    struct report *r = &d->report;
    r->figures = mem_grow(r->figures, r->n_figures + 1, sizeof *r->figures);
    struct report_figure *f = &r->figures[r->n_figures++];
    *f = (struct report_figure){.name = mem_strdup(name), .title = mem_strdup(title)};
    return f;
}

/* Every drawn picture of a block; one entry that says why when there is none. */
static int draw_figure(struct report_data *d, const struct recipe_figure *f, const char *folder,
                       struct err *e)
{
    json_t *paths = json_array(), *path;
    size_t i, drawn = 0;
    int rc = figure_draw(&d->files.plan, f, &d->files.roots, d->files.store, d->files.own, folder,
                         paths, e);
    if (rc < 0 && rc != ERR_MISSING && rc != ERR_SYS) {
        json_decref(paths);
        return rc;
    }
    json_array_foreach(paths, i, path)
    {
        const char *name = json_string_value(path);
        if (!str_ends(name, ".svg"))
            continue;
        char *stem = mem_strndup(fs_base(name), strlen(fs_base(name)) - strlen(".svg"));
        struct report_figure *out = push_figure(d, stem, f->title ? f->title : "");
        struct err ignored = {0};
        if (fs_read(&out->svg, NULL, name, SVG_LIMIT, &ignored) < 0)
            out->why = mem_strdup(ignored.text);
        out->files = str_format("%s/%s.{pdf,svg,png,tsv,gp}", folder, stem);
        drawn++;
        free(stem);
    }
    json_decref(paths);
    if (!drawn) {
        struct report_figure *out = push_figure(d, f->name, f->title ? f->title : "");
        out->why = mem_strdup(rc < 0 ? e->text : "none of its runs is done");
        if (rc < 0)
            log_warn("%s", e->text);
        d->undrawn++;
    }
    *e = (struct err){0};
    return 0;
}

/* ---- all ---- */

static json_t *commands_json(const struct cmd_common *common, const char *recipe,
                             const char *command)
{
    char *run = cmd_text_for(common, "run", recipe), *plot = cmd_text_for(common, "plot", recipe);
    char *plain = cmd_text_for(common, "table", recipe);
    char *table = str_format("%s --format latex", plain);
    json_t *all =
        json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}, {s:s, s:s}]", "command", run, "about",
                  "runs what is missing; the same command again goes on", "command", table, "about",
                  "the tables, for a paper", "command", plot, "about",
                  "the figures as PDF, SVG and PNG", "command", command, "about", "this page");
    free(run);
    free(plain);
    free(table);
    free(plot);
    return all;
}

int report_gather(struct report_data *d, const struct cmd_common *common, const char *recipe,
                  const char *folder, const char *command, struct err *e)
{
    int rc;
    *d = (struct report_data){0};
    if ((rc = table_files_open(&d->files, common, recipe, e)) < 0 ||
        (rc = fs_read(&d->text, NULL, recipe, TEXT_LIMIT, e)) < 0)
        return rc;
    const struct recipe *r = d->files.plan.recipe;
    d->report.name = r->name;
    d->report.about = r->about;
    d->report.path = recipe;
    d->report.text = d->text;
    d->report.sha256 = r->sha256;
    d->report.missing = d->files.plan.missing ? d->files.plan.missing->data : "";
    d->report.commands = commands_json(common, recipe, command);
    list_inputs(d);
    if ((rc = count_runs(d, e)) < 0 || (rc = read_origins(d, e)) < 0 ||
        (rc = build_tables(d, command, e)) < 0)
        return rc;
    for (size_t i = 0; i < r->n_figures && rc == 0; i++)
        rc = draw_figure(d, &r->figures[i], folder, e);
    return rc;
}

void report_release(struct report_data *d)
{
    struct report *r = &d->report;
    for (size_t i = 0; i < r->n_tables; i++) {
        free(r->tables[i].name);
        free(r->tables[i].html);
        free(r->tables[i].latex);
    }
    for (size_t i = 0; i < r->n_figures; i++) {
        free(r->figures[i].name);
        free(r->figures[i].title);
        free(r->figures[i].svg);
        free(r->figures[i].why);
        free(r->figures[i].files);
    }
    free(r->tables);
    free(r->figures);
    json_decref(r->failures);
    json_decref(r->origins);
    json_decref(r->inputs);
    json_decref(r->commands);
    free(d->text);
    table_files_release(&d->files);
}
