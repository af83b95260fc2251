/* Names of runs for people: see label.h. */
#include "harness/plan/label.h"

#include "core/base/str.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text_of(const json_t *spec, const char *key)
{
    const char *text = json_string_value(json_object_get(spec, key));
    return text ? text : "?";
}

static long int_of(const json_t *spec, const char *key)
{
    return (long)json_integer_value(json_object_get(spec, key));
}

static void see(struct labels *l, const char *key, json_t *value)
{
    json_t *first = json_object_get(l->seen, key);
    if (!first)
        json_object_set(l->seen, key, value);
    else if (!json_equal(first, value))
        json_object_set_new(l->seen, key, json_null());
}

static bool differs(const struct labels *l, const char *key)
{
    return json_is_null(json_object_get(l->seen, key));
}

/* Evaluations are of other protocols than the training they belong to. */
static const char *protocol_key(const json_t *spec)
{
    return str_eq(text_of(spec, "job"), "eval") ? "eval protocol" : "protocol";
}

static char *param_key(const json_t *spec, const char *param)
{
    return str_format("%s %s %s", text_of(spec, "dataset"), text_of(spec, "method"), param);
}

void labels_init(struct labels *l, const struct plan *p)
{
    l->seen = json_object();
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_run *r = &p->runs[i], *last = i ? r - 1 : NULL;
        const char *name;
        json_t *value;
        if (last && r->common == last->common && r->params == last->params &&
            (r->shots > 0) == (last->shots > 0))
            continue;
        see(l, "backbone", json_object_get(r->common, "backbone"));
        if (!r->params)
            continue;
        if (r->shots) // a method that does not train has a protocol of its own
            see(l, protocol_key(r->common), json_object_get(r->common, "protocol"));
        json_object_foreach(r->params, name, value)
        {
            char *key = param_key(r->common, name);
            see(l, key, value);
            free(key);
        }
    }
}

void labels_release(struct labels *l)
{
    json_decref(l->seen);
    l->seen = NULL;
}

static void add_value(struct str *s, const char *name, const json_t *value)
{
    if (str_eq(name, "file")) // the hash of a tested file
        str_addf(s, " %s=%.8s", name, json_string_value(value));
    else if (json_is_string(value))
        str_addf(s, " %s='%s'", name, json_string_value(value));
    else if (json_is_integer(value))
        str_addf(s, " %s=%lld", name, (long long)json_integer_value(value));
    else
        str_addf(s, " %s=%g", name, json_number_value(value));
}

static void add_params(struct str *s, const struct labels *l, const json_t *spec)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(spec, "params"), name, value)
    {
        char *key = param_key(spec, name);
        if (differs(l, key))
            add_value(s, name, value);
        free(key);
    }
}

char *labels_text(const struct labels *l, const json_t *spec)
{
    struct str s = STR_INIT;
    if (differs(l, "backbone"))
        str_addf(&s, "%s ", text_of(spec, "backbone"));
    str_add(&s, text_of(spec, "dataset"));
    bool encode = str_eq(text_of(spec, "job"), "encode");
    if (!encode) {
        if (json_object_get(spec, "source"))
            str_addf(&s, " from %s", text_of(spec, "source"));
        if (differs(l, protocol_key(spec)))
            str_addf(&s, " %s", text_of(spec, "protocol"));
        str_addf(&s, " %s", text_of(spec, "method"));
        add_params(&s, l, spec);
    } else {
        str_addf(&s, " %s images", text_of(spec, "part"));
        if (!str_eq(text_of(spec, "views"), "none"))
            str_addf(&s, " views=%s", text_of(spec, "views"));
    }
    if (int_of(spec, "shots"))
        str_addf(&s, " %ld shot%s seed %ld", int_of(spec, "shots"),
                 int_of(spec, "shots") == 1 ? "" : "s", int_of(spec, "seed"));
    char *text = str_detach(&s), *visible = str_visible(text);
    free(text);
    return visible;
}

char *labels_run(const struct labels *l, const struct plan *p, const struct plan_run *run)
{
    json_t *spec = plan_spec(p, run);
    char *text = labels_text(l, spec);
    json_decref(spec);
    return text;
}
