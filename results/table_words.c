/* What is said around a table: what it shows, what its numbers mean, where they come from. */
#include "core/base/str.h"
#include "results/escape.h"
#include "results/table_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "base / new / H in percent, parameters, time in seconds" */
static void metric_words(const struct table *t, struct str *out)
{
    for (size_t k = 0; k < t->n_metrics; k++) {
        const struct table_metric *m = &table_metrics[t->metrics[k]];
        const char *next = k + 1 < t->n_metrics ? table_metrics[t->metrics[k + 1]].unit : NULL;
        bool last = k + 1 == t->n_metrics || !str_eq(m->unit, next);
        str_add(out, m->name);
        if (last && m->unit)
            str_addf(out, " in %s", m->unit);
        if (k + 1 < t->n_metrics)
            str_add(out, last ? ", " : " / ");
    }
}

void table_subtitle(const struct table *t, struct str *out)
{
    metric_words(t, out);
    if (t->baseline)
        str_addf(out, ", as differences from %s", t->baseline);
    if (t->backbone)
        str_addf(out, ", %s", t->backbone);
    if (t->protocol)
        str_addf(out, ", %s", t->protocol);
    if (t->source)
        str_addf(out, ", trained on %s", t->source);
}

static bool incomplete(const struct table *t)
{
    for (size_t r = 0; r < table_first_published(t); r++)
        for (size_t c = 0; c < t->n_columns; c++)
            if (t->rows[r].cells[c].present < t->rows[r].cells[c].wanted)
                return true;
    return false;
}

static void average_words(const struct table *t, struct str *out)
{
    str_addf(out, " Average is the mean over %s",
             t->averaged ? "the targets, without the source" : "datasets");
    if (table_shows(t, METRIC_H))
        str_add(out, t->mean_of_h ? "; its H is the mean of their H"
                                  : "; its H is the H of the averages");
    str_addc(out, '.');
}

/* When is a number reproduced? */
static void tolerance_words(const struct table *t, struct str *out)
{
    if (t->tolerance > 0)
        str_addf(out, "%g points", t->tolerance);
    else
        str_add(out, "the larger of 0.5 points and half of Student's 95 % interval");
}

static size_t judged(const struct table *t)
{
    return t->n_verdicts[VERDICT_REPRODUCED] + t->n_verdicts[VERDICT_HIGHER] +
           t->n_verdicts[VERDICT_LOWER];
}

void table_caption(const struct table *t, struct str *out)
{
    str_addf(out, "Mean and %s over seeds.",
             t->t_interval ? "half of Student's 95 % interval" : "sample standard deviation");
    if (t->baseline)
        str_addf(out, " Other rows than %s show how far their means are from its.", t->baseline);
    if (table_shows(t, METRIC_H))
        str_add(out, " H is the harmonic mean of mean base and mean new accuracy.");
    if (t->average)
        average_words(t, out);
    if (incomplete(t))
        str_add(out, " n/N: n of N seeds have a result; such cells are neither ranked nor "
                     "averaged.");
    if (t->n_imported)
        str_add(out, " Rows marked (imported) are from logs of other programs; they are not "
                     "ranked.");
    if (t->n_rows > table_first_published(t) && t->average)
        str_add(out, " The Average of published rows is computed from them by the same rule.");
    if (t->verdicts && judged(t)) {
        str_add(out, " Verdict: = is reproduced, within ");
        tolerance_words(t, out);
        str_add(out, "; otherwise by how many points ours is higher or lower.");
    }
}

static void put_line(struct str *out, const char *text)
{
    escape_text(out, text);
    str_addc(out, '\n');
}

void table_verdicts(const struct table *t, struct str *out)
{
    const size_t *n = t->n_verdicts;
    if (t->verdicts && judged(t)) {
        str_addf(out, "Against published numbers: %zu of %zu cells reproduced",
                 n[VERDICT_REPRODUCED], judged(t));
        if (n[VERDICT_HIGHER] || n[VERDICT_LOWER])
            str_addf(out, ", %zu higher, %zu lower", n[VERDICT_HIGHER], n[VERDICT_LOWER]);
        if (n[VERDICT_NO_CLAIM])
            str_addf(out, "; %zu without a published number", n[VERDICT_NO_CLAIM]);
        if (n[VERDICT_INCOMPLETE])
            str_addf(out, "; %zu incomplete", n[VERDICT_INCOMPLETE]);
        str_add(out, ".\n");
    }
    for (size_t i = 0; i < t->n_claims; i++) {
        const struct table_claim *c = &t->claims[i];
        char *text =
            str_format("Claim of %s: %s. Here: %s: %s.", c->source, c->claim, c->state, c->text);
        put_line(out, text);
        free(text);
    }
}

static void put_failure(struct str *out, const json_t *failure)
{
    char *text =
        str_format("%s: %s, %s, seed %d: %s", json_string_value(json_object_get(failure, "state")),
                   json_string_value(json_object_get(failure, "row")),
                   json_string_value(json_object_get(failure, "column")),
                   (int)json_integer_value(json_object_get(failure, "seed")),
                   json_string_value(json_object_get(failure, "reason")));
    if (*text >= 'a' && *text <= 'z')
        *text = (char)(*text - 'a' + 'A');
    put_line(out, text);
    free(text);
}

void table_failures(const struct table *t, struct str *out)
{
    size_t i;
    json_t *failure;
    json_array_foreach(t->failed, i, failure)
    {
        put_failure(out, failure);
    }
}

void table_provenance(const struct table *t, struct str *out)
{
    char *results =
        t->store ? str_format("Results: %s, %zu of %zu runs done.", t->store, t->done, t->runs)
                 : str_format("Results: none yet, 0 of %zu runs done.", t->runs);
    put_line(out, results);
    free(results);
    if (t->imported) {
        char *imported = str_format("Imported: %zu of %zu runs, from logs of other programs.",
                                    t->imported_done, t->imported);
        put_line(out, imported);
        free(imported);
    }
    if (t->n_codes)
        str_add(out, "Code: ");
    for (size_t k = 0; k < t->n_codes; k++) {
        str_add(out, k ? ", " : "");
        table_code_words(&t->codes[k].code, out);
    }
    if (t->n_codes)
        str_add(out, ".\n");
    if (t->recipe) {
        char *recipe =
            str_format("Recipe: %s (%.10s).", t->recipe, t->recipe_sha256 ? t->recipe_sha256 : "");
        put_line(out, recipe);
        free(recipe);
    }
    if (t->command) {
        char *command = str_format("Command: %s", t->command);
        put_line(out, command);
        free(command);
    }
    table_failures(t, out);
    if (t->note) {
        char *note = str_format("Note: %s.", t->note);
        put_line(out, note);
        free(note);
    }
}
