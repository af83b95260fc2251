/*
 * The first event of every job: who does it, on what.
 */
#ifndef PROMPTGRID_RUNNER_START_H
#define PROMPTGRID_RUNNER_START_H

#include "core/device/device.h"

/* Send "start". resumed: epochs that an earlier attempt has done, 0 = a fresh start. */
void start_send(const struct device *d, int threads, int resumed);

#endif
