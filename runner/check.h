/*
 * A job's files against the hashes in its spec: what was planned is what runs.
 */
#ifndef PROMPTGRID_RUNNER_CHECK_H
#define PROMPTGRID_RUNNER_CHECK_H

#include "core/base/err.h"

/* ERR_CORRUPT with both hashes unless they are equal. what: "weights", "split", ... */
int check_hash(const char *what, const char *path, const char *found, const char *wanted,
               struct err *e);
int check_file(const char *what, const char *path, const char *wanted, struct err *e);

#endif
