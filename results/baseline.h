/*
 * Published accuracies: every *.csv of a folder, checked row by row. The columns are
 * table,method,backbone,shots,dataset,split,accuracy,source_url; accuracy is in percent; split is
 * base, new, H or all. A table "x" may have other listings of the same numbers in "x_...".
 */
#ifndef PROMPTGRID_RESULTS_BASELINE_H
#define PROMPTGRID_RESULTS_BASELINE_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct baseline_row {
    const char *table, *method, *backbone, *dataset, *split, *source;
    int shots; // 0 for zero-shot CLIP
    double value;
    const char *file; // path
    size_t line;      // of the file
};

struct baselines {
    struct baseline_row *rows; // in the order of the files
    size_t n, capacity;
    char **texts; // path and content of each file; the rows point into them
    size_t n_texts, texts_capacity;
};

int baselines_load(struct baselines *b, const char *folder, struct err *e); // released on failure
/* After those the user's own of `folder`, which may be NULL or not there. */
int baselines_load_own(struct baselines *b, const char *folder, struct err *e);

/* The parts of it, for b that starts as zeros. */
/* `except`: names of files that are left out, NULL-terminated; or NULL. */
int baselines_load_folder(struct baselines *b, const char *folder, const char *const *except,
                          struct err *e);
/* The rows of one text, which is taken; `path` is what errors call it. */
int baselines_add(struct baselines *b, const char *path, char *text, size_t size, struct err *e);
/* The same number twice from the same source: one of them is a slip. ERR_CORRUPT names both. */
int baselines_unique(const struct baselines *b, struct err *e);

/* Every row is about a dataset that `knows`; the error names the first that is not. */
int baselines_check(const struct baselines *b, bool (*knows)(const char *dataset), struct err *e);
void baselines_release(struct baselines *b);

/* RFC 4180: split `text` in place into the fields of one record, quotes undone. *next is the start
 * of the record after it, NULL at the end of the text; *lines counts the line ends inside.
 * ERR_PARSE: a quote that does not end, or text after it. */
enum { CSV_FIELDS = 16 };
int csv_record(char *text, char *fields[CSV_FIELDS], size_t *n, char **next, size_t *lines,
               struct err *e);

#endif
