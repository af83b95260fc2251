/*
 * Chatter for people, on stderr. Results go to stdout elsewhere; library code never prints.
 * Lines are "promptgrid: text".
 */
#ifndef PROMPTGRID_BASE_LOG_H
#define PROMPTGRID_BASE_LOG_H

struct err;

void log_name(const char *program); // shown before each line
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The error of a program that ends with it: its text; returns the exit status. */
int log_fail(const struct err *e);

#endif
