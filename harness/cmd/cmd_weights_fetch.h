/* `promptgrid weights fetch`. */
#ifndef PROMPTGRID_HARNESS_CMD_WEIGHTS_FETCH_H
#define PROMPTGRID_HARNESS_CMD_WEIGHTS_FETCH_H

#include "harness/cmd/cmd.h"

int cmd_weights_fetch(const struct cmd *self, int argc, char **argv);

#endif
