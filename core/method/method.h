/*
 * A method at work on one run: what it trains, the gradient of one batch, the logits of its result.
 *
 * A method is one file here, one row in method.c and one row in core/proto/method_keys.c. It owns a
 * flat array of trained parameters; the loop in core/train applies the optimizer. What several
 * methods share is beside it: context.h (learned context vectors and the text tower), classifier.h
 * (frozen text features).
 */
#ifndef PROMPTGRID_METHOD_METHOD_H
#define PROMPTGRID_METHOD_METHOD_H

#include "core/base/rng.h"
#include "core/clip/bpe.h"
#include "core/clip/model.h"

#include <jansson.h>
#include <stdbool.h>

struct learner;
struct context;
struct lowrank;

/* Images of one step or evaluation: device memory. */
struct batch {
    int n;
    const float *images; // (n, E) image features, not unit length; `pixels` methods: (n, 3, S, S)
    const int *labels;   // (n) 0..K-1
    float *loss, *hit;   // (n) =: cross entropy of each image, 1 where its largest logit is right
};

/* Banked features of a part: host memory, borrowed. */
struct features {
    const float *images; // (V, N, E), not unit length
    const int *labels;   // (N) 0..K-1
    size_t V, N;
};

/* What a method that looks at more than batches is given. */
struct fit_data {
    struct features train; // V: the views that a cache is made of; 1 unless the method has passes
    struct features val;   // V = 1; N = 0 for methods without a validation bank
    struct features test;  // V = 1; only for references that choose by test accuracy
    int K, threads;        // classes; threads for work on the host
};

struct method {
    const char *name; // as in core/proto/method_keys.c
    bool pixels;      // trains on pixels through the image tower, not on banked features
    bool raw_names;   // reads class names as the dataset writes them, with underscores

    /* Parameters and their start: learner_parameters and learner_keep. `r` is torch's stream where
     * the reference initialises its prompt. NULL = nothing is trained. */
    int (*init)(struct learner *l, struct rng *r, struct err *e);

    /* The classes that the next steps or logits are about; names with spaces for underscores,
     * unless `raw_names`.
     * Called before training and before each evaluation; sets l->K. */
    int (*classes)(struct learner *l, char *const *names, int K, bool training, struct err *e);

    /* gradient (n) = of the method's loss on the batch; loss and hit of the batch. Device work
     * alone, the same operations for every batch of n images between two calls of `classes`, so
     * that it can be recorded (core/device/device.h). NULL for methods that fit. */
    void (*step)(struct learner *l, const struct batch *b);

    /* (optional) Before the first step, after the training classes: parameters whose start or
     * number depends on the images. `data` stays until after `fit`. */
    int (*prepare)(struct learner *l, const struct fit_data *data, struct err *e);

    /* (optional) After the last step, or instead of steps. */
    int (*fit)(struct learner *l, const struct fit_data *data, struct err *e);

    /* (optional) After each epoch, 0-based. */
    void (*epoch)(struct learner *l, int epoch);

    /* logits (n, K) = of images as in struct batch, with the method's result as it is deployed. */
    void (*logits)(struct learner *l, const float *images, int n, float *logits);

    void (*release)(struct learner *l); // (optional) of `context` and `own`
};

enum optimizer { OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_ADAMW };
enum schedule { SCHEDULE_WARMUP_COSINE, SCHEDULE_COSINE_PER_STEP };

/* A named array that outlives the loop: saved with the result, with a checkpoint, or both. */
enum { KEEP_RESULT = 1, KEEP_CHECKPOINT = 2 };
struct kept {
    const char *name; // a string literal
    float *data;      // device
    int dims;
    size_t shape[4];
    int when;
};

enum { LEARNER_KEPT = 64 };

struct learner {
    const struct method *method;
    const struct clip *clip; // borrowed, as the next three
    struct bpe *bpe;
    struct device *device;
    const json_t *params;
    uint64_t seed;
    int train_K; // classes of the training part; set before init
    int K;       // classes in work

    size_t n;                     // trained parameters
    float *parameters, *gradient; // device, (n)
    float *moment, *second;       // device, (n): the optimizer's state
    enum optimizer optimizer;
    enum schedule schedule;
    bool short_batch; // the last, short batch of an epoch is trained on too

    struct lowrank *dropout; // rows whose mask is drawn before each step; NULL = none
    uint64_t generation;     // see learner_moves
    struct context *context; // of methods that learn a context; NULL otherwise
    void *own;               // the method's

    struct kept kept[LEARNER_KEPT];
    int n_kept;
};

const struct method *method_get(const char *name); // NULL if unknown

/* train_K: number of classes that are trained on. */
int learner_init(struct learner *l, const struct method *method, const struct clip *clip,
                 struct bpe *bpe, const json_t *params, uint64_t seed, int train_K, struct rng *r,
                 struct err *e);
void learner_release(struct learner *l);

/* Memory that steps work in is about to move: steps recorded before are void. Growing buffers say
 * so. */
static inline void learner_moves(struct learner *l)
{
    l->generation++;
}

/* The method's `classes`; memory moves. */
int learner_classes(struct learner *l, char *const *names, int K, bool training, struct err *e);

/* What the host draws for step `number`, counted from 0: before the method's `step`. */
void learner_draw(struct learner *l, uint64_t number);

/* n parameters copied from `initial` (host), with gradient and optimizer state, which checkpoints
 * keep. */
void learner_parameters(struct learner *l, size_t n, const float *initial);

/* n zeros, device memory: the index that repeats row 0. Yours to device_release. */
int *learner_zeros(const struct learner *l, size_t n);

/* `rows` x `columns` (0 = a vector) of `data`, saved under `name`. */
void learner_keep(struct learner *l, const char *name, float *data, size_t rows, size_t columns,
                  int when);

/* The start of torch's nn.Linear: weight (out, in), then bias (out) or NULL, uniform within
 * 1 / sqrt(in). */
void learner_draw_linear(struct rng *r, size_t out, size_t in, float *weight, float *bias);

extern const struct method method_zero_shot, method_coop, method_rlp;
extern const struct method method_cocoop, method_kgcoop, method_prograd;
extern const struct method method_linear_probe, method_clip_adapter, method_taskres;
extern const struct method method_tip_adapter, method_tip_adapter_f;
extern const struct method method_maple, method_ivlp, method_promptsrc, method_vpt;

#endif
