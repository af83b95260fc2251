/* See compare.h: the numbers. How they are printed is in compare_print.c. */
#include "results/compare.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BOOTSTRAP_ROUNDS = 10000, BOOTSTRAP_SEED = 1 };

struct pairing {
    const struct table *t;
    struct store *store;
    const struct table_row *a, *b;
    compare_truth truth;
    void *arg;
};

/* ---- images ---- */

/* right[i] += sign where the run's prediction of image i is the truth. */
static int add_run(const struct pairing *p, const struct table_origin *o, int m, const int *labels,
                   size_t n, int sign, int *right, struct err *e)
{
    int *predicted;
    size_t got, hits = 0;
    int rc = store_predictions(p->store, o->run, table_metrics[m].split, &predicted, &got, e);
    if (rc < 0)
        return rc;
    if (rc == 0 || got != n) {
        free(predicted);
        return err_set(e, ERR_CORRUPT, "run '%.12s' has %zu predictions of '%s', expected %zu",
                       o->run, got, table_metrics[m].split, n);
    }
    for (size_t i = 0; i < n; i++) {
        bool hit = predicted[i] == labels[i];
        hits += hit;
        right[i] += hit ? sign : 0;
    }
    free(predicted);
    double accuracy = n ? 100 * (double)hits / (double)n : 0;
    if (fabs(accuracy - o->values[m]) > 1e-3)
        return err_set(
            e, ERR_CORRUPT,
            "the predictions of run '%.12s' on '%s' are right for %.2f %% of the images, "
            "its accuracy is %.2f: another split file, or changed rows",
            o->run, table_metrics[m].split, accuracy, o->values[m]);
    return 0;
}

/* Both done with the same seed, or one of them without seeds. */
static bool is_pair(const struct table_origin *a, const struct table_origin *b)
{
    return origin_done(a) && origin_done(b) && (a->seed == b->seed || !a->seed || !b->seed);
}

/* Sums right - wrong over the pairs of runs of a cell. */
static int add_pairs(const struct pairing *p, const struct table_cell *a,
                     const struct table_cell *b, int m, struct compare_images *out, struct err *e)
{
    int *labels = NULL, *right = NULL, rc = 0;
    for (size_t i = 0; i < a->wanted && rc == 0; i++)
        for (size_t k = 0; k < b->wanted && rc == 0; k++) {
            const struct table_origin *x = &a->origins[i], *y = &b->origins[k];
            if (!is_pair(x, y))
                continue;
            if (!labels) {
                rc = p->truth(p->arg, x->run, table_metrics[m].split, &labels, &out->images, e);
                right = mem_zero(out->images + 1, sizeof *right);
            }
            if (rc == 0 && (rc = add_run(p, x, m, labels, out->images, 1, right, e)) == 0)
                rc = add_run(p, y, m, labels, out->images, -1, right, e);
            out->seeds++;
        }
    for (size_t i = 0; i < out->images && right; i++) {
        out->only_a += right[i] > 0;
        out->only_b += right[i] < 0;
    }
    out->p = mcnemar(out->only_a, out->only_b);
    free(labels);
    free(right);
    return rc;
}

static void skip(struct comparison *c, const char *column, const char *why)
{
    MEM_PUSH(c->skipped, c->n_skipped, c->skipped_capacity) = str_format("%s: %s", column, why);
}

static int compare_column(struct comparison *c, const struct pairing *p, size_t column,
                          struct err *e)
{
    const struct table_cell *a = &p->a->cells[column], *b = &p->b->cells[column];
    const char *label = p->t->columns[column];
    if (!str_eq(a->dataset, b->dataset)) {
        skip(c, label, "not the same images");
        return 0;
    }
    for (size_t k = 0; k < p->t->n_metrics; k++) {
        int m = p->t->metrics[k];
        if (!str_eq(table_metrics[m].stored, "accuracy"))
            continue;
        struct compare_images out = {.column = label, .metric = table_metrics[m].name};
        int rc = add_pairs(p, a, b, m, &out, e);
        if (rc < 0)
            return err_wrap(e, "'%s'", label);
        if (out.seeds == 0) {
            skip(c, label, "no run of both is done");
            return 0;
        }
        MEM_PUSH(c->images, c->n_images, c->images_capacity) = out;
    }
    return 0;
}

/* Holm over the columns, each metric by itself. */
static void correct_images(struct comparison *c)
{
    double *p = mem_alloc(c->n_images + 1, sizeof *p);
    size_t *at = mem_alloc(c->n_images + 1, sizeof *at);
    for (int m = 0; m < METRICS; m++) {
        size_t n = 0;
        for (size_t i = 0; i < c->n_images; i++)
            if (str_eq(c->images[i].metric, table_metrics[m].name)) {
                at[n] = i;
                p[n++] = c->images[i].p;
            }
        holm(p, n);
        for (size_t i = 0; i < n; i++)
            c->images[at[i]].holm = p[i];
    }
    free(p);
    free(at);
}

/* ---- datasets ---- */

static void compare_means(struct comparison *c, const struct pairing *p, int m)
{
    const struct table *t = p->t;
    double *difference = mem_alloc(t->n_columns + 1, sizeof *difference);
    size_t n = 0;
    for (size_t i = t->averaged; i < t->n_columns; i++) {
        const struct table_cell *a = &p->a->cells[i], *b = &p->b->cells[i];
        double d = a->value[m].stats.mean - b->value[m].stats.mean;
        if (cell_complete(a) && cell_complete(b) && !isnan(d))
            difference[n++] = d;
    }
    struct compare_datasets *out = &c->datasets[c->n_datasets++];
    *out = (struct compare_datasets){.metric = table_metrics[m].name,
                                     .n = n,
                                     .mean = stats_of(difference, n).mean,
                                     .interval = {NAN, NAN},
                                     .t = paired_t(difference, n),
                                     .wilcoxon = wilcoxon(difference, n)};
    if (n > 1)
        out->interval = bootstrap_mean(difference, n, 0.95, BOOTSTRAP_ROUNDS, BOOTSTRAP_SEED);
    free(difference);
}

static void correct_datasets(struct comparison *c)
{
    double t[METRICS], w[METRICS];
    for (size_t i = 0; i < c->n_datasets; i++) {
        t[i] = c->datasets[i].t.p;
        w[i] = c->datasets[i].wilcoxon.p;
    }
    holm(t, c->n_datasets);
    holm(w, c->n_datasets);
    for (size_t i = 0; i < c->n_datasets; i++) {
        c->datasets[i].t_holm = t[i];
        c->datasets[i].wilcoxon_holm = w[i];
    }
}

int compare_rows(struct comparison *out, const struct table *t, struct store *store, const char *a,
                 const char *b, compare_truth truth, void *arg, struct err *e)
{
    size_t row_a, row_b;
    int rc;
    memset(out, 0, sizeof *out);
    if ((rc = table_find_row(t, a, &row_a, e)) < 0 || (rc = table_find_row(t, b, &row_b, e)) < 0)
        return rc;
    if (row_a == row_b)
        return err_set(e, ERR_USAGE, "'%s' and '%s' are the same row", a, b);
    const struct pairing p = {t, store, &t->rows[row_a], &t->rows[row_b], truth, arg};
    out->a = mem_strdup(p.a->label);
    out->b = mem_strdup(p.b->label);
    out->datasets = mem_zero(METRICS, sizeof *out->datasets);
    for (size_t c = 0; c < t->n_columns && rc == 0; c++)
        rc = compare_column(out, &p, c, e);
    correct_images(out);
    for (size_t k = 0; k < t->n_metrics && t->average; k++)
        if (table_metrics[t->metrics[k]].ranked)
            compare_means(out, &p, t->metrics[k]);
    correct_datasets(out);
    if (rc < 0)
        compare_release(out);
    return rc;
}

void compare_release(struct comparison *c)
{
    for (size_t i = 0; i < c->n_skipped; i++)
        free(c->skipped[i]);
    free(c->skipped);
    free(c->images);
    free(c->datasets);
    free(c->a);
    free(c->b);
    memset(c, 0, sizeof *c);
}

/* ---- ranks ---- */

static bool all_complete(const struct table *t, size_t c, int m)
{
    for (size_t r = 0; r < t->n_ours; r++)
        if (!cell_complete(&t->rows[r].cells[c]) || isnan(t->rows[r].cells[c].value[m].stats.mean))
            return false;
    return true;
}

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *rank_metric(const struct table *t, int m)
{
    double *x = mem_alloc(t->n_ours * t->n_columns + 1, sizeof *x);
    double *rank = mem_alloc(t->n_ours + 1, sizeof *rank);
    size_t n = 0;
    for (size_t c = t->averaged; c < t->n_columns; c++) {
        if (!all_complete(t, c, m))
            continue;
        for (size_t r = 0; r < t->n_ours; r++)
            x[n * t->n_ours + r] = t->rows[r].cells[c].value[m].stats.mean;
        n++;
    }
    struct ranking ranking = rank_methods(x, n, t->n_ours, 0.95, rank);
    json_t *ranks = json_array();
    for (size_t r = 0; r < t->n_ours && n; r++)
        json_array_append_new(ranks, json_pack("{s:s?, s:s, s:f}", "group", t->rows[r].group, "row",
                                               t->rows[r].label, "rank", rank[r]));
    free(rank);
    free(x);
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "metric", table_metrics[m].name, "datasets",
                     (json_int_t)n, "statistic", real_or_null(ranking.statistic), "p",
                     real_or_null(ranking.p), "critical_difference",
                     real_or_null(ranking.critical_difference), "ranks", ranks);
}

json_t *compare_ranks(const struct table *t)
{
    json_t *all = json_array();
    for (size_t k = 0; k < t->n_metrics; k++)
        if (table_metrics[t->metrics[k]].ranked)
            json_array_append_new(all, rank_metric(t, t->metrics[k]));
    return all;
}
