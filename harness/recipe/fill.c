/*
 * Values of the dataset: see fill.h. The first row that fits a missing key fills it; "ensemble"
 * stands before "template", which depends on it.
 */
#include "harness/recipe/fill.h"

#include "core/base/str.h"
#include "core/data/templates.h"

typedef json_t *(*value_of)(const struct dataset_row *d, const json_t *params);

/* ---- templates ---- */

static json_t *template_own(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_string(d->template_);
}

/* ImageNet's own is not added to an ensemble. */
static json_t *template_beside(const struct dataset_row *d, const json_t *params)
{
    const char *set = json_string_value(json_object_get(params, "ensemble"));
    bool alone = !set || str_eq(set, "none") || !str_eq(d->name, "imagenet");
    return json_string(alone ? d->template_ : "");
}

static json_t *teacher_kgcoop(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_string(template_kgcoop(d));
}

static json_t *teacher_prograd(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_string(template_prograd(d));
}

static json_t *ensemble_of(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_string(str_eq(d->name, "imagenet") ? "select7" : "none");
}

/* ---- Tip-Adapter's settings (spec/training.md section 12) ---- */

struct cache {
    const char *dataset; // NULL = any other, assumed to be like Pets
    double beta_max, alpha_max, alpha;
    int epochs;
};

static const struct cache caches[] = {
    {"imagenet", 7, 3, 1.17, 20},
    {"oxford_pets", 7, 3, 1.17, 20},
    {"ucf101", 7, 3, 3, 20},
    {"caltech101", 12, 5, 3, 20},
    {"dtd", 13, 13, 2, 20},
    {"eurosat", 12, 10, 2, 100},
    {"fgvc_aircraft", 30, 30, 5, 20},
    {"food101", 10, 10, 1.17, 20},
    {"oxford_flowers", 50, 50, 10, 20},
    {"stanford_cars", 20, 10, 3, 20},
    {"sun397", 12, 10, 1.17, 20},
    {NULL, 7, 3, 1.17, 20},
};

static const struct cache *cache_of(const struct dataset_row *d)
{
    const struct cache *c = caches;
    while (c->dataset && !str_eq(c->dataset, d->name))
        c++;
    return c;
}

static json_t *cache_alpha(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_real(cache_of(d)->alpha);
}

static json_t *cache_alpha_max(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_real(cache_of(d)->alpha_max);
}

static json_t *cache_beta_max(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_real(cache_of(d)->beta_max);
}

static json_t *cache_epochs(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_integer(cache_of(d)->epochs);
}

/* ---- TaskRes ---- */

static json_t *residual_alpha(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_real(str_eq(d->name, "oxford_flowers") ? 1 : 0.5);
}

static json_t *residual_lr(const struct dataset_row *d, const json_t *params)
{
    (void)params;
    return json_real(str_eq(d->name, "imagenet") ? 2e-4 : 2e-3);
}

static const struct {
    const char *method; // the start of its name; NULL = any
    const char *key;
    value_of value;
} rows[] = {
    {NULL, "ensemble", ensemble_of},
    {"taskres", "template", template_own},
    {NULL, "template", template_beside},
    {"kgcoop", "teacher-template", teacher_kgcoop},
    {"prograd", "teacher-template", teacher_prograd},
    {NULL, "teacher-template", template_own},
    {"taskres", "alpha", residual_alpha},
    {"taskres", "lr", residual_lr},
    {"tip-adapter", "alpha", cache_alpha},
    {"tip-adapter", "alpha-max", cache_alpha_max},
    {"tip-adapter", "beta-max", cache_beta_max},
    {"tip-adapter-f", "epochs", cache_epochs},
};

void fill_params(json_t *params, const struct method_row *method, const struct dataset_row *dataset)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && dataset; i++) {
        if (rows[i].method && !str_starts(method->name, rows[i].method))
            continue;
        if (method_key_find(method, rows[i].key) && !json_object_get(params, rows[i].key))
            json_object_set_new(params, rows[i].key, rows[i].value(dataset, params));
    }
}
