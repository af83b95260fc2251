/*
 * Where the files of a run are in the workspace, and its job file (core/proto/job.h):
 *
 *   jobs/RUN.json   logs/RUN.ATTEMPT.log   banks/RUN.bank   prompts/RUN.safetensors
 *   checkpoints/RUN.safetensors and .previous, until the run is done
 *
 * Paths are absolute, so that a job can be repeated from any folder.
 */
#ifndef PROMPTGRID_HARNESS_JOBFILE_H
#define PROMPTGRID_HARNESS_JOBFILE_H

#include "harness/plan/plan.h"
#include "results/store.h"

struct jobfile {
    char *path, *log, *out;
    const char *kind; // of artifact at `out`: "bank" or "prompt"; both NULL of an eval job
};

/* Make the folders, and remove partial files whose writers are dead. */
int jobfile_folders(const char *workspace, struct err *e);

/* Remove what fs_create left behind in a folder ("NAME.part-PID", for SQLite also with "-journal")
 * when its process was killed. */
int jobfile_sweep(const char *folder, struct err *e);

/* How a run is carried out: nothing of its identity. */
struct jobfile_how {
    int threads, every; // a checkpoint is kept at most every so many seconds
    const char *device; // as in core/proto/job.h; NULL = the CPU
    bool unsynced;      // one of many: jobfile_sync at the end
};

/* Write the job file of plan->runs[run] for its `attempt`-th attempt. */
int jobfile_write(struct jobfile *j, const struct plan *p, size_t run, const char *workspace,
                  int attempt, const struct jobfile_how *how, struct err *e);
int jobfile_sync(const char *workspace, struct err *e); // what was written unsynced is on disk
void jobfile_release(struct jobfile *j);                // fine when zero

/* The run is done, the store says so: its checkpoints go. */
void jobfile_done(const char *workspace, const char *run);

/* The same for runs whose scheduler died between the two. */
int jobfile_leftovers(const char *workspace, struct store *s, struct err *e);

/* The files of a run, there or not; yours to free(). */
char *jobfile_bank(const char *workspace, const char *run);   // that an encode run makes
char *jobfile_prompt(const char *workspace, const char *run); // that a train run makes
char *jobfile_job(const char *workspace, const char *run);

#endif
