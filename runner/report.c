/* Epoch and progress events: see report.h. */
#include "runner/report.h"

#include "core/base/mem.h"
#include "core/method/context.h"
#include "core/proto/event.h"
#include "core/train/spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

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

static void add_spectrum(struct learner *l, json_t *event)
{
    const struct context *c = l->context;
    double *values = mem_alloc((size_t)c->M, sizeof *values);
    float *context = context_deployed(l);
    spectrum(context, c->M, c->C, values);
    json_object_set_new(event, "singular", json_reals(values, c->M));
    json_object_set_new(event, "effective_rank", json_real(spectrum_effective_rank(values, c->M)));
    for (int i = 0; i < c->M * c->C; i++)
        context[i] -= c->start[i];
    spectrum(context, c->M, c->C, values);
    json_object_set_new(event, "singular_change", json_reals(values, c->M));
    free(context);
    free(values);
}

int report_epoch(struct learner *l, const struct loop_epoch *epoch, json_t *curve, struct err *e)
{
    int rc = check_parameters(l, epoch->epoch, e);
    if (rc < 0)
        return rc;
    json_t *event = json_pack("{s:s, s:i, s:f, s:f, s:f}", "event", "epoch", "epoch", epoch->epoch,
                              "loss", epoch->loss, "lr", epoch->lr, "accuracy", epoch->accuracy);
    if (l->context && l->context->groups == 1)
        add_spectrum(l, event);
    json_array_append(curve, event);
    event_send(event);
    return 0;
}

void report_progress(double *said, int done, int of)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (done < of && seconds - *said < 0.25)
        return;
    *said = seconds;
    event_send(json_pack("{s:s, s:i, s:i, s:s}", "event", "progress", "done", done, "of", of,
                         "unit", "epoch"));
}
