/* See trained_params.h. */
#include "core/train/trained_params.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

/* ---- whole parameters ---- */

static json_t *preset(const struct method_key *key)
{
    const char *text = key->preset ? key->preset : "";
    if (key->type == KEY_INT)
        return json_integer(strtol(text, NULL, 10));
    return key->type == KEY_REAL ? json_real(strtod(text, NULL)) : json_string(text);
}

static bool is_choice(const char *choices, const char *word)
{
    const size_t n = strlen(word);
    for (const char *c = choices; c; c = strchr(c, '|')) {
        c += *c == '|';
        if (strncmp(c, word, n) == 0 && (!c[n] || c[n] == '|'))
            return true;
    }
    return false;
}

static bool is_value(const struct method_key *key, const json_t *value)
{
    const double number = json_number_value(value);
    switch (key->type) {
    case KEY_INT:
        return json_is_integer(value) && number >= key->min && number <= key->max;
    case KEY_REAL:
        return json_is_number(value) && number >= key->min && number <= key->max;
    case KEY_TEXT:
        return json_is_string(value);
    case KEY_CHOICE:
        return json_is_string(value) && is_choice(key->choices, json_string_value(value));
    }
    BUG("key type %d", (int)key->type);
}

/* Every key of the method is there and of its type: a method may rely on that. What a result does
 * not depend on, as the batch, has its preset. */
static int complete(struct trained *t, struct err *e)
{
    const struct method_row *row = method_find(t->method);
    for (const struct method_key *k = row->keys; k->name; k++) {
        const json_t *value = json_object_get(t->params, k->name);
        if (!value)
            json_object_set_new(t->params, k->name, preset(k));
        else if (!is_value(k, value))
            return err_set(e, ERR_CORRUPT, "'%s': its parameter '%s' is no value of method '%s'",
                           t->path, k->name, row->name);
    }
    return 0;
}

/* ---- of a reference's checkpoint ---- */

static void set_int(struct trained *t, const char *key, size_t value)
{
    json_object_set_new(t->params, key, json_integer((json_int_t)value));
}

static void set_text(struct trained *t, const char *key, const char *value)
{
    json_object_set_new(t->params, key, json_string(value));
}

/* Rows of an array, 0 when it is not there. */
static size_t rows_of(const struct trained *t, const char *name)
{
    const struct tensor_out *a = trained_find(t, name);
    return a ? a->shape[0] : 0;
}

/* Words for M vectors: those given, or those that the reference starts from where they reach. */
static int set_context(struct trained *t, const struct reference *r,
                       const struct trained_options *o, size_t M, struct err *e)
{
    const char *words = o->context                              ? o->context
                        : M <= (size_t)method_words(r->context) ? r->context
                                                                : "";
    const size_t n = (size_t)method_words(words);
    const bool exact = !*r->context; // no word stays behind the vectors
    if (*words && (exact ? n != M : n < M))
        return err_set(e, ERR_RANGE, "'%s' has %zu context vectors, context '%s' has %zu word%s",
                       t->path, M, words, n, n == 1 ? "" : "s");
    set_text(t, "context", words);
    set_int(t, "length", M);
    return 0;
}

static int params_coop(struct trained *t, const struct reference *r,
                       const struct trained_options *o, size_t M, struct err *e)
{
    if (t->classes && o->context && *o->context)
        return err_set(e, ERR_RANGE,
                       "'%s' has a context for each class, which starts from no words", t->path);
    set_text(t, "class-specific", t->classes ? "yes" : "no");
    set_text(t, "position", o->position ? o->position : "end");
    return set_context(t, r, o, M, e);
}

/* The words of ProGrad's prompt are those of the teacher's template. */
static int params_prograd(struct trained *t, const struct trained_options *o, size_t M,
                          struct err *e)
{
    if (t->classes)
        return err_set(e, ERR_RANGE, "'%s' has a context for each class: ProGrad has none",
                       t->path);
    char *template_ = str_format("%s {}.", o->context ? o->context : "");
    set_text(t, "teacher-template", template_);
    set_text(t, "start", o->context && *o->context ? "template" : "random");
    set_int(t, "length", M);
    free(template_);
    (void)e;
    return 0;
}

/* Levels of prompts in both towers: as many in one as in the other. */
static int params_deep(struct trained *t, const struct reference *r,
                       const struct trained_options *o, size_t M, struct err *e)
{
    const bool maple = str_eq(t->method, "maple");
    const struct tensor_out *bias = trained_find(t, "projection.bias");
    const size_t visual = rows_of(t, "visual"), deep = rows_of(t, "deep");
    const size_t levels = deep / M + 1;
    const size_t image = maple ? 0 : visual / levels;
    if (deep % M || (maple && bias->shape[0] != levels) ||
        (maple && rows_of(t, "projection.weight") != levels * bias->shape[1]) ||
        (!maple && (image == 0 || visual % levels)))
        return err_set(e, ERR_CORRUPT,
                       "'%s': the levels of the text's prompts and of the image's differ, which "
                       "cannot be evaluated here",
                       t->path);
    set_int(t, "depth", levels);
    if (!maple)
        set_int(t, "image-length", image);
    return set_context(t, r, o, M, e);
}

int trained_params_of(struct trained *t, const struct reference *r, const struct trained_options *o,
                      struct err *e)
{
    const bool prograd = str_eq(t->trainer, "prograd");
    const size_t rows = rows_of(t, "ctx"), K = t->classes ? (size_t)t->classes : 1, M = rows / K;
    int rc;
    t->method = method_find(prograd ? "prograd" : r->method)->name;
    t->params = json_object();
    if (!M || rows % K)
        return err_set(e, ERR_CORRUPT, "'%s': 'ctx' has %zu rows for %zu classes", t->path, rows,
                       K);
    if (o->position && !str_eq(o->position, "end") && !str_eq(t->method, "coop"))
        return err_set(e, ERR_RANGE, "'%s': the name stands at the end of a %s prompt", t->path,
                       method_find(t->trainer)->label);
    if (t->classes && !str_eq(t->method, "coop") && !prograd)
        return err_set(e, ERR_CORRUPT, "'%s' has a context for each class: %s has none", t->path,
                       method_find(t->trainer)->label);
    rc = prograd                                                   ? params_prograd(t, o, M, e)
         : str_eq(t->method, "coop")                               ? params_coop(t, r, o, M, e)
         : rows_of(t, "projection.weight") || rows_of(t, "visual") ? params_deep(t, r, o, M, e)
                                                                   : set_context(t, r, o, M, e);
    return rc < 0 ? rc : complete(t, e);
}

/* ---- of a result of ours ---- */

static int find_method(const struct trained *t, const char *name, const char **out, struct err *e)
{
    const struct method_row *row = name ? method_find(name) : NULL;
    if (!row)
        return err_set(e, ERR_CORRUPT, "'%s' does not say which method it is of", t->path);
    if (!(row->needs & METHOD_PROMPT))
        return err_set(e, ERR_RANGE, "'%s' is a result of %s, which is no prompt", t->path,
                       row->label);
    *out = row->name;
    return 0;
}

static json_t *parsed(const struct trained *t, const char *key)
{
    const char *text = json_string_value(json_object_get(t->metadata, key));
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

int trained_params_said(struct trained *t, struct err *e)
{
    const char *method = json_string_value(json_object_get(t->metadata, "method"));
    const char *trainer = json_string_value(json_object_get(t->metadata, "trainer"));
    const char *seed = json_string_value(json_object_get(t->metadata, "seed"));
    long number = 0;
    int rc;
    t->spec = parsed(t, "spec");
    if (json_object_get(t->metadata, "spec") &&
        (!t->spec || spec_check(t->spec, e) < 0 || !json_object_get(t->spec, "params")))
        return err_set(e, ERR_CORRUPT, "'%s' does not say rightly of which run it is", t->path);
    if (method) {
        t->params = parsed(t, "params");
        if (seed && !str_to_long(seed, 0, 0x7fffffff, &number))
            return err_set(e, ERR_CORRUPT, "'%s': its seed is no number", t->path);
    } else {
        method = trainer = json_string_value(json_object_get(t->spec, "method"));
        t->params = json_deep_copy(json_object_get(t->spec, "params"));
        number = (long)json_integer_value(json_object_get(t->spec, "seed"));
    }
    t->seed = (uint64_t)number;
    if ((rc = find_method(t, method, &t->method, e)) < 0 ||
        (rc = find_method(t, trainer ? trainer : method, &t->trainer, e)) < 0)
        return rc;
    if (!json_is_object(t->params))
        return err_set(e, ERR_CORRUPT, "'%s' does not say its parameters", t->path);
    return complete(t, e);
}

int trained_params_classes(struct trained *t, struct err *e)
{
    const char *own = json_string_value(json_object_get(t->params, "class-specific"));
    const char *words = json_string_value(json_object_get(t->params, "context"));
    const size_t rows = rows_of(t, "ctx");
    const size_t M = (size_t)json_integer_value(json_object_get(t->params, "length"));
    if (!str_eq(own, "yes") || (words && *words))
        return 0;
    if (!M || !rows || rows % M || rows / M > 1 << 20)
        return err_set(e, ERR_CORRUPT, "'%s': 'ctx' has %zu rows, %zu for a class", t->path, rows,
                       M);
    t->classes = (int)(rows / M);
    return 0;
}

json_t *trained_metadata(const struct trained *t)
{
    char *params = spec_text(t->params), *seed = str_format("%llu", (unsigned long long)t->seed);
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s}", "trainer", t->trainer, "method", t->method,
                                 "params", params, "seed", seed);
    free(params);
    free(seed);
    return metadata;
}
