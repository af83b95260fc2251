/*
 * A job file: a spec plus everything that is not identity: paths, threads, where to write. The
 * scheduler writes it to <workspace>/jobs/RUN.json; `promptgrid-runner run FILE` carries it out, by
 * hand as well.
 *
 *   {"run": id, "spec": {...}, "threads": n,
 *    "device": "cpu" | "cuda:N" | "auto",        (optional: "cpu"; "auto": a GPU if one is usable)
 *    "paths": {"weights", "bpe", "dataset" (folder of the dataset), "out" (file to make),
 *              "test_bank",                        (train and eval jobs)
 *              "train_bank",                       (train jobs that train)
 *              "prompt",                           (eval jobs, which make no file, and train jobs
 *                                                   of a method that tests a file)
 *              "val_bank",                         (of a method that validates)
 *              "checkpoint"},                      (optional: file to keep and to go on from)
 *    "checkpoint_every": seconds}                  (optional, 0 = after every epoch)
 */
#ifndef PROMPTGRID_PROTO_JOB_H
#define PROMPTGRID_PROTO_JOB_H

#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { CHECKPOINT_EVERY = 30 }; // seconds, unless a job says otherwise

struct job {
    json_t *root;    // owns everything below
    json_t *spec;    // borrowed
    const char *run; // borrowed
    int threads;
    const char *weights, *bpe, *dataset, *out; // borrowed; NULL when absent
    const char *train_bank, *test_bank, *val_bank, *prompt, *checkpoint;
    int checkpoint_every; // seconds
    const char *device;   // borrowed; NULL is the CPU
};

int job_read(struct job *job, const char *path, struct err *e); // checks the spec and the run's id
void job_release(struct job *job);

/* A runner that was started ahead of its turn waits here for a byte from descriptor `fd` (-1: it
 * is its turn). False: nobody will want the work. */
bool job_wait(int fd);

#endif
