/*
 * The device of a job, and its first event: who does it, on what.
 */
#ifndef PROMPTGRID_RUNNER_START_H
#define PROMPTGRID_RUNNER_START_H

#include "core/device/device.h"
#include "core/proto/job.h"

/* The job's device, in the precision of its spec; "auto" is the first usable GPU, or the CPU.
 * ERR_DEVICE when a GPU that the job names by its number cannot be had. */
int start_device(struct device **out, const struct job *job, struct err *e);

/* Send "start". resumed: epochs that an earlier attempt has done, 0 = a fresh start. */
void start_send(const struct device *d, int threads, int resumed);

#endif
