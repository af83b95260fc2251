/*
 * Building a table: the steps, in order, and what owns what. Cells are filled in table_cells.c;
 * nothing here formats more than one number.
 */
#include "results/table.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/baseline.h"
#include "results/table_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct table_metric table_metrics[METRICS] = {
    [METRIC_BASE] = {"base", "base", "accuracy", "base", "percent", -1, true},
    [METRIC_NEW] = {"new", "new", "accuracy", "new", "percent", -1, true},
    [METRIC_H] = {"H", NULL, NULL, "H", "percent", -1, true},
    [METRIC_ACCURACY] = {"accuracy", "test", "accuracy", "all", "percent", -1, true},
    [METRIC_F1] = {"macro-F1", "test", "macro_f1", NULL, "percent", -1, true},
    [METRIC_BASE_F1] = {"base-F1", "base", "macro_f1", NULL, "percent", -1, true},
    [METRIC_NEW_F1] = {"new-F1", "new", "macro_f1", NULL, "percent", -1, true},
    [METRIC_PARAMETERS] = {"parameters", NULL, NULL, NULL, NULL, 0, false},
    [METRIC_TIME] = {"time", NULL, NULL, NULL, "seconds", 1, false},
};

const char *table_metric_name(size_t i)
{
    return i < METRICS ? table_metrics[i].name : NULL;
}

bool table_shows(const struct table *t, int metric)
{
    for (size_t k = 0; k < t->n_metrics; k++)
        if (t->metrics[k] == metric)
            return true;
    return false;
}

void table_decimal(const struct table *t, int metric, double value, const char *prefix, char *out,
                   size_t size)
{
    struct str s = STR_INIT;
    int decimals = table_metrics[metric].decimals;
    str_add_decimal(&s, value, decimals < 0 ? t->decimals : decimals);
    snprintf(out, size, "%s%s", prefix, s.data);
    str_release(&s);
}

double table_rounded(const struct table *t, int metric, double value)
{
    char text[32];
    table_decimal(t, metric, value, "", text, sizeof text);
    return strtod(text, NULL);
}

double table_spread(const struct table *t, const struct stats *s)
{
    return t->t_interval ? stats_t_half(s, 0.95) : s->std;
}

static int read_metrics(struct table *t, const char *const *names, struct err *e)
{
    for (; *names; names++) {
        int m = 0;
        while (m < METRICS && !str_eq(table_metrics[m].name, *names))
            m++;
        if (m == METRICS) {
            struct str known = STR_INIT;
            for (int i = 0; i < METRICS; i++)
                str_addf(&known, "%s%s",
                         i == 0            ? ""
                         : i + 1 < METRICS ? ", "
                                           : " or ",
                         table_metrics[i].name);
            err_set(e, ERR_USAGE, "unknown metric '%s': expected %s", *names, known.data);
            str_release(&known);
            return e->code;
        }
        if (table_shows(t, m))
            return err_set(e, ERR_USAGE, "metric '%s' is given twice", *names);
        t->metrics[t->n_metrics++] = m;
    }
    return t->n_metrics ? 0 : err_set(e, ERR_USAGE, "table '%s' has no metrics", t->name);
}

static char *dup_or_null(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

/* The value all runs share, or NULL. */
static char *common(const struct table_run *runs, size_t n, size_t offset)
{
    const char *first = n ? *(const char *const *)((const char *)&runs[0] + offset) : NULL;
    for (size_t i = 1; i < n; i++)
        if (!str_eq(first, *(const char *const *)((const char *)&runs[i] + offset)))
            return NULL;
    return dup_or_null(first);
}

static void take_options(struct table *t, const struct table_options *o)
{
    t->name = mem_strdup(o->name);
    t->title = mem_strdup(o->title ? o->title : o->name);
    t->recipe = dup_or_null(o->recipe);
    t->recipe_sha256 = dup_or_null(o->recipe_sha256);
    t->command = dup_or_null(o->command);
    t->mean_of_h = o->mean_of_h;
    t->t_interval = o->t_interval;
    t->tolerance = o->tolerance;
}

int table_check(const struct table *t, struct err *e)
{
    if (t->n_marks == 0)
        return 0;
    return err_set(e, ERR_CORRUPT, "table '%s' mixes runs that were made differently: %s%s",
                   t->name, t->marks[0], t->n_marks > 1 ? "; ..." : "");
}

static int build(struct table *t, struct store *store, const struct table_run *runs, size_t n,
                 const struct table_options *o, struct err *e)
{
    int rc;
    if (o->delta && o->against_published)
        return err_set(e, ERR_USAGE,
                       "differences from '%s' cannot stand beside published numbers: "
                       "ask for one of them",
                       o->delta);
    if ((rc = read_metrics(t, o->metrics, e)) < 0 || (rc = table_fill(t, store, runs, n, e)) < 0)
        return rc;
    t->turned = t->transposed != o->transpose;
    table_mark(t);
    if (o->against_published && ((rc = table_add_published(t, o, e)) < 0 ||
                                 (rc = table_add_claims(t, o->published_folder, e)) < 0))
        return rc;
    t->decimals = t->baselines && !t->note ? 2 : 1; // published tables have two
    if (o->against_published)
        table_judge(t);
    if ((o->delta && (rc = table_compare(t, o->delta, e)) < 0) ||
        (o->sort && (rc = table_sort(t, o->sort, e)) < 0))
        return rc;
    table_rank(t);
    return 0;
}

int table_build(struct table **out, struct store *store, const struct table_run *runs, size_t n,
                const struct table_options *options, struct err *e)
{
    struct table *t = mem_zero(1, sizeof *t);
    take_options(t, options);
    t->protocol = common(runs, n, offsetof(struct table_run, protocol));
    t->backbone = common(runs, n, offsetof(struct table_run, backbone));
    t->source = common(runs, n, offsetof(struct table_run, source));
    t->store = store ? mem_strdup(store_path(store)) : NULL;
    t->failed = json_array();
    int rc = build(t, store, runs, n, options, e);
    if (rc < 0) {
        table_free(t);
        t = NULL;
    }
    *out = t;
    return rc;
}

/* ---- release ---- */

static void cell_release(struct table_cell *cell, bool average)
{
    for (size_t i = 0; i < cell->wanted && !average && cell->origins; i++) {
        free(cell->origins[i].run);
        free(cell->origins[i].state);
        free(cell->origins[i].reason);
    }
    for (int m = 0; m < METRICS; m++)
        free(cell->published[m]);
    free(cell->origins);
    free(cell->marks);
    free(cell->dataset);
}

void table_row_release(const struct table *t, struct table_row *row)
{
    for (size_t c = 0; row->cells && c < table_cells(t); c++)
        cell_release(&row->cells[c], c == t->n_columns);
    for (size_t i = 0; i < row->n_listings; i++)
        free(row->listings[i].values);
    free(row->listings);
    free(row->cells);
    free(row->group);
    free(row->label);
    free(row->method);
    free(row->published);
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t r = 0; r < t->n_rows; r++)
        table_row_release(t, &t->rows[r]);
    for (size_t c = 0; c < t->n_columns; c++)
        free(t->columns[c]);
    for (size_t i = 0; i < t->n_marks; i++)
        free(t->marks[i]);
    for (size_t i = 0; i < t->n_claims; i++) {
        free(t->claims[i].claim);
        free(t->claims[i].source);
        free(t->claims[i].text);
    }
    if (t->baselines)
        baselines_release(t->baselines);
    char *const texts[] = {t->name, t->title,  t->protocol,      t->backbone, t->source,  t->store,
                           t->note, t->recipe, t->recipe_sha256, t->command,  t->baseline};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    free(t->baselines);
    free(t->columns);
    free(t->rows);
    free(t->marks);
    free(t->claims);
    free(t->codes);
    json_decref(t->failed);
    free(t);
}
