/* What `promptgrid run` computes on: --device, looked at before anything is started. */
#ifndef PROMPTGRID_HARNESS_RUN_DEVICE_H
#define PROMPTGRID_HARNESS_RUN_DEVICE_H

#include "harness/sched/gpu.h"
#include "harness/plan/plan.h"

/* The GPUs for the wanted runs of a plan, none for the CPU, and in *need (plan->n, yours to free())
 * what each run is expected to take of one. ERR_MISSING when what was asked for is not there, or is
 * too small. What was chosen is said on stderr. */
int run_device(struct gpus *g, double **need, const char *wanted, const char *runner,
               const struct plan *p, struct err *e);

/* For a cluster: the device of its jobs, of --device (NULL: not given) over the recipe's or site's
 * `device` key. ERR_USAGE for GPUs of this machine. */
int run_device_elsewhere(const char **device, const char *wanted, const char *configured,
                         struct err *e);

#endif
