/*
 * What would stop a run on this machine, or make it poorer, and how to mend it: a list of lines.
 * Each check looks and adds lines; none changes anything.
 */
#ifndef PROMPTGRID_HARNESS_DOCTOR_H
#define PROMPTGRID_HARNESS_DOCTOR_H

#include "core/data/catalogue.h"
#include "harness/sched/gpu.h"

enum doctor_state {
    DOCTOR_OK,
    DOCTOR_WARN, // runs go, but not as well as they could
    DOCTOR_FAIL, // it would stop a run
    DOCTOR_STATES,
};
extern const char *const doctor_state_names[]; // "ok", "warn", "fail"

struct doctor_line {
    const char *name; // a literal: "disk"
    enum doctor_state state;
    char *text;
    char *mend; // NULL: nothing is to be done
};

struct doctor {
    struct doctor_line *lines; // (n)
    size_t n, capacity;
    size_t count[DOCTOR_STATES];

    /* what the checks look at */
    const struct roots *roots;              // NULL: they could not be opened
    const char *workspace, *store, *runner; // folder, database, program
    struct gpus gpus;                       // by doctor_programs
};

void doctor_add(struct doctor *d, const char *name, enum doctor_state state, const char *mend,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
void doctor_release(struct doctor *d);

/* "12.3 GB" */
void doctor_size(double bytes, char out[24]);

/* harness/doctor/doctor_programs.c: the runner and its GPUs, what draws, LaTeX, Slurm */
void doctor_programs(struct doctor *d);
/* harness/doctor/doctor_files.c: code, data, weights, the workspace and its disk */
void doctor_files(struct doctor *d);
void doctor_recipe(struct doctor *d, const char *recipe);
/* harness/doctor/doctor_limits.c: cores, memory, what the system allows a process */
void doctor_limits(struct doctor *d);

/* Of something `needed` is plenty and there is `has` (negative: no limit): less is a warning, less
 * than a quarter of it would stop a run. */
enum doctor_state doctor_judge(double has, double needed);

#endif
