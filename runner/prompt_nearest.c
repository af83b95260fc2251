/* `prompt nearest`: what a context vector is closest to among the token embeddings. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/clip/bpe.h"
#include "core/clip/model.h"
#include "runner/prompt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct near {
    double distance;
    int id;
};

static int by_distance(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* out (contexts, vocab) =: distances of every context vector to every token, sorted. */
static struct near *measure(const struct weights *w, const struct clip_shape *s, const float *ctx,
                            size_t contexts)
{
    const size_t C = (size_t)s->text_width, V = (size_t)s->vocab;
    struct near *out = mem_alloc(contexts * V, sizeof *out);
    float *row = mem_alloc(C, sizeof *row);
    for (size_t v = 0; v < V; v++) {
        weights_embedding(w, v * C, C, row);
        for (size_t i = 0; i < contexts; i++) {
            double sum = 0;
            for (size_t c = 0; c < C; c++) {
                const double difference = (double)ctx[i * C + c] - (double)row[c];
                sum += difference * difference;
            }
            out[i * V + v] = (struct near){sqrt(sum), (int)v};
        }
    }
    for (size_t i = 0; i < contexts; i++)
        qsort(out + i * V, V, sizeof *out, by_distance);
    free(row);
    return out;
}

static void print(const struct prompt_options *o, const struct bpe *bpe, const struct near *all,
                  size_t contexts, size_t V)
{
    const size_t top = (size_t)o->top < V ? (size_t)o->top : V;
    json_t *rows = json_array();
    for (size_t i = 0; i < contexts; i++) {
        json_t *words = json_array();
        struct str line = STR_INIT;
        for (size_t k = 0; k < top; k++) {
            const struct near *n = &all[i * V + k];
            char *word = str_visible(bpe_token(bpe, n->id));
            str_addf(&line, "%s%s %.4f", k ? ", " : "", word, n->distance);
            free(word);
            json_array_append_new(words,
                                  json_pack("{s:s, s:i, s:f}", "token", bpe_token(bpe, n->id), "id",
                                            n->id, "distance", n->distance));
        }
        if (!o->json)
            printf("%3zu  %s\n", i + 1, line.data);
        str_release(&line);
        json_array_append_new(rows, words);
    }
    if (o->json) {
        json_dumpf(rows, stdout, JSON_INDENT(2));
        puts("");
    }
    json_decref(rows);
}

int prompt_nearest(const struct prompt_options *o, const char *word, struct err *e)
{
    struct trained t = {0};
    struct roots roots = {0};
    struct backbone_files files = {0};
    struct weights w = {0};
    struct clip_shape shape;
    struct bpe *bpe = NULL;
    const char *name;
    struct near *all = NULL;
    int rc;
    if ((rc = prompt_open(&t, o, word, e)) < 0)
        return rc;
    const struct tensor_out *ctx = trained_find(&t, "ctx");
    if (!ctx) {
        rc = err_set(e, ERR_MISSING, "'%s' holds no context vectors 'ctx'", t.path);
        goto out;
    }
    if ((rc = prompt_backbone(&t, o->backbone, &name, e)) < 0 ||
        (rc = prompt_roots(&roots, o, e)) < 0 ||
        (rc = roots_backbone(&roots, name, &files, e)) < 0 ||
        (rc = prompt_check_weights(&t, files.weights, e)) < 0 ||
        (rc = weights_open(&w, files.weights, e)) < 0 ||
        (rc = clip_shape_read(&shape, &w, e)) < 0 ||
        (rc = bpe_open(&bpe, files.merges, shape.vocab, e)) < 0)
        goto out;
    if (ctx->shape[1] != (size_t)shape.text_width) {
        rc = err_set(e, ERR_RANGE, "'%s' has vectors of %zu numbers, '%s' has %d", t.path,
                     ctx->shape[1], name, shape.text_width);
        goto out;
    }
    all = measure(&w, &shape, ctx->data, ctx->shape[0]);
    print(o, bpe, all, ctx->shape[0], (size_t)shape.vocab);
    if (fflush(stdout))
        rc = err_sys(e, "unable to write to stdout");
out:
    free(all);
    bpe_free(bpe);
    weights_close(&w);
    backbone_files_release(&files);
    roots_release(&roots);
    trained_close(&t);
    return rc;
}
