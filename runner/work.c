/* The files of a job: see work.h. Nothing is used before its hash is the spec's. */
#include "runner/work.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/fewshot.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "runner/check.h"
#include "runner/start.h"

#include <stdlib.h>

static void read_names(struct work *w)
{
    w->names = mem_alloc((size_t)w->split.classes, sizeof *w->names);
    for (int k = 0; k < w->split.classes; k++) {
        w->names[k] = mem_strdup(w->split.names[k]);
        for (char *p = w->names[k]; *p && !w->method->raw_names; p++)
            if (*p == '_')
                *p = ' ';
    }
}

/* A key that may be absent. */
static const char *param(const struct work *w, const char *key)
{
    return json_string_value(json_object_get(w->params, key));
}

/* The prompt that the job's file holds, which must be the spec's; from here on the work is that of
 * the method that evaluates it. */
static int open_trained(struct work *w, struct err *e)
{
    const struct trained_options o = {.trainer = param(w, "trainer"),
                                      .context = param(w, "words"),
                                      .position = param(w, "name-position")};
    const char *file = param(w, "file"), *precision = spec_get_text(w->spec, "precision");
    int rc = trained_open(&w->trained, w->job->prompt, &o, e);
    if (rc == 0 && !file)
        rc = err_set(e, ERR_PARSE, "spec: 'params' does not name its 'file'");
    if (rc == 0)
        rc = check_hash("prompt", w->trained.path, w->trained.sha256, file, e);
    if (rc < 0)
        return rc;
    const int needs = method_find(w->trained.method)->needs;
    if ((str_eq(precision, "fp16-storage") && !(needs & METHOD_HALF)) ||
        (!str_eq(precision, "fp32") && (needs & METHOD_PIXELS)))
        return err_set(e, ERR_RANGE, "a prompt of %s has no precision '%s'",
                       method_find(w->trained.trainer)->label, precision);
    w->method = method_get(w->trained.method);
    w->params = w->trained.params;
    return 0;
}

int work_open(struct work *w, const struct job *job, struct err *e)
{
    *w = (struct work){
        .job = job, .spec = job->spec, .params = json_object_get(job->spec, "params")};
    const char *name = spec_get_text(w->spec, "method");
    const struct method_row *row = method_find(name);
    int rc = 0;
    if (row && (row->needs & METHOD_FILE))
        rc = open_trained(w, e);
    else
        w->method = method_get(name);
    if (rc == 0 && !w->method)
        rc = err_set(e, ERR_MISSING, "unknown method '%s'", name);
    return rc < 0 ? rc : start_device(&w->device, job, e);
}

int work_files(struct work *w, struct err *e)
{
    const struct job *job = w->job;
    const json_t *spec = w->spec;
    const struct dataset_row *row;
    bool trains = str_eq(spec_get_text(spec, "job"), "train") && !w->trained.path;
    int what = CLIP_TEXT, rc;
    if (w->method->pixels)
        what |= CLIP_VISION | (trains ? CLIP_VISION_BACKWARD : 0);
    if ((rc = dataset_in(&row, spec_get_text(spec, "dataset"), job->dataset, e)) < 0 ||
        (rc = check_file("weights", job->weights, spec_get_text(spec, "weights"), e)) < 0 ||
        (rc = split_load(&w->split, row, job->dataset, e)) < 0 ||
        (rc = check_hash("split", job->dataset, w->split.hash, spec_get_text(spec, "split"), e)) <
            0 ||
        (w->method->pixels && (rc = manifest_open(&w->manifest, row, job->dataset, e)) < 0) ||
        (rc = clip_open(&w->clip, job->weights, w->device, what, e)) < 0 ||
        (rc = bpe_open(&w->bpe, job->bpe, w->clip.shape.vocab, e)) < 0 ||
        (rc = check_hash("merges", job->bpe, bpe_hash(w->bpe), spec_get_text(spec, "bpe"), e)) < 0)
        return rc;
    read_names(w);
    return 0;
}

void work_release(struct work *w)
{
    learner_release(&w->learner);
    trained_close(&w->trained);
    bpe_free(w->bpe);
    clip_close(&w->clip);
    known_close(w->known);
    device_close(w->device);
    for (int k = 0; w->names && k < w->split.classes; k++)
        free(w->names[k]);
    free(w->names);
    manifest_release(&w->manifest);
    split_release(&w->split);
    *w = (struct work){0};
}

int work_learner(struct work *w, int train_K, struct rng *r, struct err *e)
{
    const struct trained *t = w->trained.path ? &w->trained : NULL;
    uint64_t seed = t ? t->seed : (uint64_t)spec_get_int(w->spec, "seed");
    if (w->method->init) {
        rng_seed_torch(r, seed);
        rng_skip(r, clip_init_draws(&w->clip.shape));
    }
    if (t && t->classes)
        train_K = t->classes;
    int rc = learner_init(&w->learner, w->method, &w->clip, w->bpe, w->params, seed, train_K, r, e);
    return t && rc == 0 ? trained_apply(t, &w->learner, e) : rc;
}

/* Images of the part of this name. */
static size_t images_of(const struct work *w, const char *part)
{
    size_t n = 0;
    for (int p = 0; p < SPLIT_PARTS; p++)
        if (str_eq(part, split_part_names[p]))
            n = w->split.part[p].n;
    return n;
}

int work_picks(const struct work *w, enum split_part part, size_t **picks, size_t *n, struct err *e)
{
    int shots = (int)spec_get_int(w->spec, "shots");
    uint64_t seed = (uint64_t)spec_get_int(w->spec, "seed");
    if (method_find(w->method->name)->needs & METHOD_NUMPY)
        return fewshot_select_numpy(&w->split, part, shots, seed, picks, n, e);
    fewshot_select(&w->split, part, shots, seed, picks, n);
    return 0;
}

struct pixels *work_pixels(const struct work *w, const char *part, const size_t *items, size_t n)
{
    json_t *bank = spec_bank(w->spec, part, images_of(w, part));
    struct pixels *pixels;
    pixels_open(&pixels, w->device, &w->split, bank, items, n, w->clip.shape.image_size,
                w->job->threads);
    pixels_manifest(pixels, &w->manifest);
    json_decref(bank);
    return pixels;
}

int work_bank(const struct work *w, struct bank *bank, const char *part, const char *path,
              struct err *e)
{
    *bank = (struct bank){0};
    if (w->method->pixels)
        return 0;
    json_t *spec = spec_bank(w->spec, part, images_of(w, part));
    int rc = bank_open(bank, path, spec, e);
    json_decref(spec);
    if (rc == 0 && bank->dim != (size_t)w->clip.shape.embed)
        rc = err_set(e, ERR_CORRUPT, "'%s': features of %zu numbers, the model has %d", path,
                     bank->dim, w->clip.shape.embed);
    return rc;
}
