/*
 * How long the rest will take: runs of one kind (job, dataset, method) take about as long as those
 * of the kind that have ended, or as the plan expects, or as other runs of the same job did.
 */
#ifndef PROMPTGRID_HARNESS_ETA_H
#define PROMPTGRID_HARNESS_ETA_H

#include "harness/plan/plan.h"
#include "harness/sched/queue.h"

struct eta_group {
    char *key;
    const char *job;           // borrowed from the plan
    size_t waiting;            // runs not started, as of the last eta_waiting
    size_t measured, expected; // runs behind the sums
    double measured_s, expected_s;
};

struct eta {
    struct eta_group *groups;
    size_t n, capacity;
    int *of; // (plan->n) index of the run's group
};

void eta_init(struct eta *t, const struct plan *p);
void eta_release(struct eta *t);
void eta_took(struct eta *t, size_t run, double seconds);
double eta_run(const struct eta *t, size_t run); // seconds, -1 = unknown

/* Of a run that has worked for `gone` seconds and come to `step` of `of` (0: it has not said): once
 * it takes longer than eta_run, as far as it has come says more. -1 = unknown. */
double eta_left(const struct eta *t, size_t run, double gone, long step, long of);

/* Sum over the runs that wait, -1 = unknown. */
double eta_waiting(struct eta *t, const struct queue *q);

#endif
