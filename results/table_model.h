/* The comparison table as data: what table*.c compute and export*.c print. */
#ifndef PROMPTGRID_RESULTS_TABLE_MODEL_H
#define PROMPTGRID_RESULTS_TABLE_MODEL_H

#include "results/stats.h"
#include "results/table.h"

#include <stdint.h>

/* A metric of a table: where it comes from and how it is printed. */
struct table_metric {
    const char *name;           // in recipes and in print: "base"
    const char *split, *stored; // in the store; NULL: derived, or known of the run itself
    const char *published;      // split in published rows; NULL: nobody publishes it
    const char *unit;           // "percent", "seconds"; NULL: a plain number
    int decimals;               // -1: the table's
    bool ranked;                // the largest is best
};
enum {
    METRIC_BASE,
    METRIC_NEW,
    METRIC_H,
    METRIC_ACCURACY,
    METRIC_F1,
    METRIC_BASE_F1,
    METRIC_NEW_F1,
    METRIC_PARAMETERS,
    METRIC_TIME,
    METRICS,
};
extern const struct table_metric table_metrics[METRICS];

enum verdict {
    VERDICT_NONE, // not asked for
    VERDICT_REPRODUCED,
    VERDICT_HIGHER,
    VERDICT_LOWER,
    VERDICT_NO_CLAIM,
    VERDICT_INCOMPLETE, // seeds are missing
    VERDICTS,
};
extern const char *const verdict_names[VERDICTS]; // "reproduced", ..., NULL for VERDICT_NONE

struct table_value {
    struct stats stats; // over seeds; an Average: its mean, and n = 0 or 1
    int rank;           // among our complete rows of a group, as printed: 1 best, 2 second, else 0
    double delta;       // from the baseline row; NAN without one
    enum verdict verdict;
    double difference; // ours less the published number; NAN without a verdict
};

struct table_published {
    const char *method, *source, *table; // borrowed from the table's baselines
    int shots;
    double value;
};

/* A run behind a cell. */
struct table_origin {
    char *run; // "" when it cannot run here
    int seed;
    char *state, *reason; // as the store has it; NULL: never tried, no reason
    double seconds;
    long parameters;
    size_t code;            // index into the table's codes; ORIGIN_IMPORTED; SIZE_MAX = not done
    char device[16];        // kind of what it ran on; "" = not known
    double values[METRICS]; // NAN where there is none
    const json_t *spec;     // borrowed: only while the table is built
};

#define ORIGIN_IMPORTED (SIZE_MAX - 1) // done, by code that is not known

static inline bool origin_done(const struct table_origin *o)
{
    return o->code != SIZE_MAX;
}

struct table_cell {
    size_t wanted;  // runs; 0: the recipe wants none here
    size_t present; // runs with every metric of the table; an Average: complete cells
    struct table_value value[METRICS]; // by kind; base and new too when only H is shown
    char *dataset;                     // NULL in an Average
    int shots;
    struct table_published *published[METRICS]; // our method elsewhere; first the plain table's
    size_t n_published[METRICS];
    struct table_origin *origins; // (wanted) in the order of the recipe
    size_t *marks;                // ascending indexes into the table's marks
    size_t n_marks;
};

/* Another source of the published numbers of our row's method. */
struct table_listing {
    const char *table, *source; // borrowed from the table's baselines
    bool same;                  // every number that it has is the plain table's
    double (*values)[METRICS];  // one a cell; NAN where it has none
};

/* A row is ours, imported (from t->n_ours on), or published (from table_first_published on): its
 * cells then hold one value each, repeated in `published` with its source. Only ours are ranked. */
struct table_row {
    char *group; // heading above it, or NULL
    char *label;
    char *method;             // ours: "rlp"; published: "KgCoOp"
    char *published;          // ours: name in published rows, or NULL
    bool is_baseline;         // others are shown as differences from it
    struct table_cell *cells; // one a column, then the Average when there is one
    struct table_listing *listings;
    size_t n_listings, listings_capacity;
};

struct table_code {
    long revision; // row of the store
    struct store_code code;
};

/* A claim that is no cell of a table: see results/published/claims.json. */
struct table_claim {
    char *claim, *source, *text; // what is claimed, where, what we have
    const char *state;           // "holds", "does not hold", "not tested"
};

struct table {
    char *name, *title, *protocol, *backbone;
    char *source; // label of the dataset that all are trained on; NULL: each on its own
    char *store;  // path, or NULL without one
    char *recipe, *recipe_sha256, *command; // NULL: not said
    int metrics[METRICS];
    size_t n_metrics;
    char **columns; // labels
    size_t n_columns;
    size_t averaged;        // first column of the Average: 1 when column 0 is the source, else 0
    bool average;           // those columns are datasets, two or more: one more cell a row
    bool mean_of_h;         // its H is the mean over the columns
    bool t_interval;        // the printed spread
    bool transposed;        // the recipe's rows are datasets: they are columns inside
    bool turned;            // rows and columns change places in print
    int decimals;           // as printed: 1; 2 beside published numbers
    struct table_row *rows; // ours, imported, published
    size_t n_rows, n_ours, n_imported, rows_capacity;

    char *baseline;              // label of the first baseline row, or NULL
    struct baselines *baselines; // NULL unless asked for and comparable
    char *note;                  // why there are no published numbers, or NULL
    double tolerance;            // 0: by the interval
    bool verdicts;               // against published numbers
    size_t n_verdicts[VERDICTS]; // of numbers in our cells, the Average left out
    struct table_claim *claims;
    size_t n_claims;

    char **marks; // what differs in marked cells: "code 0123456789; others 89abcdef01"
    size_t n_marks, marks_capacity;

    size_t runs, done;
    size_t imported, imported_done; // runs
    struct table_code *codes;
    size_t n_codes, codes_capacity;
    json_t *failed; // array of {run, row, column, seed, state, reason}
};

static inline size_t table_first_published(const struct table *t)
{
    return t->n_ours + t->n_imported;
}

/* Cells of a row, the Average included. */
static inline size_t table_cells(const struct table *t)
{
    return t->n_columns + t->average;
}

static inline bool cell_complete(const struct table_cell *c)
{
    return c->wanted > 0 && c->present == c->wanted;
}

static inline const char *table_column(const struct table *t, size_t c)
{
    return c == t->n_columns ? "Average" : t->columns[c];
}

bool table_shows(const struct table *t, int metric);

/* A value as printed; equal prints are equal ranks. */
double table_rounded(const struct table *t, int metric, double value);
/* out = prefix and the value as the table prints it. */
void table_decimal(const struct table *t, int metric, double value, const char *prefix, char *out,
                   size_t size);

/* The printed spread of a value: its deviation or half its interval; NAN when there is none. */
double table_spread(const struct table *t, const struct stats *s);

/* Average over the columns of a complete row; its H is that of the averages, unless asked. */
void table_fill_average(const struct table *t, struct table_row *row);
void table_row_release(const struct table *t, struct table_row *row);

/* table_cells.c: rows and columns, then each cell's runs and values. */
int table_fill(struct table *t, struct store *store, const struct table_run *runs, size_t n,
               struct err *e);

/* table_guard.c: marks on cells whose runs were made otherwise than the most. */
void table_mark(struct table *t);
void table_mark_name(size_t mark, char out[16]);                       // "a", ..., "z", "aa"
void table_code_words(const struct store_code *code, struct str *out); // "0123456789, changed"

/* table_order.c */
int table_sort(struct table *t, const char *by, struct err *e);
int table_compare(struct table *t, const char *baseline, struct err *e); // fills `delta`
void table_rank(struct table *t);
/* Our row of this label, of "GROUP: LABEL", or the only one of this method. */
int table_find_row(const struct table *t, const char *name, size_t *out, struct err *e);

/* table_published.c: fill cells' published numbers and add the published rows. */
int table_add_published(struct table *t, const struct table_options *o, struct err *e);

/* table_verdict.c */
void table_judge(struct table *t);
int table_add_claims(struct table *t, const char *folder, struct err *e);

/* table_words.c: what is said around the numbers. */
void table_subtitle(const struct table *t, struct str *out);   // one line, what is shown
void table_caption(const struct table *t, struct str *out);    // sentences, what numbers mean
void table_verdicts(const struct table *t, struct str *out);   // lines: how many are reproduced
void table_failures(const struct table *t, struct str *out);   // lines: which and why
void table_provenance(const struct table *t, struct str *out); // lines, where they come from

/* ---- print_grid.c: rows x columns of texts, already turned ---- */

struct grid_part {
    char mean[24], std[24]; // "64.5", "±1.5"; std "" when there is none
    int rank, sign;         // sign: -1 worse, 1 better than what it is compared with
};
struct grid_cell {
    struct grid_part parts[METRICS]; // one a metric of the table, or none
    size_t n_parts;
    char *text;                  // beside the parts or alone: a label, "(2/3)", "0/3"; never NULL
    char *marks;                 // "a", "a,b"; never NULL
    const struct table_cell *of; // of the table; NULL: a label, a heading, a verdict
};
enum grid_kind {
    GRID_LABELS,
    GRID_HEADING,
    GRID_OURS,
    GRID_IMPORTED,
    GRID_PUBLISHED,
    GRID_VERDICT,
};
struct print_grid {
    struct grid_cell *cells; // [n_rows][n_columns]; row 0 and column 0 are labels
    size_t n_rows, n_columns;
    enum grid_kind *kinds; // of each row; of each column when turned
    bool turned;
    size_t rule;          // a line above this row sets others' rows apart; 0: none
    const char **sources; // [1], [2], ... of the labels; borrowed
    size_t n_sources, sources_capacity;
};
void print_grid_init(struct print_grid *g, const struct table *t);
void print_grid_release(struct print_grid *g);
static inline struct grid_cell *grid_at(const struct print_grid *g, size_t row, size_t column)
{
    return &g->cells[row * g->n_columns + column];
}

static inline enum grid_kind grid_kind(const struct print_grid *g, size_t row, size_t column)
{
    return g->kinds[g->turned ? column : row];
}

/* ---- export_*.c ---- */

void export_text(const struct table *t, size_t columns, bool ansi, struct str *out);
void export_markdown(const struct table *t, struct str *out);
void export_latex(const struct table *t, size_t points, struct str *out);
void export_csv(const struct table *t, struct str *out);
void export_csv_open(struct str *out);
void export_html(const struct table *t, struct str *out);
extern const char export_html_style[];
void export_html_open(const char *title, struct str *out);
void export_html_close(struct str *out);

/* Calls `put` for each line of `text`, without its end. */
void export_lines(const char *text, struct str *out,
                  void (*put)(struct str *out, const char *line));

#endif
