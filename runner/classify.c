/*
 * `promptgrid classify [--prompt RUN|FILE] [--classes FILE] IMAGE...`: the most probable classes of
 * images, by a learned prompt or, without one, by class names in a template. An image that cannot
 * be read is named and the others are classified; the exit status is then 1.
 */
#include "runner/classify.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/memory.h"
#include "runner/picture.h"
#include "runner/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 32 };

struct ranked {
    int k;
    double p;
};

static int by_probability(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? 1 : -1;
    return x->k - y->k; // as accuracy counts: the first of equals
}

/* out (K) = the classes by softmax of the logits, largest first */
static int rank(const struct classifier *c, const float *logits, const char *image,
                struct ranked *out, struct err *e)
{
    double top = -INFINITY, sum = 0;
    for (int k = 0; k < c->K; k++) {
        if (!isfinite(logits[k]))
            return err_set(e, ERR_NUMERIC, "the logits of image '%s' are not finite", image);
        top = fmax(top, (double)logits[k]);
    }
    for (int k = 0; k < c->K; k++) {
        out[k] = (struct ranked){k, exp((double)logits[k] - top)};
        sum += out[k].p;
    }
    for (int k = 0; k < c->K; k++)
        out[k].p /= sum;
    qsort(out, (size_t)c->K, sizeof *out, by_probability);
    return 0;
}

/* What is printed of one image; `failed` NULL: it was classified. */
static void say(const struct classify_options *o, const struct classifier *c, const char *image,
                const struct ranked *ranked, const char *failed, json_t *all)
{
    const int top = o->prompt.top < c->K ? (int)o->prompt.top : c->K;
    char *name = str_visible(image);
    if (failed) {
        log_error("%s", failed);
        char *text = str_visible(failed);
        json_array_append_new(all, json_pack("{s:s, s:s}", "image", name, "error", text));
        free(text);
        free(name);
        return;
    }
    json_t *rows = json_array();
    if (!o->prompt.json)
        puts(name);
    for (int i = 0; i < top; i++) {
        const char *class_ = c->names[ranked[i].k];
        char *shown = str_visible(class_);
        if (!o->prompt.json)
            printf("  %6.2f %%  %s\n", 100 * ranked[i].p, shown);
        json_array_append_new(rows, json_pack("{s:s, s:i, s:f}", "class", shown, "index",
                                              ranked[i].k, "probability", ranked[i].p));
        free(shown);
    }
    json_array_append_new(all, json_pack("{s:s, s:o}", "image", name, "top", rows));
    free(name);
}

/* Images first .. first + n - 1; *bad counts those that cannot be read. */
static int classify_batch(const struct classify_options *o, struct classifier *c,
                          struct vision *vision, char *const *images, int n, json_t *all, int *bad,
                          struct err *e)
{
    const size_t S = (size_t)c->clip.shape.image_size, pixels = 3 * S * S, K = (size_t)c->K;
    float *inputs = mem_alloc((size_t)n * pixels, sizeof *inputs);
    float *logits = mem_alloc((size_t)n * K, sizeof *logits);
    struct ranked *ranked = mem_alloc(K, sizeof *ranked);
    struct err *failed = mem_zero((size_t)n, sizeof *failed);
    int read = 0, rc = 0;
    for (int i = 0; i < n; i++)
        read += picture_read(inputs + (size_t)read * pixels, c->device, images[i], (int)S,
                             &failed[i]) == 0;
    if (read)
        rc = classifier_run(c, vision, inputs, read, logits, e);
    for (int i = 0, at = 0; i < n && rc == 0; i++) {
        *bad += failed[i].code != 0;
        if (!failed[i].code)
            rc = rank(c, logits + (size_t)at++ * K, images[i], ranked, e);
        if (rc == 0)
            say(o, c, images[i], ranked, failed[i].code ? failed[i].text : NULL, all);
    }
    free(failed);
    free(ranked);
    free(logits);
    free(inputs);
    return rc;
}

static int classify(const struct classify_options *o, char *const *images, int n, int *bad,
                    struct err *e)
{
    struct classifier c;
    struct vision *vision = NULL;
    json_t *all = json_array();
    int rc = classifier_open(&c, o, e);
    if (rc == 0 && classifier_wants_features(&c))
        vision = vision_new(&c.clip, n < BATCH ? n : BATCH);
    for (int first = 0; first < n && rc == 0; first += BATCH)
        rc = classify_batch(o, &c, vision, images + first, n - first < BATCH ? n - first : BATCH,
                            all, bad, e);
    if (rc == 0 && o->prompt.json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        puts("");
    }
    if (rc == 0 && (fflush(stdout) || ferror(stdout)))
        rc = err_sys(e, "unable to write to stdout");
    json_decref(all);
    if (vision)
        vision_free(vision);
    classifier_close(&c);
    return rc;
}

int runner_classify(int argc, char **argv)
{
    struct classify_options o = {.prompt = {.top = 5}};
    const struct opt options[] = {
        {"prompt", OPT_TEXT, &o.word, "PROMPT",
         "a run of ours, its result, or a checkpoint; without it: class names in a template"},
        {"classes", OPT_TEXT, &o.classes, "FILE",
         "class names, one a line (default: those of the run's dataset)"},
        {"dataset", OPT_TEXT, &o.prompt.dataset, "NAME", "take the class names of this dataset"},
        {"top", OPT_COUNT, &o.prompt.top, "N", "classes for each image (default: 5)"},
        {"backbone", OPT_TEXT, &o.prompt.backbone, "NAME|DIR",
         "CLIP model (default: that of the run)"},
        {"template", OPT_TEXT, &o.template_, "TEXT",
         "with {} for the class name, without a prompt (default: \"a photo of a {}.\", or the "
         "dataset's)"},
        PROMPT_AS(o.prompt.as),
        {"workspace", OPT_TEXT, &o.prompt.workspace, "DIR",
         "holds results (default: $PROMPTGRID_WORKSPACE, else ./workspace)"},
        {"data", OPT_LIST, &o.prompt.data, "DIR", "folder of datasets; may be given again"},
        {"json", OPT_FLAG, &o.prompt.json, NULL, "print JSON"},
        {0},
    };
    struct err e = {0};
    int rest, bad = 0, rc = opt_parse(options, argc, argv, &rest, &e);
    json_checked_memory();
    if (rc > 0) {
        opt_print_help(
            options,
            "usage: promptgrid classify [options] IMAGE...\n\nthe most probable classes of "
            "images, by a learned prompt or by class names alone\n\n");
    } else if (rc == 0 && rest < 1) {
        rc = err_set(&e, ERR_USAGE,
                     "classify: an image is missing; usage: promptgrid classify "
                     "[options] IMAGE...");
    } else if (rc == 0 && o.prompt.top < 1) {
        rc = err_set(&e, ERR_USAGE, "--top 0: expected at least 1");
    } else if (rc == 0 && o.word && o.template_) {
        rc = err_set(&e, ERR_USAGE, "--template is for class names alone: leave out --prompt");
    } else if (rc == 0) {
        rc = classify(&o, argv + 1, rest, &bad, &e);
    }
    free(o.prompt.data.items);
    if (rc >= 0)
        return bad ? 1 : 0;
    return log_fail(&e);
}
