/*
 * Rows of low rank: groups of (M, C) rows, each start + dropout(A B) with A (M, R), B (R, C) and
 * `start` frozen (RLP, arXiv 2312.10813). Their parameters are all A (G, M, R), then all B (G, R,
 * C). Settings are the method's keys "dropout", "zero", "std" and "init-branch".
 */
#ifndef PROMPTGRID_METHOD_LOWRANK_H
#define PROMPTGRID_METHOD_LOWRANK_H

#include "core/method/method.h"

enum { LOWRANK_TEXT = 0x726c70, LOWRANK_IMAGE = 0x726c71 }; // streams of dropout masks

struct lowrank {
    int groups, M, R, C;
    uint64_t stream; // of the counter-based generator
    float dropout;
    float *start, *mask; // device, (G, M, C); mask 0 or 1 / (1 - dropout)
    float *host_mask;
    bool masked; // the last rows were made with `mask`
};

/* Is the product alone the rows (key "init-branch": no)? Then `start` should be zero. */
bool lowrank_alone(const struct learner *l);

/* start (G, M, C), host, is copied. With dropout, `f` becomes the learner's to draw for. */
void lowrank_open(struct lowrank *f, struct learner *l, const float *start, int groups, int M,
                  int R, int C, uint64_t stream);
void lowrank_release(struct lowrank *f, const struct learner *l); // fine when zero

size_t lowrank_size(const struct lowrank *f); // parameters
/* Where they start; yours to free(). */
float *lowrank_initial(const struct lowrank *f, const struct learner *l);

/* The dropout mask of step `number`, from the counter-based generator; see learner_draw. */
void lowrank_draw(struct lowrank *f, const struct learner *l, uint64_t number);

/* rows (G, M, C) = of the parameters; in training under the mask that was drawn last. */
void lowrank_compose(struct lowrank *f, const struct learner *l, const float *parameters,
                     float *rows, bool training);
/* gradient = from drows (G, M, C) of the last lowrank_compose */
void lowrank_gradient(const struct lowrank *f, const struct learner *l, const float *parameters,
                      const float *drows, float *gradient);

#endif
