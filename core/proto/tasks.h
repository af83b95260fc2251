/*
 * Work handed to a cluster: a list of jobs, and the journal that each of them leaves.
 *
 * List: {"token": name of the cluster's job, "recipe": name, "stage": "encode" | "train" | "eval",
 * "revision": row of the store, "runner": program (not in the first lists), "tasks": [{"run": id,
 * "job": job file, "journal": file, "log": file, "needs": [run, ...], "seconds": expected, 0 =
 * unknown}, ...]}. Task INDEX of the array is `promptgrid-runner task LIST INDEX`.
 *
 * Journal: JSON lines, only ever appended to. Each start of the task begins a part of its own, so
 * that a task that was cut off and started again says everything anew:
 *   {"task": host, "job": cluster's id, "restarts": n, "time": seconds since 1970}
 *   events as in core/proto/event.h
 *   {"exit": status, "time": ..., "seconds": what it took, by a clock that does not jump}
 *                                                  missing when the task was killed
 * While a task runs it holds a lock (flock) on its journal; a second one of the same run waits.
 */
#ifndef PROMPTGRID_PROTO_TASKS_H
#define PROMPTGRID_PROTO_TASKS_H

#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { TASKS_LIMIT = 100000 };

/* Checked: every field above is there and of its type. */
int tasks_read(json_t **out, const char *path, struct err *e);

/* The last part of a journal's text. */
struct journal {
    const char *events; // borrowed from the text: the lines between the two below
    size_t size;
    char host[256], job[64];
    long restarts;
    double began, ended; // seconds since 1970; ended is 0 without an exit line
    double seconds;      // from start to exit, >= 0; the first journals have only the two above
    bool started, exited;
    int status;
};
void journal_parse(struct journal *j, const char *text, size_t size);

/* Lines to write, with their '\n'; yours to free(). */
char *journal_start(const char *host, const char *job, long restarts, double now);
char *journal_exit(int status, double now, double seconds);

#endif
