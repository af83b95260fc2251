/* Runs of a recipe -> specs: see plan_spec.h. */
#include "harness/plan_spec.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "harness/fill.h"

#include <stdlib.h>
#include <string.h>

void plan_parts_init(struct plan_parts *p)
{
    *p = (struct plan_parts){
        .of_text = json_array(), .of_number = json_array(), .of_filled = json_array()};
}

void plan_parts_release(struct plan_parts *p)
{
    map_release(&p->texts);
    map_release(&p->numbers);
    map_release(&p->filled);
    map_release(&p->params);
    for (size_t i = 0; i < p->n_params; i++)
        free(p->params_texts[i]);
    free(p->params_texts);
    json_decref(p->of_text);
    json_decref(p->of_number);
    json_decref(p->of_filled);
}

void plan_spec_id(struct plan_parts *p, const json_t *spec, char out[HASH_HEX])
{
    const json_t *params = json_object_get(spec, "params");
    bool is_new;
    size_t number = map_add(&p->params, &params, sizeof params, &is_new);
    if (is_new)
        MEM_PUSH(p->params_texts, p->n_params, p->params_capacity) = spec_text(params);
    spec_id_knowing(spec, params, p->params_texts[number], out);
}

static void set_text(struct plan_parts *p, json_t *spec, const char *key, const char *text)
{
    bool is_new;
    size_t number = map_add_text(&p->texts, text, &is_new);
    if (is_new)
        json_array_append_new(p->of_text, json_string(text));
    json_object_set_nocheck(spec, key, json_array_get(p->of_text, number));
}

static void set_number(struct plan_parts *p, json_t *spec, const char *key, int value)
{
    bool is_new;
    size_t number = map_add(&p->numbers, &value, sizeof value, &is_new);
    if (is_new)
        json_array_append_new(p->of_number, json_integer(value));
    json_object_set_nocheck(spec, key, json_array_get(p->of_number, number));
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

/* The run's parameters and those that follow from the dataset; of a file, what is in it. Borrowed.
 */
static json_t *filled(struct plan_parts *p, const struct grid_run *r, const char *dataset,
                      const struct plan_file *file)
{
    const struct dataset_row *row = dataset_find(dataset);
    const struct dataset_row *source = file ? dataset_find(grid_run_source(r)) : NULL;
    const void *const key[] = {r->params, method_find(r->method), row, file, source};
    bool is_new;
    size_t number = map_add(&p->filled, key, sizeof key, &is_new);
    if (is_new) {
        json_t *params = plan_file_params(file, r);
        if (!params)
            params = json_copy(r->params);
        fill_params(params, method_find(r->method), row);
        json_array_append_new(p->of_filled, params);
    }
    return json_array_get(p->of_filled, number);
}

json_t *plan_train_spec(struct plan_parts *p, const struct grid_run *r, const char *dataset,
                        const struct plan_backbone *b, const struct plan_dataset *d,
                        const struct plan_file *file)
{
    json_t *spec = json_object();
    char *backbone = backbone_name(r->backbone);
    set_number(p, spec, "version", SPEC_VERSION);
    set_text(p, spec, "job", "train");
    set_text(p, spec, "backbone", backbone);
    set_text(p, spec, "dataset", dataset);
    set_text(p, spec, "precision", r->precision);
    set_text(p, spec, "views", r->views);
    set_text(p, spec, "protocol", r->source ? "few-shot" : r->protocol);
    set_text(p, spec, "method", r->method);
    set_number(p, spec, "shots", r->shots);
    set_number(p, spec, "seed", r->seed);
    json_object_set_nocheck(spec, "params", filled(p, r, dataset, file));
    if (b) {
        set_text(p, spec, "weights", b->weights);
        set_text(p, spec, "bpe", b->bpe);
        set_text(p, spec, "split", d->split);
    }
    free(backbone);
    return spec;
}

/* The training run's parameters, but for a template that follows from the dataset: that of the
 * target, whose names it is to hold. Borrowed. */
static json_t *eval_params(struct plan_parts *p, const struct grid_run *r, json_t *train)
{
    json_t *template_ = json_object_get(filled(p, r, r->dataset, NULL), "template");
    const void *const key[] = {train, template_};
    bool is_new;
    size_t number = map_add(&p->filled, key, sizeof key, &is_new);
    if (is_new) {
        json_t *params = json_copy(train);
        if (template_)
            json_object_set(params, "template", template_);
        json_array_append_new(p->of_filled, params);
    }
    return json_array_get(p->of_filled, number);
}

json_t *plan_eval_spec(struct plan_parts *p, const struct grid_run *r, json_t *train,
                       const char *id, const struct plan_dataset *d)
{
    json_t *spec = json_copy(train);
    set_text(p, spec, "job", "eval");
    set_text(p, spec, "dataset", r->dataset);
    set_text(p, spec, "source", r->source);
    set_text(p, spec, "protocol", r->protocol);
    set_text(p, spec, "views", "none");
    json_object_set_nocheck(spec, "params", eval_params(p, r, json_object_get(train, "params")));
    if (id) {
        json_object_set_new(spec, "train", json_string(id));
        set_text(p, spec, "split", d->split);
    }
    return spec;
}
