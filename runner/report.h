/*
 * What a train job says after each epoch.
 */
#ifndef PROMPTGRID_RUNNER_REPORT_H
#define PROMPTGRID_RUNNER_REPORT_H

#include "core/train/loop.h"

/* Send "epoch" (with the spectrum of a learned context, and of its change; and the fields of the
 * object `probed`), and add it to the array `curve`; ERR_NUMERIC when a parameter is no number. */
int report_epoch(struct learner *l, const struct loop_epoch *epoch, json_t *probed, json_t *curve,
                 struct err *e);

/* Send "progress", at most four times a second and at the end; *said: when it was last sent. */
void report_progress(double *said, int done, int of);

#endif
