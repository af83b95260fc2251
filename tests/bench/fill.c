/*
 * A store full of runs that nobody trained: `fill RECIPE WORKSPACE [EPOCHS]` records a made-up
 * result for every run of the recipe, with a curve of so many epochs (4), through the same calls as
 * the scheduler. All of it follows from the ids, so the same recipe gives the same numbers. Of the
 * training runs each 997th is left out, each 499th fails, each 301st failed once before it was
 * done.
 */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/split.h"
#include "harness/plan/plan.h"
#include "harness/recipe/recipe.h"
#include "results/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MISSING = 997, FAILED = 499, REPEATED = 301 };

struct filling {
    struct store *store;
    long revision, machine;
    const struct plan *plan;
    struct split *splits; // of dataset_rows, loaded when first needed
    const struct roots *roots;
    long epochs;
};

/* 0..1, from the run's id and what it is for. */
static double fraction(const char *run, const char *what)
{
    char hex[HASH_HEX], *text = str_format("%s %s", run, what);
    hash_bytes(hex, text, strlen(text));
    free(text);
    hex[8] = 0;
    return (double)strtoul(hex, NULL, 16) / 4294967296.0;
}

static void add(json_t *events, json_t *event)
{
    BUG_IF(!event);
    json_array_append_new(events, event);
}

static const struct split *split_of(struct filling *f, const char *dataset, struct err *e)
{
    const struct dataset_row *row = dataset_find(dataset);
    struct split *split = &f->splits[row - dataset_rows];
    char *folder = NULL;
    if (!split->classes &&
        (roots_dataset(f->roots, row, &folder, e) < 0 || split_load(split, row, folder, e) < 0))
        split = NULL;
    free(folder);
    return split;
}

/* About `percent` of the part's test images right, in the order of the split. */
static json_t *predictions(const struct split *split, const char *part, double percent)
{
    int half = split_base_classes(split->classes);
    int first = str_eq(part, "new") ? half : 0, last = str_eq(part, "base") ? half : split->classes;
    json_t *labels = json_array();
    for (size_t i = 0; i < split->part[SPLIT_TEST].n; i++) {
        int label = split->part[SPLIT_TEST].items[i].label;
        if (label < first || label >= last)
            continue;
        bool right = (double)(i * 37 % 100) < percent;
        json_array_append_new(labels,
                              json_integer(right ? label : first + (int)(i % 7) % (last - first)));
    }
    return labels;
}

static void add_part(json_t *events, const struct split *split, const char *run, const char *part)
{
    double accuracy = 50 + 40 * fraction(run, part);
    add(events, json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split", part, "name",
                          "accuracy", "value", accuracy));
    add(events, json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split", part, "name",
                          "macro_f1", "value", accuracy * 0.97));
    add(events, json_pack("{s:s, s:s, s:o}", "event", "prediction", "split", part, "labels",
                          predictions(split, part, accuracy)));
}

static void add_epochs(json_t *events, const char *run, long epochs)
{
    double start = fraction(run, "loss");
    for (int i = 0; i < epochs; i++) {
        double left = (1 + start) / (1 + i);
        add(events, json_pack("{s:s, s:i, s:f, s:f, s:f, s:[f,f,f,f], s:f, s:f, s:[f,f,f,f]}",
                              "event", "epoch", "epoch", i, "loss", left, "lr", 0.002 * left,
                              "accuracy", 90 - 20 * left, "singular", 0.9 + start, 0.4, 0.2,
                              0.1 * left, "effective_rank", 1 + 3 / (1 + left), "nuclear",
                              1.6 + start, "energy", 0.8, 0.9, 0.95, 1.0));
    }
}

/* What a runner would have said. */
static int make_events(struct filling *f, const struct plan_run *r, json_t **out, struct err *e)
{
    bool bank = str_eq(plan_text(r, "job"), "encode");
    char hash[HASH_HEX], *path = str_format("/made/up/%s", r->id);
    json_t *events = *out = json_array();
    hash_bytes(hash, path, strlen(path));
    add(events, json_pack("{s:s, s:{s:s}, s:s, s:i}", "event", "start", "runner", "version",
                          "made up", "device", "none", "threads", 1));
    if (!bank) {
        const struct split *split = split_of(f, plan_text(r, "dataset"), e);
        if (!split)
            return e->code;
        bool halves = str_eq(plan_text(r, "protocol"), "base-to-new");
        add_epochs(events, r->id, f->epochs);
        add_part(events, split, r->id, halves ? "base" : "test");
        if (halves)
            add_part(events, split, r->id, "new");
    }
    add(events, json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind",
                          bank ? "bank" : "prompt", "path", path, "sha256", hash));
    add(events, json_pack("{s:s, s:f, s:i, s:i}", "event", "usage", "seconds",
                          10 * fraction(r->id, "seconds"), "memory", 60 << 20, "bytes", 1 << 15));
    free(path);
    return 0;
}

static int record_run(struct filling *f, const struct plan_run *r, struct err *e)
{
    json_t *spec = plan_spec(f->plan, r);
    int rc = store_run(f->store, r->id, spec, e);
    json_decref(spec);
    return rc;
}

static int begin(struct filling *f, const struct plan_run *r, int *n, struct err *e)
{
    char *command = str_format("/made/up/promptgrid-runner run /made/up/jobs/%s.json", r->id);
    char *log = str_format("/made/up/logs/%s.log", r->id);
    int rc = store_begin(f->store, r->id, f->revision, f->machine, command, log, n, e);
    free(log);
    free(command);
    return rc;
}

static int fill_run(struct filling *f, size_t i, struct err *e)
{
    const struct plan_run *r = &f->plan->runs[i];
    bool train = i >= f->plan->banks;
    int n, rc;
    if (train && i % MISSING == 0)
        return 0;
    if ((rc = record_run(f, r, e)) < 0 || (rc = begin(f, r, &n, e)) < 0)
        return rc;
    if (train && (i % FAILED == 0 || i % REPEATED == 0)) {
        rc = store_failed(f->store, r->id, n, "failed", "numeric", "loss is not finite in epoch 3",
                          e);
        if (rc < 0 || i % FAILED == 0 || (rc = begin(f, r, &n, e)) < 0)
            return rc;
    }
    json_t *events;
    rc = make_events(f, r, &events, e);
    if (rc == 0)
        rc = store_done(f->store, r->id, n, events, e);
    json_decref(events);
    return rc;
}

static int fill(const char *recipe, const char *workspace, long epochs, struct err *e)
{
    struct roots roots = {0};
    struct plan plan = {0};
    struct filling f = {.plan = &plan, .roots = &roots, .epochs = epochs};
    char *path = str_format("%s/promptgrid.sqlite", workspace);
    json_t *machine = json_pack("{s:s}", "cpu", "none");
    int rc = roots_open(&roots, NULL, 0, e);
    f.splits = mem_zero(dataset_rows_count(), sizeof *f.splits);
    if (rc < 0 || (rc = plan_load(&plan, recipe, &roots, NULL, workspace, e)) < 0 ||
        (rc = store_open(&f.store, path, STORE_WRITE, e)) < 0)
        goto out;
    f.revision = store_revision(f.store, &(struct store_revision){"", false, "", "", "made up"}, e);
    f.machine = f.revision < 0 ? f.revision : store_machine(f.store, machine, e);
    rc = f.machine < 0 ? (int)f.machine : 0;
    for (size_t i = 0; i < plan.n && rc == 0; i++)
        rc = fill_run(&f, i, e);
out:
    for (size_t i = 0; i < dataset_rows_count(); i++)
        if (f.splits[i].classes)
            split_release(&f.splits[i]);
    free(f.splits);
    json_decref(machine);
    store_close(f.store);
    plan_release(&plan);
    roots_release(&roots);
    free(path);
    return rc;
}

int main(int argc, char **argv)
{
    struct err e = {0};
    long epochs = 4;
    if (argc < 3 || argc > 4 || (argc == 4 && !str_to_long(argv[3], 0, 1000, &epochs))) {
        fprintf(stderr, "usage: fill RECIPE WORKSPACE [EPOCHS]\n");
        return 2;
    }
    if (fill(argv[1], argv[2], epochs, &e) < 0) {
        fprintf(stderr, "fill: %s\n", e.text);
        return 1;
    }
    return 0;
}
