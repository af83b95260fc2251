/* Runs of a recipe -> parts of specs: see plan_spec.h. */
#include "harness/plan/plan_spec.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "harness/recipe/fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plan_parts_init(struct plan_parts *p)
{
    *p = (struct plan_parts){
        .of_commons = json_array(), .of_params = json_array(), .head = STR_INIT, .tail = STR_INIT};
}

void plan_parts_release(struct plan_parts *p)
{
    map_release(&p->commons);
    map_release(&p->params);
    json_decref(p->of_commons);
    json_decref(p->of_params);
    str_release(&p->head);
    str_release(&p->tail);
}

static void set_text(json_t *spec, const char *key, const char *text)
{
    json_object_set_new(spec, key, json_string(text));
}

/* A folder's own name, so that where it lies is no part of the run's identity. */
static char *backbone_name(const char *name)
{
    size_t n = strlen(name);
    while (n > 1 && name[n - 1] == '/')
        n--;
    char *trimmed = mem_strndup(name, n), *base = mem_strdup(fs_base(trimmed));
    free(trimmed);
    return base;
}

/* ---- training ---- */

static json_t *train_common(struct plan_parts *p, const struct grid_run *r, const char *dataset,
                            const struct plan_backbone *b, const struct plan_dataset *d)
{
    const char *protocol = r->source ? "few-shot" : r->protocol;
    const void *const key[] = {r->backbone, dataset, r->precision, r->views, protocol, r->method,
                               b,           d};
    bool is_new;
    size_t number = map_add(&p->commons, key, sizeof key, &is_new);
    if (is_new) {
        json_t *spec = json_object();
        char *backbone = backbone_name(r->backbone);
        json_object_set_new(spec, "version", json_integer(SPEC_VERSION));
        set_text(spec, "job", "train");
        set_text(spec, "backbone", backbone);
        set_text(spec, "dataset", dataset);
        set_text(spec, "precision", r->precision);
        set_text(spec, "views", r->views);
        set_text(spec, "protocol", protocol);
        set_text(spec, "method", r->method);
        if (b) {
            set_text(spec, "weights", b->weights);
            set_text(spec, "bpe", b->bpe);
            set_text(spec, "split", d->split);
        }
        free(backbone);
        json_array_append_new(p->of_commons, spec);
    }
    return json_array_get(p->of_commons, number);
}

/* The run's parameters and those that follow from the dataset; of a file, what is in it. */
static json_t *train_params(struct plan_parts *p, const struct grid_run *r, const char *dataset,
                            const struct plan_file *file)
{
    const struct method_row *method = method_find(r->method);
    const struct dataset_row *row = dataset_find(dataset);
    const struct dataset_row *source = file ? dataset_find(grid_run_source(r)) : NULL;
    const void *const key[] = {r->params, method, row, file, source};
    bool is_new;
    size_t number = map_add(&p->params, key, sizeof key, &is_new);
    if (is_new) {
        json_t *params = plan_file_params(file, r);
        if (!params)
            params = json_copy(r->params);
        fill_params(params, method, row);
        json_array_append_new(p->of_params, params);
    }
    return json_array_get(p->of_params, number);
}

void plan_train_parts(struct plan_parts *p, struct plan_run *run, const struct grid_run *r,
                      const char *dataset, const struct plan_backbone *b,
                      const struct plan_dataset *d, const struct plan_file *file)
{
    run->common = train_common(p, r, dataset, b, d);
    run->params = train_params(p, r, dataset, file);
    run->shots = r->shots;
    run->seed = r->seed;
}

/* ---- tests on other datasets ---- */

static json_t *eval_common(struct plan_parts *p, const struct grid_run *r, json_t *train,
                           const struct plan_dataset *d)
{
    const void *const key[] = {train, r->dataset, r->source, r->protocol, d};
    bool is_new;
    size_t number = map_add(&p->commons, key, sizeof key, &is_new);
    if (is_new) {
        json_t *spec = json_copy(train);
        set_text(spec, "job", "eval");
        set_text(spec, "dataset", r->dataset);
        set_text(spec, "source", r->source);
        set_text(spec, "protocol", r->protocol);
        set_text(spec, "views", "none");
        if (d)
            set_text(spec, "split", d->split);
        json_array_append_new(p->of_commons, spec);
    }
    return json_array_get(p->of_commons, number);
}

/* The training run's parameters, but for a template that follows from the dataset: that of the
 * target, whose names it is to hold. */
static json_t *eval_params(struct plan_parts *p, const struct grid_run *r, json_t *train)
{
    json_t *template_ = json_object_get(train_params(p, r, r->dataset, NULL), "template");
    const void *const key[] = {train, template_};
    bool is_new;
    size_t number = map_add(&p->params, key, sizeof key, &is_new);
    if (is_new) {
        json_t *params = json_copy(train);
        if (template_)
            json_object_set(params, "template", template_);
        json_array_append_new(p->of_params, params);
    }
    return json_array_get(p->of_params, number);
}

void plan_eval_parts(struct plan_parts *p, struct plan_run *run, const struct grid_run *r,
                     const struct plan_run *train, const struct plan_dataset *d)
{
    run->common = eval_common(p, r, train->common, d);
    run->params = eval_params(p, r, train->params);
    run->shots = train->shots;
    run->seed = train->seed;
}

/* ---- whole ---- */

json_t *plan_join_parts(const struct plan_run *run, const char *train)
{
    if (!run->params)
        return json_incref(run->common);
    json_t *spec = json_copy(run->common);
    json_object_set(spec, "params", run->params);
    json_object_set_new(spec, "shots", json_integer(run->shots));
    json_object_set_new(spec, "seed", json_integer(run->seed));
    if (train)
        set_text(spec, "train", train);
    return spec;
}

/* Runs that stand side by side mostly differ in the seed alone: the rest of the text is kept. */
static void keep_text(struct plan_parts *p, const struct plan_run *run)
{
    static const char key[] = ",\"seed\":";
    json_t *spec = plan_join_parts(run, NULL);
    char *text = spec_text(spec), *at = text, *next;
    while ((next = strstr(at + 1, key))) // the last is the spec's own: no object follows it
        at = next;
    at += strlen(key);
    str_clear(&p->head);
    str_addn(&p->head, text, (size_t)(at - text));
    str_clear(&p->tail);
    str_add(&p->tail, at + strspn(at, "0123456789"));
    p->last = *run;
    free(text);
    json_decref(spec);
}

void plan_identify(struct plan_parts *p, struct plan_run *run, const char *train)
{
    if (train) { // one for each seed
        json_t *spec = plan_join_parts(run, train);
        spec_id(spec, run->id);
        json_decref(spec);
        return;
    }
    if (p->last.common != run->common || p->last.params != run->params ||
        p->last.shots != run->shots)
        keep_text(p, run);
    char seed[16];
    size_t before = p->head.size;
    int size = snprintf(seed, sizeof seed, "%d", run->seed);
    str_addn(&p->head, seed, (size_t)size);
    str_addn(&p->head, p->tail.data, p->tail.size);
    hash_bytes(run->id, p->head.data, p->head.size);
    p->head.size = before;
}
