/*
 * The table of methods, and what several of them share.
 */
#include "core/method/method.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdlib.h>
#include <string.h>

static const struct method *const methods[] = {&method_zero_shot, &method_coop, &method_rlp};

const struct method *method_get(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (str_eq(methods[i]->name, name))
            return methods[i];
    return NULL;
}

int learner_init(struct learner *l, const struct method *method, const struct clip *clip,
                 struct bpe *bpe, const json_t *params, uint64_t seed, struct rng *r, struct err *e)
{
    *l = (struct learner){.method = method,
                          .clip = clip,
                          .bpe = bpe,
                          .device = clip->device,
                          .seed = seed,
                          .C = clip->shape.text_width};
    int rc = method->init ? method->init(l, params, r, e) : 0;
    if (rc == 0)
        rc = device_sync(l->device, e);
    if (rc < 0)
        learner_release(l);
    return rc;
}

void learner_release(struct learner *l)
{
    if (!l->method)
        return;
    if (l->method->release)
        l->method->release(l);
    float *blocks[] = {l->parameters, l->gradient, l->momentum, l->context, l->dcontext};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        device_release(l->device, blocks[i]);
    free(l->start);
    *l = (struct learner){0};
}

void learner_parameters(struct learner *l, int M, size_t n, const float *initial)
{
    size_t size = (size_t)M * (size_t)l->C;
    l->M = M;
    l->n = n;
    l->parameters = device_put(l->device, initial, n);
    l->gradient = device_floats(l->device, n);
    l->momentum = device_floats(l->device, n);
    l->context = device_floats(l->device, size);
    l->dcontext = device_floats(l->device, size);
}

int learner_start_words(struct learner *l, const char *text, struct err *e)
{
    char *words = mem_strdup(text);
    int count = 0, *ids = NULL;
    size_t n = 0;
    for (char *p = words; *p; p++) {
        if (*p == '_')
            *p = ' ';
        count += *p != ' ' && (p == words || p[-1] == ' ');
    }
    int rc = bpe_encode(l->bpe, words, &ids, &n, e);
    if (rc == 0 && (count == 0 || n < (size_t)count))
        rc = err_set(e, ERR_RANGE, "context '%s' has no words", text);
    if (rc == 0) {
        // The number of vectors is the number of words, even where a word is several tokens.
        l->M = count;
        l->start = mem_alloc((size_t)count * (size_t)l->C, sizeof *l->start);
        clip_embed_tokens(l->clip, ids, (size_t)count, l->start);
    }
    free(ids);
    free(words);
    return rc;
}

int learner_prompts_end(struct learner *l, const json_t *params, char *const *names, size_t K,
                        struct text_prompts *out, struct err *e)
{
    (void)params;
    for (size_t k = 0; k < K; k++) {
        char *text = str_format("%s.", names[k]);
        int *ids = NULL;
        size_t n = 0;
        int rc = bpe_encode(l->bpe, text, &ids, &n, e);
        free(text);
        if (rc < 0)
            return err_wrap(e, "class '%s'", names[k]);
        size_t length = 0;
        int *items = mem_alloc(n + (size_t)l->M + 2, sizeof *items);
        items[length++] = bpe_start(l->bpe);
        for (int m = 0; m < l->M; m++)
            items[length++] = TEXT_CONTEXT(m);
        for (size_t i = 0; i < n; i++)
            items[length++] = ids[i];
        items[length++] = bpe_end(l->bpe);
        text_prompts_add(out, items, length);
        free(items);
        free(ids);
    }
    return 0;
}
