/* Epoch and progress events: see report.h. */
#include "runner/report.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/method/context.h"
#include "core/proto/event.h"
#include "core/train/spectrum.h"

#include <math.h>
#include <stdlib.h>

static int check_parameters(struct learner *l, int epoch, struct err *e)
{
    float *host = mem_alloc(l->n, sizeof *host);
    l->device->ops->download(l->device, host, l->parameters, l->n * sizeof *host);
    int rc = device_sync(l->device, e);
    for (size_t i = 0; i < l->n && rc == 0; i++)
        if (!isfinite(host[i]))
            rc = err_set(e, ERR_NUMERIC, "parameter %zu is %f after epoch %d", i, (double)host[i],
                         epoch + 1);
    free(host);
    return rc;
}

static json_t *json_reals(const double *values, int n)
{
    json_t *array = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(array, json_real(values[i]));
    return array;
}

static void set_new(json_t *event, const char *key, const char *ending, json_t *value)
{
    char *name = str_format("%s%s", key, ending);
    json_object_set_new(event, name, value);
    free(name);
}

/* What is said of x (groups, M, C), as means over the groups; names end in `ending`. */
static void add_shape(json_t *event, const char *ending, const float *x, int groups, int M, int C)
{
    double *values = mem_alloc(2 * (size_t)M, sizeof *values), *energy = values + M;
    double *means = mem_zero(2 * (size_t)M, sizeof *means), rank = 0, nuclear = 0;
    for (int g = 0; g < groups; g++) {
        spectrum(x + (size_t)g * (size_t)(M * C), M, C, values);
        spectrum_energy(values, M, energy);
        rank += spectrum_effective_rank(values, M) / groups;
        nuclear += spectrum_nuclear(values, M) / groups;
        for (int i = 0; i < 2 * M; i++)
            means[i] += values[i] / groups;
    }
    set_new(event, "singular", ending, json_reals(means, M));
    set_new(event, "effective_rank", ending, json_real(rank));
    set_new(event, "nuclear", ending, json_real(nuclear));
    set_new(event, "energy", ending, json_reals(means + M, M));
    free(values);
    free(means);
}

/* The context as it would be deployed now, and how far it is from its start. */
static void add_context(struct learner *l, json_t *event)
{
    const struct context *c = l->context;
    float *context = context_deployed(l);
    add_shape(event, "", context, c->groups, c->M, c->C);
    for (size_t i = 0; i < (size_t)c->contexts * (size_t)c->C; i++)
        context[i] -= c->start[i];
    add_shape(event, "_change", context, c->groups, c->M, c->C);
    free(context);
}

int report_epoch(struct learner *l, const struct loop_epoch *epoch, json_t *probed, json_t *curve,
                 struct err *e)
{
    int rc = check_parameters(l, epoch->epoch, e);
    if (rc < 0)
        return rc;
    json_t *event = json_pack("{s:s, s:i, s:f, s:f, s:f}", "event", "epoch", "epoch", epoch->epoch,
                              "loss", epoch->loss, "lr", epoch->lr, "accuracy", epoch->accuracy);
    if (l->context)
        add_context(l, event);
    json_object_update(event, probed);
    json_array_append(curve, event);
    event_send(event);
    return 0;
}

void report_progress(double *said, int done, int of)
{
    double seconds = sys_now();
    if (done < of && seconds - *said < 0.25)
        return;
    *said = seconds;
    event_send(json_pack("{s:s, s:i, s:i, s:s}", "event", "progress", "done", done, "of", of,
                         "unit", "epoch"));
}
