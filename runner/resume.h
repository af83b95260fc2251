/*
 * Checkpoints of a train job: the newest is found at the start and gone on from, new ones are
 * written on the way. They speed a repeated job up and decide nothing: one that cannot be used is
 * named in the log and passed over, and one that cannot be written does not end the training.
 */
#ifndef PROMPTGRID_RUNNER_RESUME_H
#define PROMPTGRID_RUNNER_RESUME_H

#include "core/device/known.h"
#include "core/proto/job.h"
#include "core/train/checkpoint.h"

struct resume {
    const struct job *job; // borrowed
    char *code;            // SHA-256 of this program, and the device
    struct checkpoint found;
    int epoch;      // epochs done by an earlier attempt; 0 = none
    json_t *curve;  // epoch events sent so far
    double written; // when the last one was, or the training began
    bool warned;    // that one could not be written
};

/* Look for a checkpoint, if the job has a place for one. */
int resume_open(struct resume *r, const struct job *job, const struct device *d, struct err *e);
void resume_close(struct resume *r); // fine when zero

/* Put learner and state where the checkpoint has them, and say again what was said until there. */
int resume_apply(struct resume *r, struct learner *l, struct loop_state *state, struct err *e);

/* After an epoch whose event is in r->curve: write one, when it is time and the device's known
 * answer is right (ERR_DEVICE: it is not). ERR_CANCELLED when somebody asked to end
 * (runner/stop.h). */
int resume_keep(struct resume *r, struct known *known, struct learner *l,
                const struct loop_state *state, struct err *e);

#endif
