/* The first event of every job: see start.h. */
#include "runner/start.h"

#include "core/proto/event.h"

#include <stdlib.h>

void start_send(const struct device *d, int threads, int resumed)
{
    char *device = device_describe(d);
    json_t *event = json_pack("{s:s, s:{s:s, s:s}, s:s, s:i}", "event", "start", "runner",
                              "version", PROMPTGRID_VERSION, "compiler", PROMPTGRID_BUILD, "device",
                              device, "threads", threads);
    if (resumed)
        json_object_set_new(event, "resumed", json_integer(resumed));
    event_send(event);
    free(device);
}
