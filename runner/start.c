/* The device of a job, and its first event: see start.h. */
#include "runner/start.h"

#include "core/base/str.h"
#include "core/proto/event.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

static bool has_gpu(void)
{
    struct device_info info[16];
    char why[256];
    int n = device_probe(info, sizeof info / sizeof info[0], why, sizeof why), usable = 0;
    for (int i = 0; i < n; i++)
        usable += !*info[i].problem;
    return usable > 0;
}

/* What of a precision is the whole device's. */
static int set_precision(struct device **d, const char *precision, struct err *e)
{
    (*d)->half = str_eq(precision, "fp16-storage");
    (*d)->tf32 = str_eq(precision, "tf32");
    if (!(*d)->tf32 || !str_eq((*d)->ops->kind, "cpu"))
        return 0;
    device_close(*d);
    *d = NULL;
    return err_set(e, ERR_RANGE,
                   "precision 'tf32' is a GPU's and this run is on the CPU; use '--device cuda' or "
                   "precision 'fp32'");
}

int start_device(struct device **out, const struct job *job, struct err *e)
{
    const char *kind = job->device ? job->device : "cpu";
    if (str_eq(kind, "auto"))
        kind = has_gpu() ? "cuda" : "cpu";
    int rc = device_open(out, kind, job->threads, e);
    // A GPU with a number was there when the scheduler looked: it is lost, and others may do.
    if (rc < 0 && rc != ERR_MEMORY && strchr(kind, ':'))
        rc = e->code = ERR_DEVICE;
    return rc < 0 ? rc : set_precision(out, spec_get_text(job->spec, "precision"), e);
}

void start_send(const struct device *d, int threads, int resumed)
{
    char *device = device_describe(d);
    // The order of a sum on a GPU follows its number of multiprocessors and its libraries.
    const char *class_ = str_eq(d->ops->kind, "cpu") ? "bitwise" : "device";
    json_t *event = json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:i}", "event", "start", "runner",
                              "version", PROMPTGRID_VERSION, "compiler", PROMPTGRID_BUILD, "device",
                              device, "determinism", class_, "threads", threads);
    if (resumed)
        json_object_set_new(event, "resumed", json_integer(resumed));
    event_send(event);
    free(device);
}
