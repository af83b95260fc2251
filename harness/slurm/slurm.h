/*
 * A cluster's queue as the place where runs are carried out: the plan becomes job arrays, each task
 * leaves a journal (core/proto/tasks.h), and journals are read into the store.
 *
 * In the workspace, which all nodes see:
 *   slurm/TOKEN.json   the tasks of an array, written before it is submitted, after the rows of
 *                      its runs (one transaction a submission) and their job files
 *   slurm/TOKEN.id     the cluster's number of it, written after; lost replies are found by TOKEN,
 *                      which is the name of the cluster's job
 *   slurm/TOKEN.sh     what the cluster runs
 *   journals/RUN.ATTEMPT.jsonl
 * An array whose tasks are all in the store becomes slurm/TOKEN.done. Nothing else is remembered:
 * any scheduler, at any time, goes on from these files, the queue and the store.
 */
#ifndef PROMPTGRID_HARNESS_SLURM_H
#define PROMPTGRID_HARNESS_SLURM_H

#include "core/base/err.h"
#include "harness/plan/plan.h"
#include "results/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct slurm_array {
    char *token, *path;
    char id[32];  // "" = not known
    bool kept;    // TOKEN.id says so
    json_t *list; // as in core/proto/tasks.h
};

struct slurm {
    char *workspace; // absolute
    json_t *config;
    struct slurm_array *arrays; // that are not all in the store
    size_t n, capacity;
    json_t *queue; // object "TOKEN INDEX" -> state in the queue; NULL: the queue cannot be asked
    struct err silent; // why not
};

/* Make the folders, and remove what killed processes of ours have left in them. */
int slurm_folders(const char *workspace, struct err *e);

/* Every open array of the workspace. `config` is taken. */
int slurm_open(struct slurm *s, const char *workspace, json_t *config, struct err *e);
void slurm_close(struct slurm *s); // fine when zero

/* How many tasks are open, without asking the cluster. */
int slurm_open_tasks(const char *workspace, size_t *n, struct err *e);

/* Ask the cluster about the open arrays. Not being answered is no error: s->queue is NULL then. */
void slurm_ask(struct slurm *s);

/* TOKEN.id of an array whose number is known. */
int slurm_keep_id(const struct slurm *s, struct slurm_array *a, struct err *e);

/* State in the queue of a task ("RUNNING", "PENDING", ...), "" when it is not there. */
const char *slurm_state(const struct slurm *s, const struct slurm_array *a, size_t index);

/* Submit what the plan wants and no open array has. */
struct slurm_submit {
    const char *runner, *recipe;
    long revision;
    int checkpoint_every;
    const char *device;   // of the jobs: "auto", "cpu", "cuda"
    size_t tasks, arrays; // submitted
};
int slurm_submit(struct slurm *s, const struct plan *p, struct store *store, struct slurm_submit *o,
                 struct err *e);

/* ---- harness/slurm/slurm_collect.c ---- */

struct slurm_failure {
    char *run, *label, *reason, *log, *command; // command: that repeats it on this machine
    bool passing; // of the moment, or the cluster's doing: trying again may help
};
struct slurm_collected {
    size_t done, failed, cancelled;
    size_t dropped; // never started, because what they need failed or was never submitted
    size_t open;    // still to come
    struct slurm_failure *failures; // (failed)
};

/* Into the store what journals and queue say; the same again changes nothing. Counts are added to
 * `out`, but for `open`. */
int slurm_collect(struct slurm *s, struct store *store, struct slurm_collected *out, struct err *e);
/* Tasks that are not in the store yet, by state: "pending", "running", ..., "ended" (to be
 * collected), "unknown" (the queue cannot be asked). *counts is a new object, NULL when there are
 * no tasks. Changes nothing. */
int slurm_counts(const char *workspace, struct store *store, json_t **counts, struct err *e);

/* The failures that trying again may help, taken out of them: an object whose keys are the runs. */
json_t *slurm_collected_again(struct slurm_collected *c);
void slurm_collected_release(struct slurm_collected *c);

/* ---- for the parts of it ---- */

/* The program's output (at most a few MiB), yours to free(); ERR_SYS when it fails. */
int slurm_call(const struct slurm *s, json_t *argv, char **output, struct err *e);

#endif
