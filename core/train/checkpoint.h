/*
 * A training run between two epochs, on disk: all that the rest of it depends on, so that a resumed
 * run ends with the bits of one that was never interrupted.
 *
 * One safetensors file: the learner's KEEP_CHECKPOINT arrays and, in the header, the epoch, the
 * number of steps, torch's stream, the epoch events sent so far, whose it is, and a hash over all
 * of that. The checkpoint before it is kept as PATH.previous.
 */
#ifndef PROMPTGRID_TRAIN_CHECKPOINT_H
#define PROMPTGRID_TRAIN_CHECKPOINT_H

#include "core/base/str.h"
#include "core/clip/safetensors.h"
#include "core/train/loop.h"

/* Who may go on from a checkpoint: only the run that made it, computed by the same code. */
struct checkpoint_owner {
    const char *run;  // id of the spec
    const char *code; // any text; other code or another device would give other bits. NULL: of any
};

/* One that was read and found whole. */
struct checkpoint {
    struct safetensors file;
    int epoch; // epochs done
    uint64_t number;
    struct rng rng;
    json_t *events; // array
};

/* The file that was at `path` becomes the previous one. */
int checkpoint_save(const char *path, const struct checkpoint_owner *owner, struct learner *l,
                    const struct loop_state *state, const json_t *events, struct err *e);

/* ERR_MISSING: not there; ERR_CORRUPT: damaged, or somebody else's. */
int checkpoint_open(struct checkpoint *c, const char *path, const struct checkpoint_owner *owner,
                    struct err *e);
void checkpoint_close(struct checkpoint *c); // fine when zero

/* The newest that is whole and ours, or false. Each file that is there but refused adds a line to
 * `refused`. */
bool checkpoint_find(struct checkpoint *c, const char *path, const struct checkpoint_owner *owner,
                     struct str *refused);

/* Into an initialised learner of the same spec; state->rng is written through. ERR_CORRUPT when the
 * arrays are not this learner's. */
int checkpoint_restore(const struct checkpoint *c, struct learner *l, struct loop_state *state,
                       struct err *e);

#endif
