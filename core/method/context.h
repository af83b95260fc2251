/*
 * Learned context vectors in front of (or around, or behind) class names, and the text tower that
 * reads them: what CoOp and its family share (spec/training.md section 4).
 *
 * The context is trained in full, or as start + dropout(A B) with low-rank factors (RLP,
 * arXiv 2312.10813). One context serves all classes, or every class has its own.
 */
#ifndef PROMPTGRID_METHOD_CONTEXT_H
#define PROMPTGRID_METHOD_CONTEXT_H

#include "core/clip/text.h"
#include "core/method/lowrank.h"
#include "core/method/method.h"

enum context_position { CONTEXT_END, CONTEXT_MIDDLE, CONTEXT_FRONT }; // where the name is not

struct context {
    int M, C, groups; // vectors of a group, text width; groups: 1, or one per training class
    int contexts;     // groups * M
    enum context_position position;
    float *start; // host, (contexts, C): before training
    int *rest;    // tokens between the context and the name, see context_rest
    size_t n_rest;
    int depth;                 // levels of vectors: 1, or more of deep prompts
    float *vectors, *dvectors; // device, (depth, contexts, C)
    size_t n;                  // parameters: the first ones of the learner's

    int R;                  // rank; 0: trained in full
    struct lowrank factors; // of the first level

    /* classes in work */
    struct text *text;
    float *features, *unit, *norm;      // (K, E), (K, E), (K): text features, and of unit length
    float *dunit, *dfeatures;           // (K, E)
    float *batch, *batch_norm, *logits; // (B, E), (B), (B, K): the batch as unit vectors
    int B;                              // rows that those three hold
    float *memory;                      // behind features .. dfeatures
};

/* The start of a context; *start is yours to free(). Words: the embeddings of the first tokens, as
 * many as there are words (*M of them); "_" counts as a space. Random: torch's normal, std 0.02. */
int context_start_words(const struct learner *l, const char *text, float **start, int *M,
                        struct err *e);
/* The first M of the words' embeddings, which must be as many; random ones for "". */
int context_start_first(const struct learner *l, struct rng *r, const char *text, int M,
                        float **start, struct err *e);
void context_start_random(const struct learner *l, struct rng *r, int groups, int M, float **start);

/* As in the reference, where a word may be several tokens, the tokens of `text` after the first
 * `used` stay in the prompt, frozen, right before the class name. Called after context_open. */
int context_rest(struct learner *l, const char *text, int used, struct err *e);

/*
 * Make l->context from (groups * M, C) vectors `start` (taken over) and the method's keys
 * "position", "rank", "dropout", "zero", "std", "init-branch", those it has. *initial (n values,
 * yours to free()) is the parameters' start; the caller adds its own after them and calls
 * learner_parameters, then context_keep.
 */
void context_open(struct learner *l, float *start, int groups, int M, float **initial);
/* Right after context_open: deep prompts (text_deep) of `depth` levels in all. `deep` (depth - 1,
 * contexts, C), host, is the start of the further ones, which are trained in full. */
void context_deepen(struct learner *l, int depth, const float *deep, float **initial);
/* Register the trained arrays: "ctx", or "A" and "B"; "deep". */
void context_keep(struct learner *l);
void context_free(struct learner *l); // fine when there is none

/* (contexts, C) vectors of the input as they are deployed, without dropout; host, yours to free().
 */
float *context_deployed(struct learner *l);

/* The parameters' vectors -> `vectors`; with dropout in training. */
void context_compose(struct learner *l, bool training);
/* gradient of the context's parameters = from `dvectors`, of the last context_compose */
void context_gradient(struct learner *l, float *gradient);

/* One step, in parts. */
void context_forward(struct learner *l, bool training);       // -> unit (K, E)
void context_batch(struct learner *l, const struct batch *b); // -> batch (n, E), logits (n, K)
/* dunit (K, E) = from dlogits (n, K) */
void context_dunit(struct learner *l, const float *dlogits, int n);
/* gradient of the context's parameters = from dunit; may be called again for another loss */
void context_backward(struct learner *l, float *gradient);

/* Make these prompts the classes in work; context_classes is context_prompts, then this. */
int context_plan(struct learner *l, const struct text_prompts *prompts, bool training,
                 struct err *e);

/* The hooks of a plain context method. */
int context_classes(struct learner *l, char *const *names, int K, bool training, struct err *e);
void context_step(struct learner *l, const struct batch *b); // cross entropy
void context_logits(struct learner *l, const float *images, int n, float *logits);

/* The prompts of these classes, in order; class k uses the vectors of group k, or 0 of one group.
 */
int context_prompts(const struct learner *l, char *const *names, int K, struct text_prompts *out,
                    struct err *e);

#endif
