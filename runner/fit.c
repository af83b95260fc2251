/* Features as arrays: see fit.h. */
#include "runner/fit.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

/* Passes that a cache averages; 1 for methods without the key. */
static size_t passes_of(const struct work *w)
{
    return json_object_get(w->params, "passes") ? (size_t)spec_get_int(w->params, "passes") : 1;
}

size_t fit_first_view(const struct work *w)
{
    bool apart = str_eq(spec_get_text(w->spec, "views"), "fresh") &&
                 json_object_get(w->params, "passes") != NULL;
    return apart ? passes_of(w) : 0;
}

/* (V, n, E) = rows of the bank's first V views; yours to free(). */
static float *gather(const struct bank *b, size_t V, const size_t *rows, size_t n)
{
    size_t E = b->dim;
    float *out = mem_alloc(V * n * E + 1, sizeof *out);
    for (size_t v = 0; v < V; v++)
        for (size_t i = 0; i < n; i++)
            memcpy(out + (v * n + i) * E, b->features + (v * b->images + rows[i]) * E,
                   E * sizeof *out);
    return out;
}

/* Items of a part that are of the trained classes, as features. slot: 1 val, 2 test. */
static int fill_part(struct fit *f, int slot, struct features *out, const struct work *w,
                     enum split_part part, const struct bank *bank, const size_t *items, size_t n,
                     const struct part *trained, struct err *e)
{
    size_t *rows = mem_alloc(n + 1, sizeof *rows), kept = 0;
    int *labels = f->labels[slot - 1] = mem_alloc(n + 1, sizeof *labels), rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct split_item *item = &w->split.part[part].items[items ? items[i] : i];
        int label = item->label - trained->first;
        if (label < 0 || label >= trained->n)
            continue;
        long row = bank_row(bank, items ? items[i] : i);
        if (row < 0)
            rc = err_set(e, ERR_CORRUPT, "the %s bank has no features of image '%s'",
                         split_part_names[part], item->path);
        rows[kept] = (size_t)row;
        labels[kept++] = label;
    }
    if (rc == 0) {
        f->images[slot] = gather(bank, 1, rows, kept);
        *out = (struct features){f->images[slot], labels, 1, kept};
    }
    free(rows);
    return rc;
}

static int open_val(struct fit *f, const struct work *w, const struct part *trained, struct err *e)
{
    const struct method_row *row = method_find(w->method->name);
    size_t *picks = NULL, n = w->split.part[SPLIT_VAL].n;
    int rc = work_bank(w, &f->val_bank, "val", w->job->val_bank, e);
    if (rc == 0 && (row->needs & METHOD_VAL_PICKS))
        rc = work_picks(w, SPLIT_VAL, &picks, &n, e);
    if (rc == 0)
        rc = fill_part(f, 1, &f->data.val, w, SPLIT_VAL, &f->val_bank, picks, n, trained, e);
    free(picks);
    return rc;
}

int fit_open(struct fit *f, const struct work *w, const struct bank *train, const size_t *rows,
             const int *labels, size_t n, const struct bank *test, const struct part *trained,
             struct err *e)
{
    size_t V = passes_of(w) < train->views ? passes_of(w) : train->views;
    *f = (struct fit){0};
    f->images[0] = gather(train, V, rows, n);
    f->data.train = (struct features){f->images[0], labels, V, n};
    f->data.K = trained->n;
    f->data.threads = w->job->threads;
    int rc = fill_part(f, 2, &f->data.test, w, SPLIT_TEST, test, NULL, w->split.part[SPLIT_TEST].n,
                       trained, e);
    if (rc == 0 && method_validates(method_find(w->method->name)))
        rc = open_val(f, w, trained, e);
    return rc;
}

void fit_close(struct fit *f)
{
    bank_close(&f->val_bank);
    for (int i = 0; i < 3; i++)
        free(f->images[i]);
    for (int i = 0; i < 2; i++)
        free(f->labels[i]);
    *f = (struct fit){0};
}
