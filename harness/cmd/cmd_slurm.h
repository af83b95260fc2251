/* `promptgrid run RECIPE --executor slurm`, for cmd_run.c. */
#ifndef PROMPTGRID_HARNESS_CMD_SLURM_H
#define PROMPTGRID_HARNESS_CMD_SLURM_H

#include "harness/cmd/cmd.h"

#include <stdbool.h>

/* Is `executor` slurm? (NULL and "local" are not; ERR_USAGE for other names.) ERR_BUSY when it is
 * not while tasks of the workspace are in a cluster's queue: they would be run twice. */
int slurm_choose(const struct cmd_common *common, const char *executor, bool *slurm, struct err *e);

struct slurm_command {
    const struct cmd_common *common;
    const char *recipe;
    bool keep_going, submit_only, only_failed, require_clean;
    int checkpoint_every;
    int retries;        // of a run that failed for a reason of the moment
    long retry_wait;    // seconds before the first, then twice that, ...
    const char *device; // of --device; NULL: not given
};

/* Collect what there is, submit what is wanted, wait and collect. */
int slurm_command(const struct slurm_command *o, int *status, struct err *e);

#endif
