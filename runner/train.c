/*
 * The train job: banked features -> trained prompt -> metrics.
 *
 * Order of random draws as in the reference (spec/training.md section 3): after the method's start
 * (work_learner) every epoch takes its four.
 */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/bank.h"
#include "core/proto/event.h"
#include "core/proto/spec.h"
#include "core/train/loop.h"
#include "core/train/result.h"
#include "runner/fit.h"
#include "runner/report.h"
#include "runner/resume.h"
#include "runner/runner.h"
#include "runner/start.h"
#include "runner/test.h"

#include <stdlib.h>
#include <string.h>

struct train {
    struct work work;
    struct part trained, tested[2];
    int parts; // of `tested`
    struct bank test_bank;

    /* training images: rows of the bank, or of the train list for methods on pixels */
    struct bank bank;
    size_t *rows, n, first_view;
    int *labels;
    struct pixels *pixels;
    struct fit fit; // of methods that look at more than batches

    struct resume resume;
    double said; // when progress was last sent, seconds
};

/* The classes that are trained on, then the parts that are tested, by protocol. */
static void set_parts(struct train *t)
{
    int all = t->work.split.classes, base = split_base_classes(all);
    if (str_eq(spec_get_text(t->work.spec, "protocol"), "base-to-new")) {
        t->trained = t->tested[0] = (struct part){"base", 0, base};
        t->tested[1] = (struct part){"new", base, all - base};
        t->parts = 2;
        return;
    }
    t->trained = t->tested[0] = (struct part){"test", 0, all};
    t->parts = 1;
}

/* The few-shot picks of the trained classes, as rows, in selection order. */
static int choose_images(struct train *t, struct err *e)
{
    const struct part *trained = &t->trained;
    size_t *picks = NULL, n = 0;
    int rc = work_picks(&t->work, SPLIT_TRAIN, &picks, &n, e);
    t->rows = mem_alloc(n, sizeof *t->rows);
    t->labels = mem_alloc(n, sizeof *t->labels);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct split_item *item = &t->work.split.part[SPLIT_TRAIN].items[picks[i]];
        if (item->label < trained->first || item->label >= trained->first + trained->n)
            continue;
        long row = t->work.method->pixels ? (long)picks[i] : bank_row(&t->bank, picks[i]);
        if (row < 0)
            rc = err_set(e, ERR_CORRUPT, "'%s' has no features of image '%s'",
                         t->work.job->train_bank, item->path);
        t->rows[t->n] = (size_t)row;
        t->labels[t->n++] = item->label - trained->first;
    }
    free(picks);
    if (rc == 0 && t->work.method->pixels)
        t->pixels = work_pixels(&t->work, "train", t->rows, t->n);
    return rc;
}

static int fill_pixels(void *arg, int epoch, const int *rows, int n, float *out, struct err *e)
{
    const struct train *t = arg;
    return pixels_batch(t->pixels, epoch, rows, n, out, e);
}

static void fill_view(void *arg, size_t view, float *out)
{
    const struct train *t = arg;
    size_t E = t->bank.dim;
    const float *features = t->bank.features + (t->first_view + view) * t->bank.images * E;
    for (size_t i = 0; i < t->n; i++)
        memcpy(out + i * E, features + t->rows[i] * E, E * sizeof *out);
}

/* A key that not every method has. */
static double real_or(const json_t *params, const char *key, double otherwise)
{
    return json_object_get(params, key) ? spec_get_real(params, key) : otherwise;
}

static int set_classes(struct train *t, struct err *e)
{
    struct work *w = &t->work;
    return learner_classes(&w->learner, w->names + t->trained.first, t->trained.n, true, e);
}

/* Every N-th epoch: the accuracy on each part with what would be deployed now, into `probed`.
 * Training then goes on with the same bits. */
static int probe(struct train *t, int epochs, json_t *probed, struct err *e)
{
    int every = (int)real_or(t->work.params, "probe", 0), rc = 0;
    if (!every || epochs % every)
        return 0;
    for (int i = 0; i < t->parts && rc == 0; i++) {
        struct eval_result result = {0};
        size_t n;
        rc = test_measure(&t->work, &t->test_bank, &t->tested[i], &result, &n, e);
        if (rc == 0)
            json_object_set_new(probed, t->tested[i].name, json_real(result.accuracy));
        free(result.predicted);
    }
    return rc < 0 ? rc : set_classes(t, e);
}

static int after_epoch(void *arg, struct learner *l, const struct loop_epoch *epoch,
                       const struct loop_state *state, struct err *e)
{
    struct train *t = arg;
    json_t *probed = json_object();
    int rc = probe(t, state->epoch, probed, e);
    if (rc == 0)
        rc = report_epoch(l, epoch, probed, t->resume.curve, e);
    json_decref(probed);
    if (rc < 0)
        return rc;
    report_progress(&t->said, state->epoch, (int)spec_get_int(t->work.params, "epochs"));
    return resume_keep(&t->resume, t->work.known, l, state, e);
}

static int train(struct train *t, struct rng *r, struct err *e)
{
    struct loop_data data = {.view = fill_view,
                             .pixels = fill_pixels,
                             .arg = t,
                             .V = t->bank.views - t->first_view,
                             .N = t->n,
                             .labels = t->labels};
    struct loop_config config = {
        .epochs = (int)spec_get_int(t->work.params, "epochs"),
        .batch = (int)spec_get_int(t->work.params, "batch"),
        .lr = spec_get_real(t->work.params, "lr"),
        .warmup_lr = real_or(t->work.params, "warmup-lr", 1e-5),
        .momentum = real_or(t->work.params, "momentum", 0.9),
        .weight_decay = spec_get_real(t->work.params, "weight-decay"),
        .epsilon = real_or(t->work.params, "epsilon", 1e-8),
    };
    struct loop_state state = {.rng = r};
    int rc = resume_apply(&t->resume, &t->work.learner, &state, e);
    return rc < 0 ? rc : loop_train(&t->work.learner, &data, &config, &state, after_epoch, t, e);
}

/* The result with its spec in the header; of a prompt from a file also what evaluates it. */
static int save_result(struct train *t, struct err *e)
{
    int rc = known_ask(t->work.known, e);
    if (rc < 0)
        return rc;
    char *spec = spec_text(t->work.spec);
    json_t *metadata = json_pack("{s:s, s:s}", "format", "promptgrid prompt 1", "spec", spec);
    json_t *evaluated = t->work.trained.path ? trained_metadata(&t->work.trained) : NULL;
    char sha256[HASH_HEX];
    if (evaluated)
        json_object_update(metadata, evaluated);
    json_decref(evaluated);
    rc = result_save(&t->work.learner, t->work.job->out, metadata, e);
    if (rc == 0)
        rc = hash_file(sha256, t->work.job->out, e);
    if (rc == 0)
        event_send(json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind", "prompt", "path",
                             t->work.job->out, "sha256", sha256));
    json_decref(metadata);
    free(spec);
    return rc;
}

static int learn(struct train *t, struct rng *r, struct err *e)
{
    struct work *w = &t->work;
    const struct method *m = w->method;
    struct fit *f = &t->fit;
    int rc;
    t->first_view = fit_first_view(w);
    if ((rc = work_bank(w, &t->bank, "train", w->job->train_bank, e)) < 0 ||
        (rc = choose_images(t, e)) < 0 || (rc = set_classes(t, e)) < 0)
        return rc;
    if ((m->prepare || m->fit) && (rc = fit_open(f, w, &t->bank, t->rows, t->labels, t->n,
                                                 &t->test_bank, &t->trained, e)) < 0)
        return rc;
    if ((m->prepare && (rc = m->prepare(&w->learner, &f->data, e)) < 0) ||
        (m->step && (rc = train(t, r, e)) < 0) ||
        (m->fit && (rc = m->fit(&w->learner, &f->data, e)) < 0))
        return rc;
    return save_result(t, e);
}

static void release(struct train *t)
{
    resume_close(&t->resume);
    fit_close(&t->fit);
    pixels_close(t->pixels);
    bank_close(&t->bank);
    bank_close(&t->test_bank);
    work_release(&t->work);
    free(t->rows);
    free(t->labels);
}

int train_job(const struct job *job, struct err *e)
{
    struct train t = {0};
    struct work *w = &t.work;
    struct rng r;
    int rc;
    if ((rc = work_open(w, job, e)) < 0 || (rc = resume_open(&t.resume, job, w->device, e)) < 0)
        goto out;
    start_send(w->device, job->threads, t.resume.epoch);
    if ((rc = known_open(&w->known, w->device, e)) < 0 || (rc = work_files(w, e)) < 0 ||
        (rc = work_bank(w, &t.test_bank, "test", job->test_bank, e)) < 0)
        goto out;
    set_parts(&t);
    rc = work_learner(w, t.trained.n, &r, e);
    if (rc == 0 && w->trained.path)
        rc = save_result(&t, e);
    else if (rc == 0 && w->method->init)
        rc = learn(&t, &r, e);
    for (int i = 0; i < t.parts && rc == 0; i++)
        rc = test_part(w, &t.test_bank, &t.tested[i], e);
    if (rc == 0)
        event_send(json_pack("{s:s}", "event", "done"));
out:
    release(&t);
    return rc;
}
