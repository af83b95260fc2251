/*
 * The runner of a grid, kept for its length: a copy at <workspace>/runner/SHA256/NAME, so that a
 * rebuild changes neither a grid that runs nor the commands that repeat its runs.
 */
#ifndef PROMPTGRID_HARNESS_FREEZE_H
#define PROMPTGRID_HARNESS_FREEZE_H

#include "core/base/err.h"
#include "core/base/hash.h"

/* *out is the absolute path of the copy, yours to free(); made when it is not there or damaged.
 * Where nothing may be executed in the workspace, it is the program itself, with a warning. */
int freeze_runner(char **out, char sha256[HASH_HEX], const char *workspace, const char *runner,
                  struct err *e);

#endif
