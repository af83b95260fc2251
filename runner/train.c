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
#include "core/train/spectrum.h"
#include "runner/check.h"
#include "runner/runner.h"
#include "runner/start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* The context as it would be deployed; host, (M, C), yours to free(). */
static float *deployed_context(struct learner *l)
{
    size_t n = (size_t)l->M * (size_t)l->C;
    float *context = mem_alloc(n, sizeof *context);
    l->method->compose(l, false, 0);
    l->device->ops->download(l->device, context, l->context, n * sizeof *context);
    return context;
}

static json_t *json_reals(const double *values, int n)
{
    json_t *array = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(array, json_real(values[i]));
    return array;
}

/* At most four times a second, and at the end. */
static void say_progress(struct train *t, int done, int of)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (done < of && seconds - t->said < 0.25)
        return;
    t->said = seconds;
    event_send(json_pack("{s:s, s:i, s:i, s:s}", "event", "progress", "done", done, "of", of,
                         "unit", "epoch"));
}

static int report_epoch(void *arg, struct learner *l, const struct loop_epoch *epoch, struct err *e)
{
    struct train *t = arg;
    int M = l->M;
    double *values = mem_alloc((size_t)M, sizeof *values),
           *change = mem_alloc((size_t)M, sizeof *change);
    float *context = deployed_context(l);
    size_t n = (size_t)M * (size_t)l->C;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        if (!isfinite(context[i]))
            rc = err_set(e, ERR_NUMERIC, "the context is %f after epoch %d", (double)context[i],
                         epoch->epoch + 1);
    spectrum(context, M, l->C, values);
    for (size_t i = 0; i < n; i++)
        context[i] -= l->start[i];
    spectrum(context, M, l->C, change);
    if (rc == 0) {
        event_send(json_pack("{s:s, s:i, s:f, s:f, s:f, s:o, s:o, s:f}", "event", "epoch", "epoch",
                             epoch->epoch, "loss", epoch->loss, "lr", epoch->lr, "accuracy",
                             epoch->accuracy, "singular", json_reals(values, M), "singular_change",
                             json_reals(change, M), "effective_rank",
                             spectrum_effective_rank(values, M)));
        say_progress(t, epoch->epoch + 1, (int)spec_get_int(t->params, "epochs"));
    }
    free(values);
    free(change);
    free(context);
    return rc;
}

static int train(struct train *t, const struct part *trained, struct rng *r, struct err *e)
{
    int rc;
    if ((rc = open_bank(t, &t->bank, "train", t->job->train_bank, e)) < 0 ||
        (rc = choose_images(t, trained, e)) < 0)
        return rc;
    struct text_prompts prompts = {0};
    rc = t->learner.method->prompts(&t->learner, t->params, t->names + trained->first,
                                    (size_t)trained->n, &prompts, e);
    if (rc == 0) {
        struct loop_data data = {fill_view, t, t->bank.views, t->n, t->labels};
        struct loop_config config = {
            .epochs = (int)spec_get_int(t->params, "epochs"),
            .batch = (int)spec_get_int(t->params, "batch"),
            .lr = spec_get_real(t->params, "lr"),
            .warmup_lr = spec_get_real(t->params, "warmup-lr"),
            .momentum = spec_get_real(t->params, "momentum"),
            .weight_decay = spec_get_real(t->params, "weight-decay"),
        };
        rc = loop_train(&t->learner, &prompts, &data, &config, r, report_epoch, t, e);
    }
    text_prompts_release(&prompts);
    return rc;
}

/* The learned context as an ordinary CoOp prompt, with its spec in the header. */
static int save_prompt(struct train *t, struct err *e)
{
    struct learner *l = &t->learner;
    float *context = deployed_context(l);
    char *spec = spec_text(t->spec);
    json_t *metadata = json_pack("{s:s, s:s}", "format", "promptgrid prompt 1", "spec", spec);
    struct tensor_out tensor = {"ctx", 2, {(size_t)l->M, (size_t)l->C}, context};
    char sha256[HASH_HEX];
    int rc = safetensors_write(t->job->out, &tensor, 1, metadata, e);
    if (rc == 0)
        rc = hash_file(sha256, t->job->out, e);
    if (rc == 0)
        event_send(json_pack("{s:s, s:s, s:s, s:s}", "event", "artifact", "kind", "prompt", "path",
                             t->job->out, "sha256", sha256));
    json_decref(metadata);
    free(spec);
    free(context);
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

/* Test images of the part's classes against the part's prompts. */
static int test(struct train *t, const struct bank *bank, const struct part *part, struct err *e)
{
    const struct split_list *list = &t->split.part[SPLIT_TEST];
    float *images = mem_alloc(list->n * bank->dim, sizeof *images);
    int *labels = mem_alloc(list->n, sizeof *labels);
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        int label = list->items[i].label - part->first;
        if (label < 0 || label >= part->n)
            continue;
        long row = bank_row(bank, i);
        BUG_IF(row < 0); // a test bank covers the whole list
        memcpy(images + n * bank->dim, bank->features + (size_t)row * bank->dim,
               bank->dim * sizeof *images);
        labels[n++] = label;
    }
    struct text_prompts prompts = {0};
    struct eval_result result = {0};
    int rc = t->learner.method->prompts(&t->learner, t->params, t->names + part->first,
                                        (size_t)part->n, &prompts, e);
    if (rc == 0)
        rc = eval_run(&t->learner, &prompts, images, labels, n, &result, e);
    if (rc == 0)
        send_result(part, &result, n);
    else
        err_wrap(e, "testing on '%s'", part->name);
    free(result.predicted);
    text_prompts_release(&prompts);
    free(images);
    free(labels);
    return rc;
}

static void release(struct train *t)
{
    learner_release(&t->learner);
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
    start_send(t.device, job->threads);
    uint64_t seed = (uint64_t)spec_get_int(t.spec, "seed");
    struct rng r;
    if ((rc = open_files(&t, e)) < 0 ||
        (rc = open_bank(&t, &test_bank, "test", job->test_bank, e)) < 0)
        goto out;
    if (method->init) {
        rng_seed_torch(&r, seed);
        rng_skip(&r, clip_init_draws(&t.clip.shape));
    }
    if ((rc = learner_init(&t.learner, method, &t.clip, t.bpe, t.params, seed, &r, e)) < 0)
        goto out;
    int parts = parts_of(&t, &trained, tested);
    if (method->init && ((rc = train(&t, &trained, &r, e)) < 0 || (rc = save_prompt(&t, e)) < 0))
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
