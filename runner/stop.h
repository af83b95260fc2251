/*
 * A cluster asks a task to end with SIGTERM, some time before it kills it: time for a checkpoint.
 * Jobs that keep none end at once, as they would without this.
 */
#ifndef PROMPTGRID_RUNNER_STOP_H
#define PROMPTGRID_RUNNER_STOP_H

#include <stdbool.h>

void stop_watch(void); // from now on stop_later may ask for time
void stop_later(void); // this job looks at stop_asked between its steps
bool stop_asked(void);

#endif
