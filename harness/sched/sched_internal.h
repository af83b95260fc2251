/*
 * What the scheduler's files share: its state, and who does what. sched.c waits, sched_start.c
 * starts runs, sched_end.c records their ends, sched_gpu.c knows GPUs, sched_draw.c shows it.
 */
#ifndef PROMPTGRID_HARNESS_SCHED_INTERNAL_H
#define PROMPTGRID_HARNESS_SCHED_INTERNAL_H

#include "harness/sched/collect.h"
#include "harness/sched/eta.h"
#include "harness/plan/jobfile.h"
#include "harness/plan/label.h"
#include "harness/sched/place.h"
#include "harness/system/proc.h"
#include "harness/sched/progress.h"
#include "harness/sched/queue.h"
#include "harness/sched/retry.h"
#include "harness/sched/sched.h"
#include "harness/sched/tally.h"

/* A runner at work. */
struct slot {
    struct proc proc;
    struct collect collect;
    struct jobfile job;
    size_t run;            // index in the plan
    int attempt, threads;  // attempt 0: it has no row yet
    double started, heard; // heard: its last event came
    size_t fed;            // bytes of events by then
    bool ended;            // we sent SIGKILL
    bool alone;            // nothing else is to run beside it
    int gpu;               // place of the places; -1: the CPU
    bool gpu_alone;        // nothing else is to run there
    const char *cause;     // class, when we ended it for taking too long; NULL otherwise
};

struct sched {
    const struct plan *plan;
    struct store *store;
    const struct sched_options *options;
    struct sched_result *result;
    struct queue queue;
    struct retry retry;
    struct places places;  // none: the CPU
    unsigned char *losses; // (plan->n) GPUs that were lost under each run
    struct eta eta;
    struct labels labels;
    struct progress progress;
    struct tally tally; // zero where nobody looks
    struct slot *slots; // (running)
    struct slot ready;  // with has_ready: the runner of the next run waits for its turn
    bool has_ready;
    double ready_at; // it is not tried before this time
    size_t running;
    size_t total;     // runs that were to run
    struct str cause; // of the failures in a row
    long in_row;      // how many there are
    int no_room;      // starts in a row that the system had no room for
    double start_at;  // no start before this time
    long oom_kills;   // in our control group, before or as of the last failure
    bool given_up;    // too many failures with one cause
    int signals;      // signalfd
    double drawn;     // time of the live line
    double kill_at;   // when stopping: the time for SIGKILL
    bool stopping;    // no more starts, runners are asked to end
};

/* May a run be started now? And with nothing running, will one be startable later? */
bool sched__has_room(const struct sched *s);
bool sched__has_room_later(const struct sched *s);

/* One more run, if there is one to start: 1 it was started or will be tried again, 0 there is none.
 */
int sched__start_next(struct sched *s, struct err *e);

/* While every place is taken: start the runner of the next run, so that it can begin at once when
 * its turn comes. Nothing is recorded of it before that; where it cannot be, and once too many have
 * failed, none waits. */
void sched__prepare(struct sched *s);
void sched__drop_ready(struct sched *s);

/* The runner of slot i has ended: record it and close the gap. */
int sched__finish(struct sched *s, size_t i, struct err *e);

/* Which run is next, and on which GPU: false, none that there is room for. A retry has its texts
 * taken out. It is not yet taken from the queue. */
struct next {
    size_t run;
    bool retried, alone, gpu_alone;
    int gpu; // -1: the CPU
};
bool sched__next(struct sched *s, struct next *out);

/* A run that found too little memory on its GPU: tried again once, alone there (true), or its
 * reason gets the sizes. */
bool sched__gpu_memory(struct sched *s, const struct slot *slot, const char *label,
                       struct str *reason);

/* The GPU of a run is lost: what else runs there is ended, nothing more is started there, and the
 * run waits for another GPU (true); or it is the second GPU under this run. */
bool sched__gpu_lost(struct sched *s, const struct slot *slot, const char *label,
                     struct str *reason);

/* Rewrite the live lines, at most ten times a second. */
void sched__draw(struct sched *s);

/* Runs that wait for a try that will not come. */
void sched__end_retries(struct sched *s);

#endif
