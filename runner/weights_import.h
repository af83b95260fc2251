/* `weights import`: see weights.h. */
#ifndef PROMPTGRID_RUNNER_WEIGHTS_IMPORT_H
#define PROMPTGRID_RUNNER_WEIGHTS_IMPORT_H

#include "core/base/err.h"

#include <stdbool.h>

struct weights_import {
    const char *file;
    const char *name; // of the backbone; NULL: that of a known file, or for all (merges)
    bool move;        // remove the file when it is imported
};

/* Into the folder `backbones`; prints the path of what was written. */
int weights_import(const struct weights_import *o, const char *backbones, struct err *e);

#endif
