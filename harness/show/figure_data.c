/* See figure_data.h. */
#include "harness/show/figure_data.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/split.h"
#include "harness/show/published.h"
#include "results/stats.h"
#include "results/store_curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- runs ---- */

static void read_metrics(struct figure_run *run, const struct store_result *result)
{
    for (int v = 0; v < FIGURE_VALUES; v++) {
        const struct figure_value_row *row = &figure_values[v];
        for (size_t i = 0; row->split && i < result->n; i++)
            if (str_eq(result->metrics[i].split, row->split) &&
                str_eq(result->metrics[i].name, row->stored))
                run->values[v] = row->scale * result->metrics[i].value;
    }
    run->values[VALUE_H] = stats_harmonic(run->values[VALUE_BASE], run->values[VALUE_NEW]);
}

/* The code behind the numbers, each once: "code 0123456789ab with uncommitted changes". */
static int add_code(struct str *out, struct store *store, long revision, struct err *e)
{
    struct store_code code;
    int rc = revision > 0 ? store_code(store, revision, &code, e) : 0;
    if (rc < 0 || revision <= 0)
        return rc;
    char *text = str_format("code %.12s%s\n", *code.commit ? code.commit : "unknown",
                            code.dirty ? " with uncommitted changes" : "");
    if (!strstr(out->data, text))
        str_add(out, text);
    free(text);
    return 0;
}

static int read_done(struct figure_data *d, struct figure_run *run, const char *id,
                     struct store *store, bool curve, struct str *code, struct err *e)
{
    struct store_result result;
    json_t *epochs = NULL;
    int rc = store_result(store, id, &result, e);
    if (rc < 0)
        return rc;
    read_metrics(run, &result);
    rc = add_code(code, store, result.revision, e);
    store_result_release(&result);
    if (rc == 0 && curve && (rc = store_curve(store, id, &epochs, e)) == 0) {
        json_array_append_new(d->curves, epochs);
        run->curve = epochs;
    }
    return rc;
}

/* ---- predictions ---- */

/* The split of a dataset, loaded once. */
static int find_split(struct figure_data *d, const struct roots *roots, const char *dataset,
                      const struct split **out, struct err *e)
{
    const struct dataset_row *row = dataset_find(dataset);
    char *folder = NULL;
    size_t i = 0;
    while (i < d->n_splits && d->split_rows[i] != row)
        i++;
    if (i == d->n_splits) {
        int rc = row ? roots_dataset(roots, row, &folder, e)
                     : err_set(e, ERR_MISSING, "unknown dataset '%s'", dataset);
        if (rc == 0)
            rc = split_load(&d->splits[i], row, folder, e);
        free(folder);
        if (rc < 0)
            return rc;
        d->split_rows[d->n_splits++] = row;
    }
    *out = &d->splits[i];
    return 0;
}

/* True classes of the part's test images, in the order of the split. */
static int *part_truth(const struct split *s, const char *part, size_t *n)
{
    const struct split_list *test = &s->part[SPLIT_TEST];
    int base = split_base_classes(s->classes), *truth = mem_alloc(test->n + 1, sizeof *truth);
    *n = 0;
    for (size_t i = 0; i < test->n; i++) {
        int label = test->items[i].label;
        bool here = str_eq(part, "base") ? label < base : !str_eq(part, "new") || label >= base;
        if (here)
            truth[(*n)++] = label;
    }
    return truth;
}

static int read_predictions(struct figure_data *d, struct figure_run *run, const char *id,
                            const char *part, const struct roots *roots, struct store *store,
                            struct err *e)
{
    struct figure_predictions p = {0};
    const struct split *split;
    size_t n = 0;
    int rc = store_predictions(store, id, part, &p.predicted, &p.n, e);
    if (rc <= 0)
        return rc;
    rc = find_split(d, roots, run->run->dataset, &split, e);
    if (rc == 0) {
        p.truth = part_truth(split, part, &n);
        p.classes = split->names;
        p.n_classes = (size_t)split->classes;
        for (size_t i = 0; i < p.n && i < n; i++)
            if (p.predicted[i] < 0 || p.predicted[i] >= split->classes)
                n = p.n + 1; // not of this split either
        if (n != p.n)
            rc = err_set(e, ERR_CORRUPT,
                         "the predictions of run '%.12s' do not fit the test images of '%s'", id,
                         run->run->dataset);
    }
    if (rc < 0) {
        free(p.predicted);
        free(p.truth);
        return rc;
    }
    d->predictions[d->n_predictions] = p;
    run->predictions = &d->predictions[d->n_predictions++];
    return 0;
}

/* ---- all ---- */

static const char *spread_words(const struct recipe_figure *f)
{
    return str_eq(f->band, "deviation") ? "sample standard deviation over seeds"
           : str_eq(f->band, "none")    ? "not shown"
                                        : "half of Student's 95 % interval over seeds";
}

int figure_data_read(struct figure_data *d, const struct plan *plan, const struct recipe_figure *f,
                     const struct roots *roots, struct store *store, const char *own, struct err *e)
{
    const struct recipe *r = plan->recipe;
    const struct figure_kind *kind = figure_kind_find(f->kind);
    struct str code = STR_INIT;
    int rc = 0, part = figure_value_find(f->metrics[0]);
    *d = (struct figure_data){.caption = STR_INIT, .curves = json_array()};
    d->runs = mem_zero(r->n + 1, sizeof *d->runs);
    d->predictions = mem_zero(r->n + 1, sizeof *d->predictions);
    d->splits = mem_zero(r->n + 1, sizeof *d->splits);
    d->split_rows = mem_zero(r->n + 1, sizeof(struct dataset_row *));
    for (size_t i = 0; i < r->n && rc == 0; i++) {
        const struct plan_run *run = &plan->runs[plan->of[i]];
        if (!grid_run_matches(&r->runs[i], f->where))
            continue;
        struct figure_run *out = &d->runs[d->n++];
        *out = (struct figure_run){.run = &r->runs[i], .parameters = run->parameters};
        if (run->needs[NEED_PROMPT] >= 0) // an evaluation: of what was trained
            out->parameters = plan->runs[run->needs[NEED_PROMPT]].parameters;
        for (int v = 0; v < FIGURE_VALUES; v++)
            out->values[v] = NAN;
        if (run->state != PLAN_DONE || !store)
            continue;
        d->done++;
        rc = read_done(d, out, run->id, store, kind->epochs, &code, e);
        if (rc == 0 && kind->predictions && figure_values[part].split)
            rc = read_predictions(d, out, run->id, figure_values[part].split, roots, store, e);
    }
    if (rc == 0 && (kind->takes & FIGURE_PUBLISHED) && !str_eq(f->published, "false")) {
        char *folder = published_folder(roots->home);
        rc = baselines_load(&d->published, folder, e);
        if (rc == 0)
            rc = baselines_load_own(&d->published, own, e);
        d->has_published = rc == 0;
        free(folder);
    }
    str_addf(&d->caption,
             "recipe %s, text %.12s; %zu of %zu runs done\n%sy: mean over seeds; spread: %s\n"
             "H: harmonic mean of mean base and mean new accuracy; Average: over datasets\n",
             r->name, r->sha256, d->done, d->n, code.data, spread_words(f));
    str_release(&code);
    return rc;
}

void figure_data_release(struct figure_data *d)
{
    for (size_t i = 0; i < d->n_predictions; i++) {
        free(d->predictions[i].predicted);
        free(d->predictions[i].truth);
    }
    for (size_t i = 0; i < d->n_splits; i++)
        split_release(&d->splits[i]);
    free(d->predictions);
    free(d->splits);
    free(d->split_rows);
    free(d->runs);
    baselines_release(&d->published);
    json_decref(d->curves);
    str_release(&d->caption);
}
