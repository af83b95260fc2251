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
    const char *run;                 // id; "" when it cannot run here
    const char *row;                 // row label: "RLP, rank 2"
    const char *column;              // column label: dataset label, or the value of another axis
    const char *method;              // method name, "rlp"
    const char *published;           // the method's name in published rows, or NULL
    const char *dataset;             // dataset label
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

/* format: "text", "markdown", "csv"; JSON through table_json. */
int table_format(const struct table *t, const char *format, int columns, struct str *out,
                 struct err *e);
json_t *table_json(const struct table *t); // array of {method, dataset, metric, mean, std, n,
                                           // wanted, published: [...]}

#endif
