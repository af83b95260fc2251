/*
 * What people call a run: "pocket-land rlp rank=2 16 shots seed 3", "pocket-land from pocket-shapes
 * coop 16 shots seed 1" (an evaluation), "pocket-land test images".
 * Of the method's parameters only those are said that differ among its runs on this dataset, of
 * protocol and backbone what differs within the plan.
 */
#ifndef PROMPTGRID_HARNESS_LABEL_H
#define PROMPTGRID_HARNESS_LABEL_H

#include "harness/plan/plan.h"

struct labels {
    json_t *seen; // "key" or "dataset method key" -> its first value, or null once another was seen
};

void labels_init(struct labels *l, const struct plan *p);
void labels_release(struct labels *l);

/* Yours to free(). */
char *labels_text(const struct labels *l, const json_t *spec);
char *labels_run(const struct labels *l, const struct plan *p, const struct plan_run *run);

struct grid_run;

/* How a label says the run's value of `axis`, an axis or a parameter: "Caltech101", "16 shots",
 * "rank 2"; yours to free(). */
char *labels_axis(const struct grid_run *r, const char *axis);

/* Are two runs the same on an axis, as far as it can be told at a glance? False: look at its text.
 */
struct labels_look {
    const char *axis;
    size_t field; // of a text in struct grid_run, or of what else label_rows.c knows
};
struct labels_look labels_look(const char *axis);
bool labels_alike(const struct labels_look *look, const struct grid_run *a,
                  const struct grid_run *b);

/* What runs are called that belong together: the method's label, or the name that a recipe gives a
 * method which has one; borrowed from the run. Runs of one method and name are of one kind. */
const char *labels_kind(const struct grid_run *r);

/* The kind of each run, numbered as they appear; returns how many there are. */
size_t labels_kinds(const struct grid_run *const *runs, size_t n, size_t *kind);

/* Names of rows for tables and figures: "CoOp", "RLP, rank 2", "CoOp, 4 shots": the method's label
 * and what varies among the given runs of that kind, but for the axes in `ignore`
 * (NULL-terminated; NULL = none). `n` texts, in the order of the runs; free each and the array. */
char **labels_rows(const struct grid_run *const *runs, size_t n, const char *const *ignore);

/* The same, but naming only what tells apart runs of a method that stand in the same column
 * (`columns`: axes, NULL-terminated): a method whose epochs depend on the dataset is one row. */
char **labels_in_columns(const struct grid_run *const *runs, size_t n, const char *const *columns,
                         const char *const *ignore);

/* The run's value of an axis other than "method" as the head of a row or column, yours to free();
 * NULL: it has none. */
char *labels_value(const struct grid_run *r, const char *axis);

/* "ImageNet (source)" for the dataset that the runs of a table are trained on, as papers have it;
 * yours to free(). */
char *labels_target(const struct grid_run *r);

#endif
