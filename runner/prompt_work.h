/* A prompt at work on a dataset, outside of any recipe: what `prompt eval` and the classifier's
 * export share. */
#ifndef PROMPTGRID_RUNNER_PROMPT_WORK_H
#define PROMPTGRID_RUNNER_PROMPT_WORK_H

#include "runner/prompt.h"
#include "runner/work.h"

struct prompt_work {
    struct roots roots;
    struct backbone_files files;
    char *folder;     // of the dataset
    json_t *spec;     // of the run that a recipe would make of it
    struct job job;   // without a bank
    struct work work; // with the prompt in its learner
};

/* On --dataset, or else the dataset of the prompt's run. */
int prompt_work_open(struct prompt_work *p, const struct prompt_options *o, const struct trained *t,
                     struct err *e);
void prompt_work_close(struct prompt_work *p); // fine after a failure

#endif
