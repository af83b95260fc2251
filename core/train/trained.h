/*
 * A trained prompt as a file: whose it is, what evaluates it, and its arrays.
 *
 * Ours: a result (result.h), whose header says its method and parameters. A reference's: what
 * torch.save made of its trainer's model, or safetensors of the same names; the trainer follows
 * from the names of the tensors (reference.h). A tensor that has no place in that trainer's
 * checkpoint is refused: a file that is understood by half would be tested as something that it is
 * not.
 */
#ifndef PROMPTGRID_TRAIN_TRAINED_H
#define PROMPTGRID_TRAIN_TRAINED_H

#include "core/base/hash.h"
#include "core/clip/safetensors.h"
#include "core/method/method.h"

/* What a checkpoint of others cannot say itself; NULL = as its trainer has it. A result of ours
 * says it all: what differs from it, words and position are refused. */
struct trained_options {
    const char *trainer;  // "prograd": its tensors look like CoOp's
    const char *context;  // the words of the prompt; those beyond its vectors stay in it
    const char *position; // of the class name: "end", "middle", "front"
};

struct trained {
    char *path;
    char sha256[HASH_HEX];     // of the file
    bool own;                  // a result of ours
    const char *trainer;       // borrowed from a table: a method's name
    const char *method;        // that evaluates it, as above
    json_t *params;            // of that method, as far as its result needs them; owned
    json_t *spec;              // of the run that made it; NULL: not known
    json_t *metadata;          // of a result's header; NULL: none
    uint64_t seed;             // of that run: frozen starts are drawn from it
    int classes;               // that it knows alone; 0: it serves any
    struct tensor_out *arrays; // named as a result's, float32; owned
    size_t n;
    float *start; // (C): what its trainer took for the start of the text; NULL: not saved
    size_t width; // C of `start`
};

/* path: a file, or a folder as the trainers leave it: the last model.pth.tar-N in it or in the one
 * folder below it that has some. */
int trained_open(struct trained *t, const char *path, const struct trained_options *o,
                 struct err *e);
void trained_close(struct trained *t);

const struct tensor_out *trained_find(const struct trained *t, const char *name); // or NULL

/* Into an initialised learner of t->method with t->params and t->seed. ERR_RANGE: other shapes, or
 * another CLIP's start of the text. */
int trained_apply(const struct trained *t, struct learner *l, struct err *e);

/* The header of a result that holds it: {trainer, method, params, seed}; a new reference. */
json_t *trained_metadata(const struct trained *t);

/* The file that `path` means; yours to free(). */
int trained_locate(const char *path, char **file, struct err *e);

#endif
