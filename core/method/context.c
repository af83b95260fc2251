/* Learned contexts: see context.h. */
#include "core/method/context.h"

#include "core/base/half.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/method/classifier.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

/* ---- start ---- */

static int encode_words(const struct learner *l, const char *text, int **ids, size_t *n,
                        struct err *e)
{
    char *words = mem_strdup(text);
    for (char *p = words; *p; p++)
        if (*p == '_')
            *p = ' ';
    int rc = bpe_encode(l->bpe, words, ids, n, e);
    free(words);
    return rc;
}

int context_start_words(const struct learner *l, const char *text, float **start, int *M,
                        struct err *e)
{
    int count = method_words(text), *ids = NULL;
    size_t n = 0, C = (size_t)l->clip->shape.text_width;
    int rc = encode_words(l, text, &ids, &n, e);
    if (rc == 0 && (count == 0 || n < (size_t)count))
        rc = err_set(e, ERR_RANGE, "context '%s' has no words", text);
    if (rc == 0) {
        // The number of vectors is the number of words, even where a word is several tokens.
        *M = count;
        *start = mem_alloc((size_t)count * C, sizeof **start);
        clip_embed_tokens(l->clip, ids, (size_t)count, *start);
    }
    free(ids);
    return rc;
}

int context_start_first(const struct learner *l, struct rng *r, const char *text, int M,
                        float **start, struct err *e)
{
    int count;
    if (!*text) {
        context_start_random(l, r, 1, M, start);
        return 0;
    }
    int rc = context_start_words(l, text, start, &count, e);
    if (rc < 0 || M <= count)
        return rc;
    free(*start);
    *start = NULL;
    return err_set(e, ERR_RANGE, "'length' is %d, context '%s' has %d word%s", M, text, count,
                   count == 1 ? "" : "s");
}

int context_rest(struct learner *l, const char *text, int used, struct err *e)
{
    struct context *c = l->context;
    int *ids = NULL;
    size_t n = 0;
    int rc = encode_words(l, text, &ids, &n, e);
    if (rc == 0 && n > (size_t)used) {
        c->n_rest = n - (size_t)used;
        c->rest = mem_dup(ids + used, c->n_rest * sizeof *ids);
    }
    free(ids);
    return rc;
}

void context_start_random(const struct learner *l, struct rng *r, int groups, int M, float **start)
{
    size_t n = (size_t)groups * (size_t)M * (size_t)l->clip->shape.text_width;
    *start = mem_alloc(n, sizeof **start);
    (l->device->half ? rng_torch_normal_half : rng_torch_normal)(r, 0.02f, n, *start);
}

/* ---- parameters ---- */

static bool has_key(const struct learner *l, const char *key)
{
    return json_object_get(l->params, key) != NULL;
}

static enum context_position position_of(const struct learner *l)
{
    static const char *const names[] = {"end", "middle", "front"};
    if (has_key(l, "position"))
        for (int i = 0; i < 3; i++)
            if (str_eq(spec_get_text(l->params, "position"), names[i]))
                return (enum context_position)i;
    return CONTEXT_END;
}

void context_open(struct learner *l, float *start, int groups, int M, float **initial)
{
    struct context *c = l->context = mem_zero(1, sizeof *c);
    *c = (struct context){.M = M,
                          .C = l->clip->shape.text_width,
                          .groups = groups,
                          .contexts = groups * M,
                          .depth = 1,
                          .position = position_of(l),
                          .start = start,
                          .R = has_key(l, "rank") ? (int)spec_get_int(l->params, "rank") : 0};
    size_t size = (size_t)c->contexts * (size_t)c->C;
    if (l->device->half) // embeddings of words as well
        half_round_all(start, size);
    c->vectors = device_floats(l->device, size);
    c->dvectors = device_floats(l->device, size);
    if (!c->R) {
        c->n = size;
        *initial = mem_dup(start, size * sizeof *start);
        return;
    }
    if (lowrank_alone(l))
        memset(start, 0, size * sizeof *start);
    lowrank_open(&c->factors, l, start, groups, M, c->R, c->C, LOWRANK_TEXT);
    c->n = lowrank_size(&c->factors);
    *initial = lowrank_initial(&c->factors, l);
}

/* Numbers in one level of vectors. */
static size_t level_of(const struct context *c)
{
    return (size_t)c->contexts * (size_t)c->C;
}

/* Where the deep levels' parameters begin: they are the context's last ones. */
static size_t deep_at(const struct context *c)
{
    return c->n - (size_t)(c->depth - 1) * level_of(c);
}

void context_deepen(struct learner *l, int depth, const float *deep, float **initial)
{
    struct context *c = l->context;
    size_t more = (size_t)(depth - 1) * level_of(c);
    device_release(l->device, c->vectors);
    device_release(l->device, c->dvectors);
    c->vectors = device_floats(l->device, (size_t)depth * level_of(c));
    c->dvectors = device_floats(l->device, (size_t)depth * level_of(c));
    *initial = mem_grow(*initial, c->n + more, sizeof **initial);
    if (more)
        memcpy(*initial + c->n, deep, more * sizeof *deep);
    c->depth = depth;
    c->n += more;
}

void context_keep(struct learner *l)
{
    struct context *c = l->context;
    size_t M = (size_t)c->contexts, C = (size_t)c->C;
    if (c->depth > 1)
        learner_keep(l, "deep", l->parameters + deep_at(c), (size_t)(c->depth - 1) * M, C,
                     KEEP_RESULT);
    if (!c->R) {
        learner_keep(l, "ctx", l->parameters, M, C, KEEP_RESULT);
        return;
    }
    size_t R = (size_t)c->R;
    learner_keep(l, "A", l->parameters, M, R, KEEP_RESULT);
    learner_keep(l, "B", l->parameters + M * R, (size_t)c->groups * R, C, KEEP_RESULT);
}

static void release_classes(struct learner *l)
{
    struct context *c = l->context;
    text_free(c->text);
    device_release(l->device, c->memory);
    device_release(l->device, c->batch);
    c->text = NULL;
    c->memory = c->batch = NULL;
    c->B = 0;
}

void context_free(struct learner *l)
{
    struct context *c = l->context;
    if (!c)
        return;
    release_classes(l);
    lowrank_release(&c->factors, l);
    device_release(l->device, c->vectors);
    device_release(l->device, c->dvectors);
    free(c->start);
    free(c->rest);
    free(c);
    l->context = NULL;
}

/* ---- parameters -> vectors, and back ---- */

void context_compose(struct learner *l, bool training)
{
    struct context *c = l->context;
    struct device *d = l->device;
    if (!c->R) {
        device_copy(d, c->vectors, l->parameters, c->n);
        return;
    }
    lowrank_compose(&c->factors, l, l->parameters, c->vectors, training);
    device_half(d, c->vectors, level_of(c));
    device_copy(d, c->vectors + level_of(c), l->parameters + deep_at(c), c->n - deep_at(c));
}

float *context_deployed(struct learner *l)
{
    struct context *c = l->context;
    size_t n = (size_t)c->contexts * (size_t)c->C;
    float *host = mem_alloc(n, sizeof *host);
    context_compose(l, false);
    l->device->ops->download(l->device, host, c->vectors, n * sizeof *host);
    return host;
}

/* ---- classes ---- */

/* The `at`-th token of the frozen text: what is left of the context's words, then the name. */
static int frozen_token(const struct context *c, const int *ids, size_t at)
{
    return at < c->n_rest ? c->rest[at] : ids[at - c->n_rest];
}

/* One prompt: SOT, then context and text as the position says, then the rest of the text and EOT.
 * `name` tokens, counted from the start of the frozen text as in the reference, count as the name.
 */
static void add_prompt(const struct learner *l, struct text_prompts *out, int group, const int *ids,
                       size_t n, size_t name)
{
    const struct context *c = l->context;
    int before = c->position == CONTEXT_END ? c->M : c->position == CONTEXT_MIDDLE ? c->M / 2 : 0;
    if (c->position == CONTEXT_END)
        name = 0; // the whole text follows the context
    n += c->n_rest;
    int *items = mem_alloc(n + (size_t)c->M + 2, sizeof *items);
    size_t length = 0;
    items[length++] = bpe_start(l->bpe);
    for (int m = 0; m < before; m++)
        items[length++] = TEXT_CONTEXT(group * c->M + m);
    for (size_t i = 0; i < name; i++)
        items[length++] = frozen_token(c, ids, i);
    for (int m = before; m < c->M; m++)
        items[length++] = TEXT_CONTEXT(group * c->M + m);
    for (size_t i = name; i < n; i++)
        items[length++] = frozen_token(c, ids, i);
    items[length++] = bpe_end(l->bpe);
    text_prompts_add(out, items, length);
    free(items);
}

int context_prompts(const struct learner *l, char *const *names, int K, struct text_prompts *out,
                    struct err *e)
{
    const struct context *c = l->context;
    if (c->groups > 1 && c->groups != K)
        return err_set(e, ERR_RANGE, "%d classes have contexts of their own, not these %d",
                       c->groups, K);
    for (int k = 0; k < K; k++) {
        char *text = str_format("%s.", names[k]);
        int *ids = NULL, *name_ids = NULL;
        size_t n = 0, name = 0;
        int rc = bpe_encode(l->bpe, text, &ids, &n, e);
        // The name's length is counted without the period, which may merge with it.
        if (rc == 0)
            rc = bpe_encode(l->bpe, names[k], &name_ids, &name, e);
        if (rc == 0)
            add_prompt(l, out, c->groups > 1 ? k : 0, ids, n, name);
        free(text);
        free(ids);
        free(name_ids);
        if (rc < 0)
            return err_wrap(e, "class '%s'", names[k]);
    }
    return 0;
}

int context_plan(struct learner *l, const struct text_prompts *prompts, bool training,
                 struct err *e)
{
    struct context *c = l->context;
    size_t ke = prompts->K * (size_t)l->clip->shape.embed;
    release_classes(l);
    l->K = (int)prompts->K;
    int rc = text_new(&c->text, l->clip, prompts, c->contexts,
                      training ? TEXT_BACKWARD : TEXT_FORWARD, e);
    if (rc < 0)
        return rc;
    text_deep(c->text, c->depth);
    c->memory = device_floats(l->device, 4 * ke + prompts->K);
    if ((rc = device_sync(l->device, e)) < 0)
        return rc;
    c->features = c->memory;
    c->unit = c->features + ke;
    c->dunit = c->unit + ke;
    c->dfeatures = c->dunit + ke;
    c->norm = c->dfeatures + ke;
    if (!training) // the result does not change between the batches of an evaluation
        context_forward(l, false);
    return 0;
}

int context_classes(struct learner *l, char *const *names, int K, bool training, struct err *e)
{
    struct text_prompts prompts = {0};
    int rc = context_prompts(l, names, K, &prompts, e);
    if (rc == 0)
        rc = context_plan(l, &prompts, training, e);
    text_prompts_release(&prompts);
    return rc;
}

/* ---- one step ---- */

void context_forward(struct learner *l, bool training)
{
    struct context *c = l->context;
    struct device *d = l->device;
    context_compose(l, training);
    text_forward(c->text, c->vectors, c->features);
    device_half(d, c->features, (size_t)l->K * (size_t)l->clip->shape.embed);
    d->ops->l2norm_fwd(d, c->unit, c->norm, c->features, l->K, l->clip->shape.embed);
}

/* Memory for batches of up to n images. */
static void reserve_batch(struct learner *l, int n)
{
    struct context *c = l->context;
    size_t E = (size_t)l->clip->shape.embed, B = (size_t)n;
    if (n <= c->B)
        return;
    learner_moves(l);
    device_release(l->device, c->batch);
    c->batch = device_floats(l->device, B * (E + (size_t)l->K + 1));
    c->logits = c->batch + B * E;
    c->batch_norm = c->logits + B * (size_t)l->K;
    c->B = n;
}

void context_batch(struct learner *l, const struct batch *b)
{
    struct context *c = l->context;
    reserve_batch(l, b->n);
    classifier_logits_of(l, c->unit, l->K, b->images, b->n, c->batch, c->batch_norm, c->logits);
}

void context_dunit(struct learner *l, const float *dlogits, int n)
{
    struct context *c = l->context;
    int E = l->clip->shape.embed;
    l->device->ops->matmul_tn(l->device, c->dunit, dlogits, c->batch, l->K, E, n,
                              classifier_scale(l));
    device_half(l->device, c->dunit, (size_t)l->K * (size_t)E);
}

void context_gradient(struct learner *l, float *gradient)
{
    struct context *c = l->context;
    struct device *d = l->device;
    if (!c->R) {
        device_copy(d, gradient, c->dvectors, c->n);
        return;
    }
    lowrank_gradient(&c->factors, l, l->parameters, c->dvectors, gradient);
    device_copy(d, gradient + deep_at(c), c->dvectors + level_of(c), c->n - deep_at(c));
}

void context_backward(struct learner *l, float *gradient)
{
    struct context *c = l->context;
    struct device *d = l->device;
    int E = l->clip->shape.embed;
    d->ops->l2norm_bwd(d, c->dfeatures, c->dunit, c->unit, c->norm, l->K, E);
    device_half(d, c->dfeatures, (size_t)l->K * (size_t)E);
    text_backward(c->text, c->dfeatures, c->dvectors);
    device_half(d, c->dvectors, (size_t)c->depth * level_of(c));
    context_gradient(l, gradient);
}

void context_step(struct learner *l, const struct batch *b)
{
    struct context *c = l->context;
    context_forward(l, true);
    context_batch(l, b);
    l->device->ops->cross_entropy(l->device, b->loss, b->hit, c->logits, c->logits, b->labels, b->n,
                                  l->K);
    device_half(l->device, b->loss, (size_t)b->n);
    device_half(l->device, c->logits, (size_t)b->n * (size_t)l->K);
    context_dunit(l, c->logits, b->n);
    context_backward(l, l->gradient);
}

void context_logits(struct learner *l, const float *images, int n, float *logits)
{
    const struct batch b = {.n = n, .images = images};
    context_batch(l, &b);
    device_copy(l->device, logits, l->context->logits, (size_t)n * (size_t)l->K);
}
