/*
 * What our numbers say about published ones: a verdict for each, and claims that are no cell of a
 * table (results/published/claims.json).
 */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>

const char *const verdict_names[VERDICTS] = {
    [VERDICT_REPRODUCED] = "reproduced", [VERDICT_HIGHER] = "higher",
    [VERDICT_LOWER] = "lower",           [VERDICT_NO_CLAIM] = "no claim",
    [VERDICT_INCOMPLETE] = "incomplete",
};

static double tolerance_of(const struct table *t, const struct stats *s)
{
    const double least = 0.5; // points
    double half = stats_t_half(s, 0.95);
    if (t->tolerance > 0)
        return t->tolerance;
    return half > least ? half : least;
}

static void judge(const struct table *t, const struct table_cell *cell, int m,
                  struct table_value *v)
{
    v->verdict = VERDICT_NO_CLAIM;
    if (!cell->n_published[m])
        return;
    v->verdict = VERDICT_INCOMPLETE;
    if (!cell_complete(cell))
        return;
    v->difference = v->stats.mean - cell->published[m][0].value;
    double beyond = fabs(v->difference) - tolerance_of(t, &v->stats);
    v->verdict = beyond <= 1e-9      ? VERDICT_REPRODUCED // but for rounding
                 : v->difference > 0 ? VERDICT_HIGHER
                                     : VERDICT_LOWER;
}

void table_judge(struct table *t)
{
    t->verdicts = true;
    for (size_t r = 0; r < t->n_ours; r++)
        for (size_t c = 0; c < table_cells(t); c++)
            for (size_t k = 0; k < t->n_metrics; k++) {
                struct table_cell *cell = &t->rows[r].cells[c];
                int m = t->metrics[k];
                if (!cell->wanted || !table_metrics[m].published)
                    continue;
                judge(t, cell, m, &cell->value[m]);
                if (c < t->n_columns)
                    t->n_verdicts[cell->value[m].verdict]++;
            }
}

/* ---- claims ---- */

struct claim {
    const char *claim, *source, *method, *over;
    int datasets, most_parameters;
    double points;
};

/* The best difference that was found for a claim. */
struct found {
    size_t row;
    int metric;
    double difference; // -INFINITY: none
};

static long parameters_of(const struct table *t, const struct table_row *row)
{
    long most = -1;
    for (size_t c = 0; c < t->n_columns; c++)
        for (size_t i = 0; i < row->cells[c].wanted; i++)
            if (row->cells[c].origins[i].parameters > most)
                most = row->cells[c].origins[i].parameters;
    return most;
}

/* Do the two rows differ in the method alone: the same group, the same shots? */
static bool comparable(const struct table *t, const struct table_row *a, const struct table_row *b)
{
    return cell_complete(&a->cells[t->n_columns]) && cell_complete(&b->cells[t->n_columns]) &&
           str_eq(a->group, b->group) && a->cells[t->averaged].shots == b->cells[t->averaged].shots;
}

static struct found test_claim(const struct table *t, const struct claim *claim)
{
    struct found best = {0, 0, -INFINITY};
    for (size_t a = 0; a < t->n_ours; a++)
        for (size_t b = 0; b < t->n_ours; b++) {
            const struct table_row *row = &t->rows[a], *over = &t->rows[b];
            if (!str_eq(row->method, claim->method) || !str_eq(over->method, claim->over) ||
                !comparable(t, row, over) || parameters_of(t, row) > claim->most_parameters)
                continue;
            for (size_t k = 0; k < t->n_metrics; k++) {
                int m = t->metrics[k];
                double difference = row->cells[t->n_columns].value[m].stats.mean -
                                    over->cells[t->n_columns].value[m].stats.mean;
                if (table_metrics[m].published && difference > best.difference)
                    best = (struct found){a, m, difference};
            }
        }
    return best;
}

static bool has_method(const struct table *t, const char *method)
{
    for (size_t r = 0; r < t->n_ours; r++)
        if (str_eq(t->rows[r].method, method))
            return true;
    return false;
}

static void add_claim(struct table *t, const struct claim *claim)
{
    size_t averaged = t->n_columns - t->averaged;
    struct table_claim out = {mem_strdup(claim->claim), mem_strdup(claim->source), NULL,
                              "not tested"};
    if (!t->average || averaged != (size_t)claim->datasets) {
        out.text = str_format("it is about %d datasets, this table has %zu", claim->datasets,
                              t->average || averaged == 1 ? averaged : 0);
        goto add;
    }
    struct found best = test_claim(t, claim);
    if (isinf(best.difference)) {
        out.text = str_format("it needs the Average of a row with at most %d parameters and of the "
                              "row that it is compared with",
                              claim->most_parameters);
        goto add;
    }
    out.state = best.difference >= claim->points - 0.005 ? "holds" : "does not hold";
    out.text = str_format("at most %+.2f points, in %s, by %s with %ld parameters", best.difference,
                          table_metrics[best.metric].name, t->rows[best.row].label,
                          parameters_of(t, &t->rows[best.row]));
add:
    t->claims = mem_grow(t->claims, t->n_claims + 1, sizeof *t->claims);
    t->claims[t->n_claims++] = out;
}

int table_add_claims(struct table *t, const char *folder, struct err *e)
{
    char *path = fs_join(folder, "claims.json"), *text = NULL;
    json_t *all = NULL, *item;
    json_error_t where;
    size_t size, i;
    int rc = fs_read(&text, &size, path, 1 << 20, e);
    if (rc == ERR_MISSING) { // nothing is claimed
        rc = 0;
        goto out;
    }
    if (rc < 0)
        goto out;
    all = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_array(all)) {
        rc = err_set(e, ERR_PARSE, "%s:%d: expected an array of claims: %s", path, where.line,
                     where.text);
        goto out;
    }
    json_array_foreach(all, i, item)
    {
        struct claim claim;
        if (json_unpack_ex(item, &where, JSON_STRICT, "{s:s, s:s, s:s, s:s, s:i, s:F, s:i}",
                           "claim", &claim.claim, "source", &claim.source, "method", &claim.method,
                           "over", &claim.over, "datasets", &claim.datasets, "points",
                           &claim.points, "most_parameters", &claim.most_parameters) != 0) {
            rc = err_set(e, ERR_PARSE, "%s: claim %zu: %s", path, i + 1, where.text);
            goto out;
        }
        if (has_method(t, claim.method) && has_method(t, claim.over))
            add_claim(t, &claim);
    }
out:
    json_decref(all);
    free(text);
    free(path);
    return rc;
}
