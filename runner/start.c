/* The first event of every job: see start.h. */
#include "runner/start.h"

#include "core/proto/event.h"

#include <stdlib.h>

void start_send(const struct device *d, int threads)
{
    char *device = device_describe(d);
    event_send(json_pack("{s:s, s:{s:s, s:s}, s:s, s:i}", "event", "start", "runner", "version",
                         PROMPTGRID_VERSION, "compiler", PROMPTGRID_BUILD, "device", device,
                         "threads", threads));
    free(device);
}
