/*
 * Why runs fail, and whether trying again may help.
 *
 * Classes, as stored with an attempt:
 *   timeout hang killed memory disk system   of the moment: tried again, a few times
 *   numeric                                  NaN or Inf: the reason says in which epoch and step
 *   corrupt missing parse range              bad data or a bad setting
 *   device                                   a GPU was lost under it: goes to another
 *   protocol crash exit bug usage            the runner
 */
#ifndef PROMPTGRID_HARNESS_FAILURE_H
#define PROMPTGRID_HARNESS_FAILURE_H

#include "core/base/str.h"

#include <stdbool.h>

/* Class of a runner that ended with this status, as of waitpid, and said no reason. */
const char *failure_of_status(int status);

/* Class of one that said "fail": a system error by what was short. */
const char *failure_of_event(const char *class_, const char *text);

bool failure_is_transient(const char *class_);
bool failure_wants_room(const char *class_);     // to be tried again with nothing beside it
bool failure_is_environment(const char *class_); // neither the run nor its data: disk, system

/* What failures with one cause have in common: class and reason without names and numbers. */
void failure_cause(const char *class_, const char *reason, struct str *out);

/* How many processes of our control group the kernel has killed for want of memory; -1 = unknown.
 */
long failure_oom_kills(void);

/* When the kernel did so since there were `before`: the class becomes "memory", the reason says it.
 */
void failure_check_oom(int status, long before, char class_[16], struct str *reason);

#endif
