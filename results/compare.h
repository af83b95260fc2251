/*
 * Two rows of a table against each other, and all rows by average rank: what can be said beyond the
 * means.
 *
 * Images: McNemar's test on the stored predictions of a column. With several seeds an image counts
 * for the row that is right on it in more of the seeds that both have, so that images, not
 * predictions, are counted. Datasets: paired t, Wilcoxon and a bootstrap interval over the columns
 * of the Average. p values are Holm's over the tests of one kind.
 */
#ifndef PROMPTGRID_RESULTS_COMPARE_H
#define PROMPTGRID_RESULTS_COMPARE_H

#include "results/inference.h"
#include "results/table.h"

/* True labels of the test images of a run's dataset that belong to `split`, in the order of its
 * predictions; `labels` yours to free(). */
typedef int (*compare_truth)(void *arg, const char *run, const char *split, int **labels, size_t *n,
                             struct err *e);

struct compare_images {
    const char *column, *metric; // borrowed from the table
    size_t seeds, images;        // pairs of runs; images of the split
    size_t only_a, only_b;       // images that count for one row
    double p, holm;
};

struct compare_datasets {
    const char *metric;
    size_t n;                 // columns in which both are complete
    double mean;              // of a less b
    struct interval interval; // bootstrap, 95 %
    struct test t, wilcoxon;
    double t_holm, wilcoxon_holm;
};

struct comparison {
    char *a, *b; // labels
    struct compare_images *images;
    size_t n_images, images_capacity;
    struct compare_datasets *datasets; // one a metric
    size_t n_datasets;
    char **skipped; // columns without runs to compare, and why
    size_t n_skipped, skipped_capacity;
};

/* `a`, `b`: labels of rows, or methods that have one row. */
int compare_rows(struct comparison *out, const struct table *t, struct store *store, const char *a,
                 const char *b, compare_truth truth, void *arg, struct err *e);
void compare_release(struct comparison *c);

void compare_text(const struct comparison *c, const struct table *t, struct str *out);
/* {a, b, images: [{column, metric, seeds, images, only_a, only_b, p, holm}], datasets: [{metric, n,
 * mean, low, high, t: {statistic, p, holm}, wilcoxon: {...}}], skipped: [text]} */
json_t *compare_json(const struct comparison *c);

/* Average ranks of the table's rows over the columns in which all of them are complete: array of
 * {metric, datasets, statistic, p, critical_difference, ranks: [{row, rank}]}; and as text. */
json_t *compare_ranks(const struct table *t);
void compare_ranks_text(const json_t *ranks, struct str *out);

#endif
