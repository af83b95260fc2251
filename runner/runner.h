/*
 * The runner's commands. Each prints its own error and returns the program's exit status.
 */
#ifndef PROMPTGRID_RUNNER_RUNNER_H
#define PROMPTGRID_RUNNER_RUNNER_H

#include "core/base/err.h"
#include "core/proto/job.h"

int runner_run(int argc, char **argv);     // run JOB.json [--events-fd N]: one job, then exit
int runner_task(int argc, char **argv);    // task LIST INDEX: one job of a cluster's array
int runner_devices(int argc, char **argv); // devices: what there is to compute on, a JSON line each
int runner_verify(int argc, char **argv);  // verify RUN FILE: is it a whole checkpoint of the run?
int runner_embed(int argc, char **argv);   // embed --backbone NAME|DIR [--text S]... [--image F]...
int runner_tokenize(int argc, char **argv); // tokenize --backbone NAME|DIR S...
int runner_sample(int argc, char **argv);   // sample DATASET --shots K --seed S
int runner_prompt(int argc, char **argv);   // prompt show|nearest|eval|export|import
int runner_inspect(int argc, char **argv);  // inspect PATH...: trained prompts, for the plan
int runner_classify(int argc, char **argv); // classify [--prompt RUN|FILE] IMAGE...
int runner_weights(int argc, char **argv);  // weights list|show|import|check
int runner_split(int argc, char **argv);    // split DATASET --seed S: a split file made anew

/* Carry out a job file; a failure is an event and a line of the log. The exit status. */
int runner_job(const char *path);

/* The kinds of job. Progress, metrics and artifacts leave as events. */
int encode_job(const struct job *job, struct err *e);
int train_job(const struct job *job, struct err *e);
int eval_job(const struct job *job, struct err *e);

#endif
