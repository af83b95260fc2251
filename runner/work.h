/*
 * What training and evaluating share: the files of a job, opened and checked, and the learner.
 */
#ifndef PROMPTGRID_RUNNER_WORK_H
#define PROMPTGRID_RUNNER_WORK_H

#include "core/base/rng.h"
#include "core/data/bank.h"
#include "core/data/split.h"
#include "core/device/known.h"
#include "core/method/method.h"
#include "core/proto/job.h"
#include "core/train/trained.h"
#include "runner/pixels.h"

struct work {
    const struct job *job;       // borrowed, as the next two
    const json_t *spec, *params; // of the job; params: of the method at work
    const struct method *method; // of a prompt from a file: the one that evaluates it
    struct trained trained;      // that prompt; path NULL: none
    struct split split;
    struct manifest manifest; // for methods on pixels
    char **names; // (split.classes) as the method reads them: most with spaces for underscores

    struct device *device;
    struct known *known; // of a job on a GPU
    struct clip clip;
    struct bpe *bpe;
    struct learner learner;
};

/* Find the method, open the device. */
int work_open(struct work *w, const struct job *job, struct err *e);

/* Open the files and check them against the spec. */
int work_files(struct work *w, struct err *e);

void work_release(struct work *w); // whatever failed before

/* The method at its start, for training on `train_K` classes. A prompt from a file is then in it.
 * `r` becomes torch's stream of the run's seed: as in the reference, the draws of building CLIP
 * come first, then the method's (spec/training.md section 3). */
int work_learner(struct work *w, int train_K, struct rng *r, struct err *e);

/* Images of the spec's `part` ("train", "test"), for methods that train on pixels. */
struct pixels *work_pixels(const struct work *w, const char *part, const size_t *items, size_t n);

/* The few-shot picks of train or val, as the method's reference makes them; *picks is yours to
 * free(). */
int work_picks(const struct work *w, enum split_part part, size_t **picks, size_t *n,
               struct err *e);

/* The bank of the spec's `part` ("train", "val", "test") at `path`; an empty one for methods on
 * pixels. */
int work_bank(const struct work *w, struct bank *bank, const char *part, const char *path,
              struct err *e);

#endif
