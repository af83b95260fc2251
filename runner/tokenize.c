/*
 * `promptgrid tokenize --backbone NAME|DIR TEXT...`: token ids with start and end, one text a line,
 * or as JSON with each token's own text.
 */
#include "core/base/log.h"
#include "core/base/opt.h"
#include "core/clip/bpe.h"
#include "core/clip/model.h"
#include "core/data/catalogue.h"
#include "runner/runner.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct tokenize {
    const char *backbone;
    bool json;
    struct opt_list data;
};

/* The backbone's tokenizer and context length; its weights are only asked for their sizes. */
static int open_tokenizer(const struct tokenize *o, struct bpe **bpe, int *context, struct err *e)
{
    struct roots roots = {0};
    struct backbone_files files = {0};
    struct weights weights = {0};
    struct clip_shape shape;
    int rc = roots_open(&roots, o->data.items, o->data.n, e);
    if (rc < 0 || (rc = roots_backbone(&roots, o->backbone, &files, e)) < 0 ||
        (rc = weights_open(&weights, files.weights, e)) < 0 ||
        (rc = clip_shape_read(&shape, &weights, e)) < 0)
        goto out;
    *context = shape.context;
    rc = bpe_open(bpe, files.merges, shape.vocab, e);
out:
    weights_close(&weights);
    backbone_files_release(&files);
    roots_release(&roots);
    return rc;
}

static json_t *json_tokens(const struct bpe *bpe, const char *text, const int *ids, size_t n)
{
    json_t *numbers = json_array(), *tokens = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(numbers, json_integer(ids[i]));
        json_array_append_new(tokens, json_string(bpe_token(bpe, ids[i])));
    }
    return json_pack("{s:s, s:o, s:o}", "text", text, "ids", numbers, "tokens", tokens);
}

static int tokenize(const struct tokenize *o, char **texts, int n, struct err *e)
{
    struct bpe *bpe = NULL;
    json_t *rows = json_array();
    int context, rc = open_tokenizer(o, &bpe, &context, e);
    for (int i = 0; rc == 0 && i < n; i++) {
        int *ids;
        size_t count;
        if ((rc = bpe_tokenize(bpe, texts[i], context, &ids, &count, e)) < 0)
            break;
        if (o->json)
            json_array_append_new(rows, json_tokens(bpe, texts[i], ids, count));
        for (size_t t = 0; !o->json && t < count; t++)
            printf("%d%c", ids[t], t + 1 < count ? ' ' : '\n');
        free(ids);
    }
    if (rc == 0 && o->json) {
        json_dumpf(rows, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    if (rc == 0 && (fflush(stdout) || ferror(stdout)))
        rc = err_sys(e, "unable to write the tokens");
    json_decref(rows);
    bpe_free(bpe);
    return rc;
}

int runner_tokenize(int argc, char **argv)
{
    struct tokenize o = {0};
    const struct opt options[] = {
        {"backbone", OPT_TEXT, &o.backbone, "NAME|DIR", "a backbone, or a folder that holds one"},
        {"data", OPT_LIST, &o.data, "DIR", "folder of data; may be given again"},
        {"json", OPT_FLAG, &o.json, NULL, "print an array of {text, ids, tokens}"},
        {0},
    };
    struct err e = {0};
    int rest, rc = opt_parse(options, argc, argv, &rest, &e);
    if (rc > 0) {
        opt_print_help(options,
                       "usage: promptgrid tokenize --backbone NAME|DIR TEXT... [options]\n\n"
                       "token ids of texts, as the text tower takes them\n\n");
    } else if (rc == 0 && (!o.backbone || rest < 1)) {
        rc = err_set(&e, ERR_USAGE, "tokenize: expected --backbone NAME|DIR and a text");
    } else if (rc == 0) {
        rc = tokenize(&o, argv + 1, rest, &e);
    }
    free(o.data.items);
    if (rc >= 0)
        return 0;
    return log_fail(&e);
}
