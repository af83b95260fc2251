/*
 * Checkpoints of the reference trainers: the names of their tensors, and what they are here
 * (spec/training.md sections 4 to 11). Reading them (trained.h) and writing them go by these rows.
 *
 * A trainer saves either its prompt learner alone or the whole model, whose names then begin with
 * "prompt_learner."; both are the same to these rows.
 */
#ifndef PROMPTGRID_TRAIN_REFERENCE_H
#define PROMPTGRID_TRAIN_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

struct reference_tensor {
    const char *theirs; // '#' stands for a number that counts from `first`; NULL ends the rows
    const char *ours;   // the result's array; NULL: its result does not need it
    int first, level;   // their first one is this level of ours; levels follow one another as rows
    bool anywhere;      // of the model, not of its prompt learner
};

struct reference {
    const char *trainer; // a method's name: "kgcoop"
    const char *alike;   // others whose checkpoints look the same, '|' between; NULL = none
    const char *method;  // that evaluates it
    const char *mark;    // the tensor that those further down do not have
    const char *folder;  // where the trainer keeps it: the name that its model is registered under
    bool whole;          // it saves the whole model
    const char *context; // words that its prompt starts from; those beyond its vectors stay in it
    struct reference_tensor tensors[8];
};

extern const struct reference references[]; // ends with a NULL trainer

/* The row of a trainer, also by a name in `alike`; NULL if there is none. */
const struct reference *reference_find(const char *trainer);
bool reference_is(const struct reference *r, const char *trainer);

/* A tensor's name without what says where its module stood: "module.", "prompt_learner.". */
const char *reference_plain(const char *name);

/* The tensor that is level `level` of our array, by its plain name; yours to free(). NULL: there is
 * none, or it has a number and that would be below its first. */
char *reference_name(const struct reference *r, const char *ours, int level);

/* May the array have several levels? */
bool reference_is_stacked(const struct reference *r, const char *ours);

/* Is it a tensor that is saved along and that nobody needs: buffers, the frozen model? */
bool reference_is_ballast(const struct reference *r, const char *plain);

#endif
