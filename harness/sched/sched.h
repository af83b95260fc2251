/*
 * The scheduler: starts as many runners as there is room for, waits for one to end, records it.
 *
 * State is the store's and nothing else's: a run is done when its rows are sealed there, so killing
 * the scheduler at any moment loses only the runs in progress, and the same command goes on.
 */
#ifndef PROMPTGRID_HARNESS_SCHED_H
#define PROMPTGRID_HARNESS_SCHED_H

#include "core/base/err.h"
#include "harness/sched/gpu.h"
#include "harness/plan/plan.h"
#include "results/store.h"

#include <stddef.h>

struct sched_options {
    const char *workspace, *runner; // folder, with its folders (jobfile_folders); program
    int jobs;                       // runners at once
    const struct gpus *gpus;        // to run on; none: the CPU
    size_t gpu_slots;               // runs at once on each, 0 = PLACE_RUNS; memory allowing
    const double *gpu_need; // (plan->n) bytes that each wanted run is expected to take there
    int threads;            // of each runner; 0 = share the cores out
    long max_failures;      // stop starting after so many; 0 = no limit
    long same_failures;     // the same, in a row and with one cause; 0 = no limit
    int retries;            // of a run that failed for a reason of the moment
    double retry_wait;      // seconds before the first of them, then twice that, ...
    double timeout, hang;   // seconds of a run, and without an event of it; 0 = no limit
    int checkpoint_every;   // seconds; 0 = after every epoch
    long revision, machine; // ids of the store's rows for this code and machine
};

struct sched_failure {
    char *label, *reason, *log, *command;
};

struct sched_result {
    size_t done, failed, cancelled;
    size_t skipped;                 // what they need failed
    size_t left;                    // wanted, never started
    size_t environment;             // failed for what is around them, as a full disk
    struct sched_failure *failures; // (failed)
    char *cause;                    // of same_failures, when they were reached
    char *lost;                     // the GPUs, when none is left; NULL otherwise
    int signal;                     // that asked to stop; 0 = none
};

/* Run what the plan wants. Failed runs are in the result; an error is one of the scheduler's own
 * (the store cannot be written, a runner cannot be started), after all runners were ended. */
int sched_run(const struct plan *p, struct store *s, const struct sched_options *o,
              struct sched_result *r, struct err *e);
void sched_result_release(struct sched_result *r);

/* Threads for the next runner when `width` could run at this moment and `used` cores are taken. */
int sched_threads(int cores, size_t width, int used);

#endif
