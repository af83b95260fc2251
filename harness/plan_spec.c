/* Runs of a recipe -> specs: see plan_spec.h. */
#include "harness/plan_spec.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"
#include "harness/fill.h"

#include <stdlib.h>
#include <string.h>

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

json_t *plan_train_spec(const struct grid_run *r, const char *dataset)
{
    const struct dataset_row *row = dataset_find(dataset);
    const struct method_row *method = method_find(r->method);
    json_t *params = json_copy(r->params);
    fill_params(params, method, row);
    char *backbone = backbone_name(r->backbone);
    json_t *spec = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o}", "version",
                             SPEC_VERSION, "job", "train", "backbone", backbone, "dataset", dataset,
                             "precision", r->precision, "views", r->views, "protocol",
                             r->source ? "few-shot" : r->protocol, "method", r->method, "shots",
                             r->shots, "seed", r->seed, "params", params);
    BUG_IF(!spec);
    free(backbone);
    return spec;
}

/* The training run's parameters, but for a template that follows from the dataset: that of the
 * target, whose names it is to hold. */
static json_t *eval_params(const struct grid_run *r, json_t *train)
{
    json_t *params = json_copy(json_object_get(train, "params")), *own = json_copy(r->params);
    fill_params(own, method_find(r->method), dataset_find(r->dataset));
    json_t *template_ = json_object_get(own, "template");
    if (template_)
        json_object_set(params, "template", template_);
    json_decref(own);
    return params;
}

json_t *plan_eval_spec(const struct grid_run *r, json_t *train, const char *id,
                       const struct plan_dataset *d)
{
    json_t *spec = json_copy(train);
    json_object_set_new(spec, "job", json_string("eval"));
    json_object_set_new(spec, "dataset", json_string(r->dataset));
    json_object_set_new(spec, "source", json_string(r->source));
    json_object_set_new(spec, "protocol", json_string(r->protocol));
    json_object_set_new(spec, "views", json_string("none"));
    json_object_set_new(spec, "params", eval_params(r, train));
    if (id) {
        json_object_set_new(spec, "train", json_string(id));
        json_object_set_new(spec, "split", json_string(d->split));
    }
    return spec;
}

void plan_spec_hashes(json_t *spec, const struct plan_backbone *b, const struct plan_dataset *d)
{
    json_object_set_new(spec, "weights", json_string(b->weights));
    json_object_set_new(spec, "bpe", json_string(b->bpe));
    json_object_set_new(spec, "split", json_string(d->split));
}
