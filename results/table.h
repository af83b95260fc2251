/*
 * The comparison table as data: cells of methods x columns x metrics, with n of wanted, mean and
 * sample standard deviation over seeds, and published numbers beside them. Formatting is in
 * export.c.
 *
 * The rows that count come from the plan's runs, so a missing seed is known: such a cell shows n/N
 * and is neither ranked nor averaged.
 */
#ifndef PROMPTGRID_RESULTS_TABLE_H
#define PROMPTGRID_RESULTS_TABLE_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "results/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One run that the recipe wants in the table. All borrowed. */
struct table_run {
    const char *run;       // id; "" when it cannot run here
    const char *row;       // row label: "RLP, rank 2"
    const char *column;    // column label: dataset label, or the value of another axis
    const char *method;    // method name, "rlp"
    const char *published; // the method's name in published rows, or NULL
    const char *dataset;   // dataset label; "ImageNet (source)" of the source itself
    const char *source;    // label of the dataset that the protocol trains on; NULL: `dataset`
    bool on_source;        // `dataset` is that one, and no target
    const char *protocol, *backbone; // "base-to-new", "ViT-B/16" (label)
    int shots, seed;
};

struct table_options {
    const char *name, *title;
    const char *const *metrics; // NULL-terminated: base, new, H, accuracy
    bool against_published;
    const char *published_folder; // results/published; may be NULL
};

struct table; // opaque to callers; fields in results/table_model.h

int table_build(struct table **out, struct store *store, const struct table_run *runs, size_t n,
                const struct table_options *options, struct err *e);
void table_free(struct table *t);

/* format: "text", "terminal" (text with bold and underlined ranks), "markdown", "csv"; JSON through
 * table_json. Text is cut into blocks of at most `columns` columns; 0 = no limit. */
int table_format(const struct table *t, const char *format, int columns, struct str *out,
                 struct err *e);

/* Array of {method, row, column, dataset, shots, metric, mean, std, n, wanted, published: [{method,
 * value, source, table, shots}]}; mean is null when n = 0, std when n < 2. A row of dataset
 * "Average" has n and wanted of columns, and no mean unless all are complete. */
json_t *table_json(const struct table *t);

/* The published rows below ours: array of {method, dataset, metric, value, source, table, shots}.
 */
json_t *table_published_json(const struct table *t);

/* {runs, done, revisions: [{commit, dirty}], failed: [{run, row, column, seed, state, reason}],
 * caption, note}; note is null unless published numbers were asked for and there are none. */
json_t *table_origin_json(const struct table *t);

#endif
