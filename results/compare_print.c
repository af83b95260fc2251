/* Comparisons as text and JSON: see compare.h. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/compare.h"
#include "results/escape.h"
#include "results/lines.h"
#include "results/table_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *visible(const char *text)
{
    struct str s = STR_INIT;
    escape_text(&s, text);
    return str_detach(&s);
}

/* "0.0079", "1.2e-05"; "-" for none. */
static char *p_text(double p)
{
    if (isnan(p))
        return mem_strdup("-");
    return p < 1e-4 ? str_format("%.1e", p) : str_format("%.4f", p);
}

static char *points_text(double value)
{
    return isnan(value) ? mem_strdup("-") : str_format("%+.2f", value);
}

/* ---- two rows ---- */

static void put_images(const struct comparison *c, struct str *out)
{
    struct lines l = {.columns = 8};
    char *only_a = str_format("only %s", c->a), *only_b = str_format("only %s", c->b);
    const char *const titles[] = {"", "", "seeds", "images", only_a, only_b, "p", "Holm"};
    for (size_t i = 0; i < l.columns; i++)
        lines_add_visible(&l, titles[i]);
    for (size_t i = 0; i < c->n_images; i++) {
        const struct compare_images *m = &c->images[i];
        lines_add_visible(&l, m->column);
        lines_add(&l, mem_strdup(m->metric));
        lines_add(&l, str_format("%zu", m->seeds));
        lines_add(&l, str_format("%zu", m->images));
        lines_add(&l, str_format("%zu", m->only_a));
        lines_add(&l, str_format("%zu", m->only_b));
        lines_add(&l, p_text(m->p));
        lines_add(&l, p_text(m->holm));
    }
    lines_put(&l, 2, out);
    free(only_a);
    free(only_b);
}

static void put_datasets(const struct comparison *c, struct str *out)
{
    struct lines l = {.columns = 8};
    static const char *const titles[] = {"",           "datasets", "mean",       "95 % bootstrap",
                                         "Wilcoxon p", "Holm",     "paired t p", "Holm"};
    for (size_t i = 0; i < l.columns; i++)
        lines_add(&l, mem_strdup(titles[i]));
    for (size_t i = 0; i < c->n_datasets; i++) {
        const struct compare_datasets *d = &c->datasets[i];
        lines_add(&l, mem_strdup(d->metric));
        lines_add(&l, str_format("%zu", d->n));
        lines_add(&l, points_text(d->mean));
        lines_add(&l, isnan(d->interval.low)
                          ? mem_strdup("-")
                          : str_format("%+.2f to %+.2f", d->interval.low, d->interval.high));
        lines_add(&l, p_text(d->wilcoxon.p));
        lines_add(&l, p_text(d->wilcoxon_holm));
        lines_add(&l, p_text(d->t.p));
        lines_add(&l, p_text(d->t_holm));
    }
    lines_put(&l, 1, out);
}

void compare_text(const struct comparison *c, const struct table *t, struct str *out)
{
    char *title = visible(t->title), *a = visible(c->a), *b = visible(c->b);
    str_addf(out, "%s against %s: %s\n", a, b, title);
    if (c->n_images) {
        str_add(out, "\nTest images that only one of them gets right (McNemar)\n\n");
        put_images(c, out);
        str_add(out, "\nWith several seeds an image counts for the method that is right on it in "
                     "more of the\nseeds that both have. Holm: p corrected for the number of "
                     "datasets.\n");
    }
    if (c->n_datasets) {
        str_addf(out, "\n%s less %s over datasets, in points\n\n", a, b);
        put_datasets(c, out);
        str_add(out, "\nHolm: p corrected for the number of metrics. The interval is of the mean, "
                     "over datasets\ndrawn anew 10,000 times.\n");
    }
    if (c->n_skipped)
        str_add(out, "\nNot compared:\n");
    for (size_t i = 0; i < c->n_skipped; i++) {
        str_add(out, "  ");
        escape_text(out, c->skipped[i]);
        str_addc(out, '\n');
    }
    free(title);
    free(a);
    free(b);
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *test_json(const struct test *t, double corrected)
{
    return json_pack("{s:I, s:o, s:o, s:o}", "n", (json_int_t)t->n, "statistic",
                     real_or_null(t->statistic), "p", real_or_null(t->p), "holm",
                     real_or_null(corrected));
}

json_t *compare_json(const struct comparison *c)
{
    json_t *images = json_array(), *datasets = json_array(), *skipped = json_array();
    for (size_t i = 0; i < c->n_images; i++) {
        const struct compare_images *m = &c->images[i];
        json_array_append_new(
            images, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f}", "column", m->column,
                              "metric", m->metric, "seeds", (json_int_t)m->seeds, "images",
                              (json_int_t)m->images, "only_a", (json_int_t)m->only_a, "only_b",
                              (json_int_t)m->only_b, "p", m->p, "holm", m->holm));
    }
    for (size_t i = 0; i < c->n_datasets; i++) {
        const struct compare_datasets *d = &c->datasets[i];
        json_array_append_new(
            datasets, json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "metric", d->metric, "n",
                                (json_int_t)d->n, "mean", real_or_null(d->mean), "low",
                                real_or_null(d->interval.low), "high",
                                real_or_null(d->interval.high), "t", test_json(&d->t, d->t_holm),
                                "wilcoxon", test_json(&d->wilcoxon, d->wilcoxon_holm)));
    }
    for (size_t i = 0; i < c->n_skipped; i++)
        json_array_append_new(skipped, json_string(c->skipped[i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "a", c->a, "b", c->b, "images", images,
                     "datasets", datasets, "skipped", skipped);
}

/* ---- ranks ---- */

static double real_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Rows by rank, best first; equal ones in the order of the table. */
static void put_ranks(const json_t *ranks, struct str *out)
{
    struct lines l = {.columns = 2};
    size_t n = json_array_size(ranks);
    bool *used = mem_zero(n + 1, sizeof *used);
    for (size_t place = 0; place < n; place++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (!used[i] && (best == n || real_at(json_array_get(ranks, i), "rank") <
                                              real_at(json_array_get(ranks, best), "rank")))
                best = i;
        const json_t *row = json_array_get(ranks, best);
        const char *group = json_string_value(json_object_get(row, "group"));
        char *label = str_format("  %s%s%s", group ? group : "", group ? ": " : "",
                                 json_string_value(json_object_get(row, "row")));
        used[best] = true;
        lines_add_visible(&l, label);
        lines_add(&l, str_format("%.2f", real_at(row, "rank")));
        free(label);
    }
    lines_put(&l, 1, out);
    free(used);
}

void compare_ranks_text(const json_t *all, struct str *out)
{
    size_t i;
    json_t *m;
    json_array_foreach(all, i, m)
    {
        json_int_t n = json_integer_value(json_object_get(m, "datasets"));
        str_addf(out, "%s%s: average rank over %lld dataset%s, 1 is best\n\n", i ? "\n" : "",
                 json_string_value(json_object_get(m, "metric")), (long long)n, n == 1 ? "" : "s");
        put_ranks(json_object_get(m, "ranks"), out);
        char *p = p_text(real_at(m, "p"));
        if (n > 1)
            str_addf(out,
                     "\nFriedman's test: chi-squared %.3f, p %s. Ranks differ at the 5 %% level "
                     "when they are\nmore than %.2f apart (Nemenyi's critical difference).\n",
                     real_at(m, "statistic"), p, real_at(m, "critical_difference"));
        free(p);
    }
}
