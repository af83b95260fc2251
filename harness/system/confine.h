/* What a program that only draws may do: see proc_run_confined. */
#ifndef PROMPTGRID_HARNESS_CONFINE_H
#define PROMPTGRID_HARNESS_CONFINE_H

/* From here on this process and what it becomes can start no process and open no socket; threads
 * are fine. Only system calls, so that it can stand between fork and exec. A kernel without seccomp
 * filters does nothing. */
void confine_self(void);

/* The part of our environment that such a program needs: where programs, fonts and temporary files
 * are, and a fixed locale. NULL-terminated; free() each and the array. */
char **confine_environment(void);

#endif
