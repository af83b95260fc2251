/* What the kernel says of our control group. */
#ifndef PROMPTGRID_HARNESS_CGROUP_H
#define PROMPTGRID_HARNESS_CGROUP_H

/* A file of our group, by its names in version 2 and in version 1 of the interface, of the
 * controller `controller` ("memory", "pids"); its text (at most 4 kB), yours to free(). NULL: there
 * is none. */
char *cgroup_read(const char *controller, const char *file_2, const char *file_1);

/* Of its one number, or of the one behind `key` at the start of a line; -1: none, or no limit
 * ("max", or what version 1 says for that). */
double cgroup_number(const char *controller, const char *file_2, const char *file_1,
                     const char *key);

#endif
