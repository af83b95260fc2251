/*
 * The comparison table as data: cells of rows x columns x metrics, with n of wanted, mean, sample
 * deviation and Student's interval over seeds, and published numbers beside them. Formatting is in
 * export*.c.
 *
 * The rows that count come from the plan's runs, so a missing seed is known: such a cell shows n/N
 * and is neither ranked nor averaged. Cells whose runs were made otherwise than the others (code,
 * weights, data, precision, protocol version) carry a mark, and a footnote says what differs.
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
    const char *group;     // heading of the rows that it stands among, or NULL
    const char *method;    // method name, "rlp"
    const char *published; // the method's name in published rows, or NULL
    const char *dataset;   // dataset label; "ImageNet (source)" of the source itself
    const char *source;    // label of the dataset that the protocol trains on; NULL: `dataset`
    bool on_source;        // `dataset` is that one, and no target
    const char *protocol, *backbone; // "base-to-new", "ViT-B/16" (label)
    int shots, seed;
    bool imported;   // from a log of others: it stands in a row apart, neither ranked nor counted
    long parameters; // numbers that it trains; -1 = unknown
    const json_t *spec; // version, weights, split, precision, ... of its spec; NULL = unknown
};

struct table_options {
    const char *name, *title;
    const char *const *metrics; // NULL-terminated names of table_metric_name
    bool against_published;
    const char *published_folder;             // results/published; may be NULL
    const char *own_folder;                   // more of them; NULL or not there: none
    bool (*knows_dataset)(const char *label); // of published_folder; NULL = not checked
    bool transpose;                           // rows and columns change places in print
    bool mean_of_h;    // Average of H: the mean over the columns' H, not the H of the averages
    bool t_interval;   // +- is half of Student's 95 % interval, not the deviation
    double tolerance;  // points to a published number that count as the same; 0: the larger of 0.5
                       // and half of Student's interval
    const char *sort;  // "COLUMN" or "COLUMN:METRIC", best row first; "row": by label; NULL: as
                       // the recipe has them
    const char *delta; // row or method that the others are shown as differences from; or NULL
    const char *recipe, *recipe_sha256, *command; // where it comes from; NULL = not said
};

struct table; // opaque to callers; fields in results/table_model.h

/* Names of metrics, in order: base, new, H, accuracy, ...; NULL behind the last. */
const char *table_metric_name(size_t i);

int table_build(struct table **out, struct store *store, const struct table_run *runs, size_t n,
                const struct table_options *options, struct err *e);
void table_free(struct table *t);

/* ERR_CORRUPT when cells carry marks: for whoever wants no mixed table at all. */
int table_check(const struct table *t, struct err *e);

/* format: a name of table_format_name, or "terminal": text with bold, underlined and coloured
 * numbers. Tables that are wider are cut into blocks of columns: text at `width` characters (0 = no
 * limit), LaTeX at about `width` points (0 = the text width of `article`). JSON through table_json.
 */
int table_format(const struct table *t, const char *format, int width, struct str *out,
                 struct err *e);
const char *table_format_name(size_t i); // text, markdown, latex, csv, html; NULL behind the last

/* What stands before the first and behind the last of several tables in one file. */
void table_open_file(const char *format, const char *title, struct str *out);
void table_close_file(const char *format, struct str *out);

/* Array of {method, group, row, column, dataset, shots, metric, mean, std, interval, n, wanted,
 * delta, verdict, difference, marks, runs, published: [{method, value, source, table, shots}],
 * imported}; mean is null when n = 0, std and interval (half of Student's) when n < 2. A row of
 * dataset "Average" has n and wanted of columns, and no mean unless all are complete. */
json_t *table_json(const struct table *t);

/* The published rows below ours: array of {method, dataset, metric, value, source, table, shots}.
 */
json_t *table_published_json(const struct table *t);

/* {runs, done, revisions: [{commit, dirty, diff, runner_sha256}], failed: [{run, row, column, seed,
 * state, reason}], marks: {a: text}, verdicts: {reproduced, higher, lower, no_claim, incomplete},
 * claims: [{claim, source, state, text}], caption, note}; note is null unless published numbers
 * were asked for and there are none; verdicts is null and claims empty unless they were. */
json_t *table_origin_json(const struct table *t);

/* The runs behind a cell, or behind all of a row's with "Average": array of {run, group, row,
 * column, seed, state, reason, seconds, parameters, code, marks, values: {metric: value}}. Labels
 * as printed; ERR_USAGE suggests near ones. */
int table_cell_runs(const struct table *t, const char *row, const char *column, json_t **out,
                    struct err *e);

#endif
