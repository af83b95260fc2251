/* The parts of `promptgrid data`, and what they share. */
#ifndef PROMPTGRID_HARNESS_CMD_DATA_H
#define PROMPTGRID_HARNESS_CMD_DATA_H

#include "harness/cmd/cmd.h"

int cmd_data_check(const struct cmd *self, int argc, char **argv);
int cmd_data_show(const struct cmd *self, int argc, char **argv);
int cmd_data_fetch(const struct cmd *self, int argc, char **argv);
int cmd_data_link(const struct cmd *self, int argc, char **argv);
int cmd_data_new(const struct cmd *self, int argc, char **argv);

/* Where a dataset is put: the first folder that was given. ERR_USAGE when there was none. */
int cmd_data_root(const struct roots *roots, const char **root, struct err *e);

/* A dataset's folder: where it is, else where it is to be; yours to free(). */
int cmd_data_folder(const struct roots *roots, const struct dataset_row *row, char **folder,
                    struct err *e);

#endif
