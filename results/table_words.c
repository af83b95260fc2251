/* What is said around a table: what it shows, what its numbers mean, where they come from. */
#include "core/base/str.h"
#include "results/table_model.h"

#include <stdlib.h>
#include <string.h>

void table_subtitle(const struct table *t, struct str *out)
{
    for (size_t k = 0; k < t->n_metrics; k++)
        str_addf(out, "%s%s", k ? " / " : "", table_metrics[t->metrics[k]].name);
    str_add(out, " in percent");
    if (t->backbone)
        str_addf(out, ", %s", t->backbone);
    if (t->protocol)
        str_addf(out, ", %s", t->protocol);
    if (t->source)
        str_addf(out, ", trained on %s", t->source);
}

static bool shows(const struct table *t, int metric)
{
    for (size_t k = 0; k < t->n_metrics; k++)
        if (t->metrics[k] == metric)
            return true;
    return false;
}

static bool incomplete(const struct table *t)
{
    for (size_t r = 0; r < t->n_ours; r++)
        for (size_t c = 0; c < t->n_columns; c++)
            if (t->rows[r].cells[c].present < t->rows[r].cells[c].wanted)
                return true;
    return false;
}

void table_caption(const struct table *t, struct str *out)
{
    str_add(out, "Mean and sample standard deviation over seeds.");
    if (shows(t, METRIC_H))
        str_add(out, " H is the harmonic mean of mean base and mean new accuracy.");
    if (t->average)
        str_addf(out, " Average is the mean over %s%s",
                 t->averaged ? "the targets, without the source" : "datasets",
                 shows(t, METRIC_H) ? "; its H is the H of the averages." : ".");
    if (incomplete(t))
        str_add(out, " n/N: n of N seeds have a result; such cells are neither ranked nor "
                     "averaged.");
    if (t->n_rows > t->n_ours && t->average)
        str_add(out, " The Average of published rows is computed from them by the same rule.");
}

static void add_revisions(const struct table *t, struct str *out)
{
    size_t i;
    json_t *revision;
    if (json_array_size(t->revisions) == 0)
        return;
    str_add(out, "Code: ");
    json_array_foreach(t->revisions, i, revision)
    {
        const char *commit = json_string_value(json_object_get(revision, "commit"));
        bool dirty = json_is_true(json_object_get(revision, "dirty"));
        str_addf(out, "%s%.10s%s", i ? ", " : "", *commit ? commit : "outside a repository",
                 dirty ? " with uncommitted changes" : "");
    }
    str_add(out, ".\n");
}

void table_provenance(const struct table *t, struct str *out)
{
    size_t i;
    json_t *failure;
    char *store = t->store ? str_visible(t->store) : NULL;
    if (store)
        str_addf(out, "Results: %s, %zu of %zu runs done.\n", store, t->done, t->runs);
    else
        str_addf(out, "Results: none yet, 0 of %zu runs done.\n", t->runs);
    free(store);
    add_revisions(t, out);
    json_array_foreach(t->failed, i, failure)
    {
        const char *reason = json_string_value(json_object_get(failure, "reason"));
        char *text = str_format("%s: %s, %s, seed %d: %s",
                                json_string_value(json_object_get(failure, "state")),
                                json_string_value(json_object_get(failure, "row")),
                                json_string_value(json_object_get(failure, "column")),
                                (int)json_integer_value(json_object_get(failure, "seed")), reason);
        char *visible = str_visible(text);
        if (*visible >= 'a' && *visible <= 'z')
            *visible = (char)(*visible - 'a' + 'A');
        str_addf(out, "%s\n", visible);
        free(visible);
        free(text);
    }
    if (t->note)
        str_addf(out, "Note: %s.\n", t->note);
}
