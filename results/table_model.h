/* The comparison table as data: what table.c computes and export*.c print. */
#ifndef PROMPTGRID_RESULTS_TABLE_MODEL_H
#define PROMPTGRID_RESULTS_TABLE_MODEL_H

#include "results/stats.h"
#include "results/table.h"

/* A metric of a table: where it is in the store and in published rows. */
struct table_metric {
    const char *name;      // in recipes: "base"
    const char *split;     // in the store, always with the name "accuracy"; NULL: derived (H)
    const char *published; // split in published rows
};
enum { METRIC_BASE, METRIC_NEW, METRIC_H, METRIC_ACCURACY, METRICS };
extern const struct table_metric table_metrics[METRICS];

struct table_value {
    struct stats stats; // over seeds; an Average: its mean, and n = 0 or 1
    int rank;           // among our complete rows, as printed: 1 best, 2 second, 0 neither
};

struct table_published {
    const char *method, *source, *table; // borrowed from the table's baselines
    int shots;
    double value;
};

struct table_cell {
    size_t wanted;                     // runs; 0: the recipe wants none here
    size_t present;                    // runs with every metric of the table
    struct table_value value[METRICS]; // by kind; base and new too when only H is shown
    char *dataset;                     // NULL in an Average
    int shots;
    struct table_published *published[METRICS]; // our method elsewhere; first the plain table's
    size_t n_published[METRICS];
};

/* A row is ours, or published (from t->n_ours on): its cells then hold one value each, repeated in
 * `published` with its source, and are not ranked. */
struct table_row {
    char *label;
    char *method;             // ours: "rlp"; published: "KgCoOp"
    char *published;          // ours: name in published rows, or NULL
    struct table_cell *cells; // one a column, then the Average when there is one
};

struct table {
    char *name, *title, *protocol, *backbone;
    char *source; // label of the dataset that all are trained on; NULL: each on its own
    char *store;  // path, or NULL without one
    int metrics[METRICS];
    size_t n_metrics;
    char **columns; // labels
    size_t n_columns;
    size_t averaged; // first column of the Average: 1 when column 0 is the source, else 0
    bool average;    // those columns are datasets, two or more: one more cell a row
    bool transposed; // the recipe's rows are datasets: rows and columns change places in print
    int decimals;    // as printed: 1; 2 beside published numbers
    struct table_row *rows; // ours, then published
    size_t n_rows, n_ours, rows_capacity;

    struct baselines *baselines; // NULL unless asked for and comparable
    char *note;                  // why there are no published numbers, or NULL

    size_t runs, done;
    json_t *revisions; // array of {commit, dirty}
    json_t *failed;    // array of {run, row, column, seed, reason}
};

/* Cells of a row, the Average included. */
static inline size_t table_cells(const struct table *t)
{
    return t->n_columns + t->average;
}

static inline bool cell_complete(const struct table_cell *c)
{
    return c->wanted > 0 && c->present == c->wanted;
}

/* A value as printed; equal prints are equal ranks. */
double table_rounded(const struct table *t, double value);
/* out = prefix and the value as the table prints it. */
void table_decimal(const struct table *t, double value, const char *prefix, char *out, size_t size);

/* Average over the columns of a complete row; its H is that of the averages. */
void table_fill_average(const struct table *t, struct table_row *row);
void table_row_release(const struct table *t, struct table_row *row);

/* table_published.c: fill cells' published numbers and add the published rows. */
int table_add_published(struct table *t, const char *folder, struct err *e);

/* table_words.c: what is said around the numbers. */
void table_subtitle(const struct table *t, struct str *out);   // one line, what is shown
void table_caption(const struct table *t, struct str *out);    // sentences, what numbers mean
void table_provenance(const struct table *t, struct str *out); // lines, where they come from

/* export_markup.c */
void export_markdown(const struct table *t, struct str *out);
void export_csv(const struct table *t, struct str *out);

/* ---- print_grid.c: rows x columns of texts, already transposed ---- */

struct grid_part {
    char mean[16], std[16]; // "64.5", "±1.5"; std "" when there is none
    int rank;
};
struct grid_cell {
    struct grid_part parts[METRICS]; // one a metric of the table, or none
    size_t n_parts;
    char *text; // beside the parts or alone: a label, "(2/3)", "0/3"; never NULL
};
struct print_grid {
    struct grid_cell *cells; // [n_rows][n_columns]; row 0 and column 0 are labels
    size_t n_rows, n_columns;
    size_t rule;          // a line above this row sets published rows apart; 0: none
    const char **sources; // [1], [2], ... of the labels; borrowed
    size_t n_sources, sources_capacity;
};
void print_grid_init(struct print_grid *g, const struct table *t);
void print_grid_release(struct print_grid *g);

#endif
