/* From a prompt, or none, and class names to a learner: see classify.h. */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/data/split.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "runner/classify.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_LIMIT = 64 << 20, CLASSES_LIMIT = 1 << 20 };
#define TEMPLATE "a photo of a {}."

bool classifier_wants_features(const struct classifier *c)
{
    return !c->learner.method->pixels;
}

/* ---- class names ---- */

static void add_name(struct classifier *c, const char *name, size_t size)
{
    c->names = mem_grow(c->names, (size_t)c->K + 1, sizeof *c->names);
    char *copy = c->names[c->K++] = mem_strndup(name, size);
    for (; *copy; copy++)
        if (*copy == '_')
            *copy = ' ';
}

static int read_names(struct classifier *c, const char *path, struct err *e)
{
    char *text;
    size_t size, number = 1;
    int rc = fs_read(&text, &size, path, NAMES_LIMIT, e);
    if (rc < 0)
        return rc;
    json_t *seen = json_object();
    for (char *line = text, *end; line && rc == 0; line = end ? end + 1 : NULL, number++) {
        end = strchr(line, '\n');
        size_t n = end ? (size_t)(end - line) : strlen(line);
        while (n && (line[n - 1] == '\r' || line[n - 1] == ' '))
            n--;
        if (!n)
            continue;
        char *name = mem_strndup(line, n);
        if (json_object_get(seen, name))
            rc = err_set(e, ERR_PARSE, "%s:%zu: class '%s' stands there twice", path, number, name);
        else if (json_object_set_new(seen, name, json_true()) < 0)
            rc = err_set(e, ERR_PARSE, "%s:%zu: a class name that is not UTF-8", path, number);
        else if (c->K == CLASSES_LIMIT)
            rc = err_set(e, ERR_RANGE, "'%s' has more than %d classes", path, CLASSES_LIMIT);
        else
            add_name(c, name, n);
        free(name);
    }
    if (rc == 0 && !c->K)
        rc = err_set(e, ERR_PARSE, "'%s' has no class name: expected one a line", path);
    json_decref(seen);
    free(text);
    return rc;
}

/* Of a run that had contexts of its own for half of the classes: those. */
static int dataset_names(struct classifier *c, const struct roots *roots,
                         const struct dataset_row *row, struct err *e)
{
    struct split split;
    char *folder = NULL;
    int rc = roots_dataset(roots, row, &folder, e);
    if (rc == 0 && (rc = split_load(&split, row, folder, e)) == 0) {
        const int own = c->trained.classes, all = split.classes;
        for (int k = 0; k < (own && own < all ? own : all); k++)
            add_name(c, split.names[k], strlen(split.names[k]));
        split_release(&split);
    }
    free(folder);
    return rc;
}

/* ---- the learner ---- */

/* Zero-shot: a template around each name, the dataset's own where there is one. */
static int zero_shot_params(struct classifier *c, const struct classify_options *o,
                            const struct dataset_row *row, struct err *e)
{
    const char *text = o->template_ ? o->template_ : row ? row->template_ : TEMPLATE;
    if (!strstr(text, "{}"))
        return err_set(e, ERR_USAGE, "--template '%s' has no {} for the class name", text);
    c->params = json_pack("{s:s, s:s}", "template", text, "ensemble", "none");
    return c->params ? 0 : err_set(e, ERR_USAGE, "--template is not UTF-8");
}

static int make_learner(struct classifier *c, struct err *e)
{
    const struct trained *t = c->trained.path ? &c->trained : NULL;
    const struct method *m = method_get(t ? t->method : "zero-shot");
    struct rng r;
    BUG_IF(!m);
    if (m->init) {
        rng_seed_torch(&r, t->seed);
        rng_skip(&r, clip_init_draws(&c->clip.shape));
    }
    int rc = learner_init(&c->learner, m, &c->clip, c->bpe, t ? t->params : c->params,
                          t ? t->seed : 0, t && t->classes ? t->classes : c->K, &r, e);
    if (rc == 0 && t)
        rc = trained_apply(t, &c->learner, e);
    return rc < 0 ? rc : learner_classes(&c->learner, c->names, c->K, false, e);
}

/* The dataset that class names and template come from; NULL: none is named. */
static int find_dataset(const struct classifier *c, const struct classify_options *o,
                        const struct dataset_row **row, struct err *e)
{
    const char *name = o->prompt.dataset;
    *row = NULL;
    if (!name && !o->classes && c->trained.spec)
        name = spec_get_text(c->trained.spec, "dataset");
    return name ? dataset_get(row, name, e) : 0;
}

static int open_files(struct classifier *c, const struct classify_options *o,
                      const struct roots *roots, struct backbone_files *files, struct err *e)
{
    const struct dataset_row *row;
    const char *backbone = o->prompt.backbone;
    int rc;
    if ((rc = find_dataset(c, o, &row, e)) < 0)
        return rc;
    if (c->trained.path) {
        if ((rc = prompt_backbone(&c->trained, backbone, &backbone, e)) < 0)
            return rc;
    } else if (!backbone) {
        return err_set(e, ERR_USAGE,
                       "classify: expected --prompt RUN|FILE, or --backbone NAME|DIR "
                       "to use class names alone");
    } else if ((rc = zero_shot_params(c, o, row, e)) < 0) {
        return rc;
    }
    if (!row && !o->classes)
        return err_set(e, ERR_USAGE,
                       "classify: which classes? expected --classes FILE with a name a line, or "
                       "--dataset NAME");
    rc = o->classes ? read_names(c, o->classes, e) : dataset_names(c, roots, row, e);
    if (rc == 0 && c->trained.classes && c->trained.classes != c->K)
        rc =
            err_set(e, ERR_USAGE,
                    "'%s' has a context for each of the %d classes it was trained on; %d are given",
                    c->trained.path, c->trained.classes, c->K);
    if (rc == 0 && (rc = roots_backbone(roots, backbone, files, e)) == 0)
        rc = prompt_check_weights(&c->trained, files->weights, e);
    return rc;
}

int classifier_open(struct classifier *c, const struct classify_options *o, struct err *e)
{
    struct roots roots = {0};
    struct backbone_files files = {0};
    int rc;
    *c = (struct classifier){0};
    if ((rc = prompt_roots(&roots, &o->prompt, e)) < 0 ||
        (o->word && (rc = prompt_open(&c->trained, &o->prompt, o->word, e)) < 0) ||
        (rc = open_files(c, o, &roots, &files, e)) < 0 ||
        (rc = device_open(&c->device, "cpu", thread_cores(), e)) < 0)
        goto out;
    if (c->trained.spec)
        c->device->half = str_eq(spec_get_text(c->trained.spec, "precision"), "fp16-storage");
    if ((rc = clip_open(&c->clip, files.weights, c->device, CLIP_TEXT | CLIP_VISION, e)) < 0 ||
        (rc = bpe_open(&c->bpe, files.merges, c->clip.shape.vocab, e)) < 0)
        goto out;
    rc = make_learner(c, e);
out:
    backbone_files_release(&files);
    roots_release(&roots);
    return rc;
}

void classifier_close(struct classifier *c)
{
    learner_release(&c->learner);
    bpe_free(c->bpe);
    clip_close(&c->clip);
    device_close(c->device);
    trained_close(&c->trained);
    json_decref(c->params);
    for (int k = 0; k < c->K; k++)
        free(c->names[k]);
    free(c->names);
    *c = (struct classifier){0};
}

int classifier_run(struct classifier *c, struct vision *vision, const float *images, int n,
                   float *logits, struct err *e)
{
    const size_t B = (size_t)n, E = (size_t)c->clip.shape.embed,
                 S = (size_t)c->clip.shape.image_size;
    const size_t width = classifier_wants_features(c) ? E : 3 * S * S;
    float *features = NULL;
    if (classifier_wants_features(c)) {
        features = mem_alloc(B * E, sizeof *features);
        int rc = vision_forward(vision, images, B, features, e);
        if (rc < 0) {
            free(features);
            return rc;
        }
    }
    float *x = device_put(c->device, features ? features : images, B * width);
    float *out = device_floats(c->device, B * (size_t)c->K);
    int rc = device_sync(c->device, e); // says so when memory is short
    if (rc == 0) {
        c->learner.method->logits(&c->learner, x, n, out);
        c->device->ops->download(c->device, logits, out, B * (size_t)c->K * sizeof *out);
        rc = device_sync(c->device, e);
    }
    device_release(c->device, x);
    device_release(c->device, out);
    free(features);
    return rc;
}
