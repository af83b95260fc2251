/*
 * What happens while a prompt is trained, over the epochs: loss, the shape of the context, and the
 * accuracy of probed epochs. Each epoch of a run is placed as a run of its own.
 */
#include "harness/show/figure_curve.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/stats.h"

#include <math.h>
#include <stdlib.h>

static double number_at(const json_t *epoch, const struct figure_value_row *row)
{
    const json_t *value = row->curve ? json_object_get(epoch, row->curve) : NULL;
    if (row->at) {
        // the share of fewer directions than asked for is that of all
        size_t n = json_array_size(value), at = (size_t)row->at;
        value = n ? json_array_get(value, (at < n ? at : n) - 1) : NULL;
    }
    return json_is_number(value) ? row->scale * json_number_value(value) : NAN;
}

static void read_epoch(struct figure_run *out, const json_t *epoch)
{
    for (int v = 0; v < FIGURE_VALUES; v++)
        out->values[v] = number_at(epoch, &figure_values[v]);
    out->values[VALUE_H] = stats_harmonic(out->values[VALUE_BASE], out->values[VALUE_NEW]);
}

/* Does the epoch have one of the numbers that are shown? */
static bool is_shown(const struct recipe_figure *f, const struct figure_run *run)
{
    char **const lists[] = {f->metrics, f->second};
    for (int l = 0; l < 2; l++)
        for (char **name = lists[l]; name && *name; name++)
            if (!isnan(run->values[figure_value_find(*name)]))
                return true;
    return false;
}

int figure_epochs(struct plot **out, size_t *n, const struct figure_input *in, struct err *e)
{
    struct figure_run *epochs = NULL;
    struct figure_input expanded = *in;
    struct figure_context c;
    size_t most = 0, capacity = 0;
    expanded.n = 0;
    for (size_t i = 0; i < in->n; i++)
        most =
            json_array_size(in->runs[i].curve) > most ? json_array_size(in->runs[i].curve) : most;
    for (size_t i = 0; i < in->n; i++) {
        if (!in->runs[i].run->shots)
            continue; // not trained: no epochs
        // a run that is not done yet counts as missing in every epoch
        size_t length = json_array_size(in->runs[i].curve);
        for (size_t k = 0; k < (length ? length : most); k++) {
            struct figure_run run = in->runs[i];
            read_epoch(&run, json_array_get(in->runs[i].curve, k));
            run.epoch = (double)k + 1;
            if (!length || is_shown(in->figure, &run))
                MEM_PUSH(epochs, expanded.n, capacity) = run;
        }
    }
    expanded.runs = epochs;
    int rc = figure_place(&c, &expanded, e);
    if (rc == 0)
        figure_curves(&c, out, n, in, "epoch");
    figure_place_release(&c);
    free(epochs);
    return rc;
}
