/* Commands that are the runner's: this program becomes it, exit status and all. */
#ifndef PROMPTGRID_HARNESS_CMD_RUNNER_H
#define PROMPTGRID_HARNESS_CMD_RUNNER_H

/* `promptgrid-runner command argv[1..]`; returns (the exit status) only when that fails. */
int cmd_become_runner(const char *command, int argc, char **argv);

#endif
