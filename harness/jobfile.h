/*
 * Where the files of a run are in the workspace, and its job file (core/proto/job.h):
 *
 *   jobs/RUN.json   logs/RUN.ATTEMPT.log   banks/RUN.bank   prompts/RUN.safetensors
 *
 * Paths are absolute, so that a job can be repeated from any folder.
 */
#ifndef PROMPTGRID_HARNESS_JOBFILE_H
#define PROMPTGRID_HARNESS_JOBFILE_H

#include "harness/plan.h"

struct jobfile {
    char *path, *log, *out;
    const char *kind; // of artifact at `out`: "bank" or "prompt"
};

/* Make the folders, and remove partial files whose writers are dead. */
int jobfile_folders(const char *workspace, struct err *e);

/* Write the job file of plan->runs[run] for its `attempt`-th attempt. */
int jobfile_write(struct jobfile *j, const struct plan *p, size_t run, const char *workspace,
                  int threads, int attempt, struct err *e);
void jobfile_release(struct jobfile *j); // fine when zero

/* The bank of an encode run; yours to free(). */
char *jobfile_bank(const char *workspace, const char *run);

#endif
