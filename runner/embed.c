/*
 * `promptgrid embed --backbone NAME|DIR [--text S]... [--image FILE]...`: features of texts and
 * images, as the model gives them (not unit length), and their logits when both are given.
 */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/opt.h"
#include "core/base/thread.h"
#include "core/clip/bpe.h"
#include "core/clip/text.h"
#include "core/clip/vision.h"
#include "core/data/catalogue.h"
#include "runner/picture.h"
#include "runner/runner.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 32 }; // images decoded at once

struct embed {
    /* options */
    const char *backbone, *precision;
    bool json;
    struct opt_list texts, images, data;

    struct device *device;
    struct clip clip;
    float *text_features, *image_features; // (texts, E), (images, E), host
    float *logits;                         // (images, texts), host; NULL unless both are given
};

static int check_finite(const float *x, size_t n, const char *of, const char *name, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return err_set(e, ERR_NUMERIC, "the features of %s '%s' are not finite", of, name);
    return 0;
}

/* The tree of all texts at once. */
static int embed_texts(struct embed *o, const char *merges, struct err *e)
{
    const struct clip_shape *s = &o->clip.shape;
    const size_t n = o->texts.n, E = (size_t)s->embed;
    struct bpe *bpe = NULL;
    struct text_prompts prompts = {0};
    struct text *text = NULL;
    float *features = NULL;
    int rc = bpe_open(&bpe, merges, s->vocab, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int *ids;
        size_t length;
        if ((rc = bpe_tokenize(bpe, o->texts.items[i], s->context, &ids, &length, e)) < 0)
            break;
        text_prompts_add(&prompts, ids, length);
        free(ids);
    }
    if (rc < 0 || (rc = text_new(&text, &o->clip, &prompts, 0, TEXT_FORWARD, e)) < 0)
        goto out;
    features = device_floats(o->device, n * E);
    text_forward(text, NULL, features);
    o->text_features = mem_alloc(n * E, sizeof *o->text_features);
    o->device->ops->download(o->device, o->text_features, features, n * E * sizeof *features);
    if ((rc = device_sync(o->device, e)) < 0)
        goto out;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = check_finite(o->text_features + i * E, E, "text", o->texts.items[i], e);
out:
    device_release(o->device, features);
    text_free(text);
    text_prompts_release(&prompts);
    bpe_free(bpe);
    return rc;
}

static int embed_images(struct embed *o, struct err *e)
{
    const size_t n = o->images.n, E = (size_t)o->clip.shape.embed;
    const int size = o->clip.shape.image_size;
    const size_t pixels = 3 * (size_t)size * (size_t)size, batch = n < BATCH ? n : BATCH;
    struct vision *vision = vision_new(&o->clip, (int)batch);
    float *inputs = mem_alloc(batch * pixels, sizeof *inputs);
    int rc = 0;
    o->image_features = mem_alloc(n * E, sizeof *o->image_features);
    for (size_t first = 0; rc == 0 && first < n; first += batch) {
        const size_t count = n - first < batch ? n - first : batch;
        for (size_t i = 0; rc == 0 && i < count; i++)
            rc = picture_read(inputs + i * pixels, o->device, o->images.items[first + i], size, e);
        if (rc == 0)
            rc = vision_forward(vision, inputs, count, o->image_features + first * E, e);
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = check_finite(o->image_features + i * E, E, "image", o->images.items[i], e);
    free(inputs);
    vision_free(vision);
    return rc;
}

/* Unit-length copy of host rows x (R, E), on the device. */
static float *put_unit(struct device *d, const float *x, int R, int E)
{
    const size_t n = (size_t)R * (size_t)E;
    float *raw = device_put(d, x, n), *unit = device_floats(d, n);
    float *norm = device_floats(d, (size_t)R);
    d->ops->l2norm_fwd(d, unit, norm, raw, R, E);
    device_release(d, raw);
    device_release(d, norm);
    return unit;
}

/* logits = scale unit(image) unit(text)^T, by the operations that training uses. */
static int embed_logits(struct embed *o, struct err *e)
{
    struct device *d = o->device;
    const int images = (int)o->images.n, texts = (int)o->texts.n, E = o->clip.shape.embed;
    const size_t n = (size_t)images * (size_t)texts;
    float *image = put_unit(d, o->image_features, images, E);
    float *text = put_unit(d, o->text_features, texts, E);
    float *logits = device_floats(d, n);
    d->ops->matmul_nt(d, logits, image, text, images, texts, E, o->clip.logit_scale);
    o->logits = mem_alloc(n, sizeof *o->logits);
    d->ops->download(d, o->logits, logits, n * sizeof *logits);
    const int rc = device_sync(d, e);
    device_release(d, image);
    device_release(d, text);
    device_release(d, logits);
    return rc;
}

static json_t *json_rows(const float *x, size_t rows, size_t columns)
{
    json_t *list = json_array();
    for (size_t r = 0; r < rows; r++) {
        json_t *row = json_array();
        for (size_t c = 0; c < columns; c++)
            json_array_append_new(row, json_real((double)x[r * columns + c]));
        json_array_append_new(list, row);
    }
    return list;
}

static void print_json(const struct embed *o)
{
    enum { DIGITS = 9 }; // tell any two float32 apart
    const size_t E = (size_t)o->clip.shape.embed;
    json_t *all = json_object();
    if (o->texts.n)
        json_object_set_new(all, "text_features", json_rows(o->text_features, o->texts.n, E));
    if (o->images.n)
        json_object_set_new(all, "image_features", json_rows(o->image_features, o->images.n, E));
    if (o->logits)
        json_object_set_new(all, "logits", json_rows(o->logits, o->images.n, o->texts.n));
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    putchar('\n');
    json_decref(all);
}

static void print_norms(const float *x, const struct opt_list *names, size_t E)
{
    for (size_t i = 0; i < names->n; i++) {
        double sum = 0;
        for (size_t c = 0; c < E; c++)
            sum += (double)x[i * E + c] * (double)x[i * E + c];
        char *name = str_visible(names->items[i]);
        printf("%9.4f  %s\n", sqrt(sum), name);
        free(name);
    }
}

struct ranked {
    const char *text;
    double p;
};

static int by_probability(const void *a, const void *b)
{
    const double x = ((const struct ranked *)a)->p, y = ((const struct ranked *)b)->p;
    return x < y ? 1 : -(x > y);
}

/* For each image the texts by probability. */
static void print_ranking(const struct embed *o)
{
    const size_t n = o->texts.n;
    struct ranked *rows = mem_alloc(n, sizeof *rows);
    for (size_t i = 0; i < o->images.n; i++) {
        const float *logits = o->logits + i * n;
        double top = (double)logits[0], sum = 0;
        for (size_t t = 0; t < n; t++)
            top = fmax(top, (double)logits[t]);
        for (size_t t = 0; t < n; t++) {
            rows[t] = (struct ranked){o->texts.items[t], exp((double)logits[t] - top)};
            sum += rows[t].p;
        }
        qsort(rows, n, sizeof *rows, by_probability);
        char *name = str_visible(o->images.items[i]);
        puts(name);
        free(name);
        for (size_t t = 0; t < n; t++) {
            name = str_visible(rows[t].text);
            printf("  %6.2f %%  %s\n", 100 * rows[t].p / sum, name);
            free(name);
        }
    }
    free(rows);
}

static void print_summary(const struct embed *o)
{
    const size_t E = (size_t)o->clip.shape.embed;
    if (o->logits) {
        print_ranking(o);
        return;
    }
    puts("length of the features");
    if (o->texts.n)
        print_norms(o->text_features, &o->texts, E);
    else
        print_norms(o->image_features, &o->images, E);
}

static int embed(struct embed *o, struct err *e)
{
    struct roots roots = {0};
    struct backbone_files files = {0};
    const int towers = (o->texts.n ? CLIP_TEXT : 0) | (o->images.n ? CLIP_VISION : 0) |
                       (str_eq(o->precision, "bf16") ? CLIP_BF16 : 0);
    int rc = roots_open(&roots, o->data.items, o->data.n, e);
    if (rc < 0 || (rc = roots_backbone(&roots, o->backbone, &files, e)) < 0 ||
        (rc = device_open(&o->device, "cpu", thread_cores(), e)) < 0 ||
        (rc = clip_open(&o->clip, files.weights, o->device, towers, e)) < 0 ||
        (o->texts.n && (rc = embed_texts(o, files.merges, e)) < 0) ||
        (o->images.n && (rc = embed_images(o, e)) < 0) ||
        (o->texts.n && o->images.n && (rc = embed_logits(o, e)) < 0))
        goto out;
    (o->json ? print_json : print_summary)(o);
    if (fflush(stdout) || ferror(stdout))
        rc = err_sys(e, "unable to write the features");
out:
    free(o->text_features);
    free(o->image_features);
    free(o->logits);
    clip_close(&o->clip);
    device_close(o->device);
    backbone_files_release(&files);
    roots_release(&roots);
    return rc;
}

int runner_embed(int argc, char **argv)
{
    struct embed o = {.precision = "fp32"};
    const struct opt options[] = {
        {"backbone", OPT_TEXT, &o.backbone, "NAME|DIR", "a backbone, or a folder that holds one"},
        {"text", OPT_LIST, &o.texts, "TEXT", "a text; may be given again"},
        {"image", OPT_LIST, &o.images, "FILE", "a JPEG or PNG file; may be given again"},
        {"data", OPT_LIST, &o.data, "DIR", "folder of data; may be given again"},
        {"precision", OPT_TEXT, &o.precision, "NAME", "of the image tower: fp32 (default) or bf16"},
        {"json", OPT_FLAG, &o.json, NULL, "print text_features, image_features and logits"},
        {0},
    };
    struct err e = {0};
    int rest, rc = opt_parse(options, argc, argv, &rest, &e);
    if (rc > 0) {
        opt_print_help(
            options,
            "usage: promptgrid embed --backbone NAME|DIR [--text TEXT]... [--image FILE]... "
            "[options]\n\nfeatures of texts and images, and what they have in common\n\n");
    } else if (rc == 0 && rest > 0) {
        rc = err_set(&e, ERR_USAGE, "embed: unexpected '%s'; texts follow --text, images --image",
                     argv[1]);
    } else if (rc == 0 && (!o.backbone || o.texts.n + o.images.n == 0)) {
        rc = err_set(&e, ERR_USAGE, "embed: expected --backbone NAME|DIR and a --text or --image");
    } else if (rc == 0 && !str_eq(o.precision, "fp32") && !str_eq(o.precision, "bf16")) {
        rc = err_set(&e, ERR_USAGE, "embed: unknown precision '%s', expected fp32 or bf16",
                     o.precision);
    } else if (rc == 0) {
        rc = embed(&o, &e);
    }
    free(o.texts.items);
    free(o.images.items);
    free(o.data.items);
    if (rc >= 0)
        return 0;
    return log_fail(&e);
}
