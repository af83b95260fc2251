/*
 * The train job: banked features -> trained prompt -> metrics.
 *
 * Order of random draws as in the reference (spec/training.md section 3): torch's stream is seeded,
 * the draws of building CLIP are skipped, the method initialises, then every epoch takes its four.
 */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/bank.h"
#include "core/data/fewshot.h"
#include "core/proto/event.h"
#include "core/proto/spec.h"
#include "core/train/eval.h"
#include "core/train/loop.h"
#include "core/train/result.h"
#include "runner/check.h"
#include "runner/report.h"
#include "runner/resume.h"
#include "runner/runner.h"
#include "runner/start.h"

#include <stdlib.h>
#include <string.h>

struct train {
    const struct job *job;
    const json_t *spec, *params;
    struct split split;
    char **names; // (classes) as prompts have them: underscores replaced

    struct device *device;
    struct clip clip;
    struct bpe *bpe;
    struct learner learner;

    /* training images: rows of the bank */
    struct bank bank;
    size_t *rows, n;
    int *labels;

    struct resume resume;
    double said; // when progress was last sent, seconds
};

/* A range of classes and the name its metrics go by. */
struct part {
    const char *name;
    int first, n;
};

/* The classes that are trained on, then the parts that are tested, by protocol. */
static int parts_of(const struct train *t, struct part *trained, struct part tested[2])
{
    int all = t->split.classes, base = split_base_classes(all);
    if (str_eq(spec_get_text(t->spec, "protocol"), "base-to-new")) {
        *trained = tested[0] = (struct part){"base", 0, base};
        tested[1] = (struct part){"new", base, all - base};
        return 2;
    }
    *trained = tested[0] = (struct part){"test", 0, all};
    return 1;
}

static int open_files(struct train *t, struct err *e)
{
    const struct job *job = t->job;
    const json_t *spec = t->spec;
    const struct dataset_row *row = dataset_find(spec_get_text(spec, "dataset"));
    int rc;
    if (!row)
        return err_set(e, ERR_MISSING, "unknown dataset '%s'", spec_get_text(spec, "dataset"));
    if ((rc = check_file("weights", job->weights, spec_get_text(spec, "weights"), e)) < 0 ||
        (rc = split_load(&t->split, row, job->dataset, e)) < 0 ||
        (rc = check_hash("split", job->dataset, t->split.hash, spec_get_text(spec, "split"), e)) <
            0 ||
        (rc = clip_open(&t->clip, job->weights, t->device, CLIP_TEXT, e)) < 0 ||
        (rc = bpe_open(&t->bpe, job->bpe, t->clip.shape.vocab, e)) < 0 ||
        (rc = check_hash("merges", job->bpe, bpe_hash(t->bpe), spec_get_text(spec, "bpe"), e)) < 0)
        return rc;
    t->names = mem_alloc((size_t)t->split.classes, sizeof *t->names);
    for (int k = 0; k < t->split.classes; k++) {
        t->names[k] = mem_strdup(t->split.names[k]);
        for (char *p = t->names[k]; *p; p++)
            if (*p == '_')
                *p = ' ';
    }
    return 0;
}

static int open_bank(struct train *t, struct bank *bank, const char *part, const char *path,
                     struct err *e)
{
    json_t *spec = spec_bank(t->spec, part, t->split.part[SPLIT_TRAIN].n);
    int rc = bank_open(bank, path, spec, e);
    json_decref(spec);
    if (rc == 0 && bank->dim != (size_t)t->clip.shape.embed)
        rc = err_set(e, ERR_CORRUPT, "'%s': features of %zu numbers, the model has %d", path,
                     bank->dim, t->clip.shape.embed);
    return rc;
}

/* The few-shot picks of the trained classes, as rows of the bank, in selection order. */
static int choose_images(struct train *t, const struct part *trained, struct err *e)
{
    size_t *picks = NULL, n = 0;
    fewshot_select(&t->split, SPLIT_TRAIN, (int)spec_get_int(t->spec, "shots"),
                   (uint64_t)spec_get_int(t->spec, "seed"), &picks, &n);
    t->rows = mem_alloc(n, sizeof *t->rows);
    t->labels = mem_alloc(n, sizeof *t->labels);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct split_item *item = &t->split.part[SPLIT_TRAIN].items[picks[i]];
        if (item->label < trained->first || item->label >= trained->first + trained->n)
            continue;
        long row = bank_row(&t->bank, picks[i]);
        if (row < 0)
            rc = err_set(e, ERR_CORRUPT, "'%s' has no features of image '%s'", t->job->train_bank,
                         item->path);
        t->rows[t->n] = (size_t)row;
        t->labels[t->n++] = item->label - trained->first;
    }
    free(picks);
    return rc;
}

static void fill_view(void *arg, size_t view, float *out)
{
    const struct train *t = arg;
    size_t E = t->bank.dim;
    const float *features = t->bank.features + view * t->bank.images * E;
    for (size_t i = 0; i < t->n; i++)
        memcpy(out + i * E, features + t->rows[i] * E, E * sizeof *out);
}

static int after_epoch(void *arg, struct learner *l, const struct loop_epoch *epoch,
                       const struct loop_state *state, struct err *e)
{
    struct train *t = arg;
    int rc = report_epoch(l, epoch, t->resume.curve, e);
    if (rc < 0)
        return rc;
    report_progress(&t->said, state->epoch, (int)spec_get_int(t->params, "epochs"));
    resume_keep(&t->resume, l, state);
    return 0;
}

/* A key that not every method has. */
static double real_or(const json_t *params, const char *key, double otherwise)
{
    return json_object_get(params, key) ? spec_get_real(params, key) : otherwise;
}

static int train(struct train *t, struct rng *r, struct err *e)
{
    struct loop_data data = {
        .view = fill_view, .arg = t, .V = t->bank.views, .N = t->n, .labels = t->labels};
    struct loop_config config = {
        .epochs = (int)spec_get_int(t->params, "epochs"),
        .batch = (int)spec_get_int(t->params, "batch"),
        .lr = spec_get_real(t->params, "lr"),
        .warmup_lr = real_or(t->params, "warmup-lr", 1e-5),
        .momentum = real_or(t->params, "momentum", 0.9),
        .weight_decay = spec_get_real(t->params, "weight-decay"),
        .epsilon = real_or(t->params, "epsilon", 1e-8),
    };
    struct loop_state state = {.rng = r};
    int rc = resume_apply(&t->resume, &t->learner, &state, e);
    return rc < 0 ? rc : loop_train(&t->learner, &data, &config, &state, after_epoch, t, e);
}

/* The result with its spec in the header. */
static int save_result(struct train *t, struct err *e)
{
    char *spec = spec_text(t->spec);
    json_t *metadata = json_pack("{s:s, s:s}", "format", "promptgrid prompt 1", "spec", spec);
    char sha256[HASH_HEX];
    int rc = result_save(&t->learner, t->job->out, metadata, e);
    if (rc == 0)
        rc = hash_file(sha256, t->job->out, e);
    if (rc == 0)
        event_send(json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind", "prompt", "path",
                             t->job->out, "sha256", sha256));
    json_decref(metadata);
    free(spec);
    return rc;
}

static void send_result(const struct part *part, const struct eval_result *r, size_t n)
{
    const struct {
        const char *name;
        double value;
    } metrics[] = {{"accuracy", r->accuracy}, {"macro_f1", r->macro_f1}};
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        event_send(json_pack("{s:s, s:s, s:s, s:f}", "event", "metric", "split", part->name, "name",
                             metrics[i].name, "value", metrics[i].value));
    json_t *labels = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(labels, json_integer(r->predicted[i] + part->first));
    event_send(
        json_pack("{s:s, s:s, s:o}", "event", "prediction", "split", part->name, "labels", labels));
}

/* Test images of a part: rows of the test bank. */
struct test_images {
    const struct bank *bank;
    size_t *rows;
};

static int fetch_features(void *arg, size_t first, size_t n, float *out, struct err *e)
{
    const struct test_images *images = arg;
    size_t E = images->bank->dim;
    (void)e;
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * E, images->bank->features + images->rows[first + i] * E, E * sizeof *out);
    return 0;
}

static int test(struct train *t, const struct bank *bank, const struct part *part, struct err *e)
{
    const struct split_list *list = &t->split.part[SPLIT_TEST];
    struct test_images images = {bank, mem_alloc(list->n, sizeof *images.rows)};
    int *labels = mem_alloc(list->n, sizeof *labels);
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        int label = list->items[i].label - part->first;
        if (label < 0 || label >= part->n)
            continue;
        long row = bank_row(bank, i);
        BUG_IF(row < 0); // a test bank covers the whole list
        images.rows[n] = (size_t)row;
        labels[n++] = label;
    }
    struct eval_images all = {fetch_features, &images, n, labels};
    struct eval_result result = {0};
    int rc = t->learner.method->classes(&t->learner, t->names + part->first, part->n, false, e);
    if (rc == 0)
        rc = eval_run(&t->learner, &all, &result, e);
    if (rc == 0)
        send_result(part, &result, n);
    else
        err_wrap(e, "testing on '%s'", part->name);
    free(result.predicted);
    free(images.rows);
    free(labels);
    return rc;
}

static void release(struct train *t)
{
    learner_release(&t->learner);
    resume_close(&t->resume);
    bpe_free(t->bpe);
    clip_close(&t->clip);
    device_close(t->device);
    bank_close(&t->bank);
    for (int k = 0; t->names && k < t->split.classes; k++)
        free(t->names[k]);
    free(t->names);
    split_release(&t->split);
    free(t->rows);
    free(t->labels);
}

int train_job(const struct job *job, struct err *e)
{
    struct train t = {
        .job = job, .spec = job->spec, .params = json_object_get(job->spec, "params")};
    struct bank test_bank = {0};
    struct part trained, tested[2];
    const char *name = spec_get_text(t.spec, "method");
    const struct method *method = method_get(name);
    if (!method)
        return err_set(e, ERR_MISSING, "unknown method '%s'", name);
    int rc = device_open(&t.device, "cpu", job->threads, e);
    if (rc < 0)
        return rc;
    if ((rc = resume_open(&t.resume, job, t.device, e)) < 0)
        goto out;
    start_send(t.device, job->threads, t.resume.epoch);
    uint64_t seed = (uint64_t)spec_get_int(t.spec, "seed");
    struct rng r;
    if ((rc = open_files(&t, e)) < 0 ||
        (rc = open_bank(&t, &test_bank, "test", job->test_bank, e)) < 0)
        goto out;
    if (method->init) {
        rng_seed_torch(&r, seed);
        rng_skip(&r, clip_init_draws(&t.clip.shape));
    }
    int parts = parts_of(&t, &trained, tested);
    if ((rc = learner_init(&t.learner, method, &t.clip, t.bpe, t.params, seed, trained.n, &r, e)) <
        0)
        goto out;
    if (method->init &&
        ((rc = open_bank(&t, &t.bank, "train", job->train_bank, e)) < 0 ||
         (rc = choose_images(&t, &trained, e)) < 0 ||
         (rc = method->classes(&t.learner, t.names + trained.first, trained.n, true, e)) < 0 ||
         (rc = train(&t, &r, e)) < 0 || (rc = save_result(&t, e)) < 0))
        goto out;
    for (int i = 0; i < parts && rc == 0; i++)
        rc = test(&t, &test_bank, &tested[i], e);
    if (rc == 0)
        event_send(json_pack("{s:s}", "event", "done"));
out:
    bank_close(&test_bank);
    release(&t);
    return rc;
}
