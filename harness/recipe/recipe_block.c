/* One grid of a recipe: from the keys in effect to checked axes, methods, zips and rules. */
#include "harness/recipe/grid.h"

#include "core/base/mem.h"
#include "core/base/str.h"

#include <stdlib.h>
#include <string.h>

void entries_put(struct entries *to, const struct yaml_node *key, const struct yaml_node *value)
{
    for (size_t i = 0; i < to->n; i++)
        if (str_eq(to->items[i].key->text, key->text)) {
            to->items[i] = (struct entry){key, value};
            return;
        }
    MEM_PUSH(to->items, to->n, to->capacity) = (struct entry){key, value};
}

const struct entry *entries_find(const struct entries *from, const char *name)
{
    for (size_t i = 0; i < from->n; i++)
        if (str_eq(from->items[i].key->text, name))
            return &from->items[i];
    return NULL;
}

/* A block's value as a list: itself when it is no list. */
static size_t list_of(const struct yaml_node *node, const struct yaml_node *const **items,
                      const struct yaml_node **single)
{
    *single = node;
    *items = node->kind == YAML_LIST ? (const struct yaml_node *const *)node->items : single;
    return node->kind == YAML_LIST ? node->n : 1;
}

/* ---- zips ---- */

static const struct axis *zip_axis(const struct grid_block *b, const char *name)
{
    for (size_t z = 0; z < b->n_zips; z++)
        for (size_t i = 0; i < b->zips[z].n; i++)
            if (str_eq(b->zips[z].axes[i].key->name, name))
                return &b->zips[z].axes[i];
    return NULL;
}

/* The row of a key as the block's first method that has it defines it, or NULL. */
static const struct method_key *block_param(const struct grid_block *b, const char *name)
{
    const struct method_key *found = NULL;
    for (size_t m = 0; m < b->n_methods && !found; m++)
        found = method_key_find(b->methods[m].row, name);
    return found;
}

/* The axis, or the parameter of one of the block's methods, that `name` says. */
static int find_key(const struct grid_block *b, const struct yaml_node *name, const char *what,
                    const struct method_key **key, struct err *e)
{
    *key = axis_find(name->text);
    if (!*key)
        *key = block_param(b, name->text);
    if (*key)
        return 0;
    if (param_find(name->text))
        return yaml_error(e, ERR_PARSE, name, "no method here has the parameter '%s'", name->text);
    struct names known = {0};
    names_add_axes(&known);
    names_add_params(&known);
    return unknown_name(e, name, what, name->text, &known);
}

static int read_zip(struct grid_block *b, const struct yaml_node *node, struct err *e)
{
    if (node->kind != YAML_MAP || node->n < 2)
        return yaml_error(e, ERR_PARSE, node,
                          "expected a map of two or more axes to lists of equal lengths");
    struct zip *zip = &b->zips[b->n_zips++];
    *zip = (struct zip){.axes = mem_zero(node->n, sizeof *zip->axes)};
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *name = node->items[2 * i], *values = node->items[2 * i + 1];
        const struct method_key *key;
        if (find_key(b, name, "axis", &key, e) < 0)
            return e->code;
        if (key == &axis_rows[AXIS_METHOD])
            return yaml_error(e, ERR_PARSE, name,
                              "'method' cannot be zipped; give each method its own parameters");
        if (zip_axis(b, name->text))
            return yaml_error(e, ERR_PARSE, name, "'%s' is zipped twice", name->text);
        struct axis *axis = &zip->axes[zip->n];
        if (values_read(key, values, &axis->values, e) < 0)
            return e->code;
        axis->key = key;
        axis->at = name;
        size_t length = json_array_size(axis->values);
        if (zip->n++ == 0)
            zip->length = length;
        else if (length != zip->length)
            return yaml_error(
                e, ERR_PARSE, values, "'%s' has %zu value%s, but '%s' has %zu; zipped axes pair up",
                key->name, length, length == 1 ? "" : "s", zip->axes[0].key->name, zip->length);
    }
    return 0;
}

static int read_zips(struct grid_block *b, const struct entries *from, struct err *e)
{
    const struct entry *entry = entries_find(from, "zip");
    if (!entry)
        return 0;
    const struct yaml_node *const *items, *single;
    size_t n = list_of(entry->value, &items, &single);
    b->zips = mem_zero(n ? n : 1, sizeof *b->zips);
    for (size_t i = 0; i < n; i++)
        if (read_zip(b, items[i], e) < 0)
            return e->code;
    return 0;
}

/* ---- axes and methods ---- */

static int read_axes(struct grid_block *b, const struct entries *from, struct err *e)
{
    for (int a = 0; a < AXES; a++) {
        const struct method_key *key = &axis_rows[a];
        const struct entry *entry = entries_find(from, key->name);
        if (zip_axis(b, key->name)) {
            if (entry)
                return yaml_error(e, ERR_PARSE, entry->key, "'%s' is zipped and given by itself",
                                  key->name);
            continue;
        }
        struct axis *axis = &b->axes[a];
        if (entry) {
            axis->at = entry->value;
            if (values_read(key, entry->value, &axis->values, e) < 0)
                return e->code;
        } else if (key->preset) {
            axis->values =
                json_pack("[o]", key->type == KEY_INT ? json_integer(strtol(key->preset, NULL, 10))
                                                      : json_string(key->preset));
        } else {
            return yaml_error(e, ERR_PARSE, b->at, "key '%s' is missing", key->name);
        }
        axis->key = key;
    }
    return 0;
}

/* The default of a parameter; NULL when it has none. */
static json_t *preset_value(const struct method_key *key)
{
    if (!key->preset)
        return NULL;
    if (key->type == KEY_INT)
        return json_integer(strtol(key->preset, NULL, 10));
    if (key->type == KEY_REAL)
        return json_real(strtod(key->preset, NULL));
    return json_string(key->preset);
}

/* A method's own value of a key comes first, then a zip, then the recipe's, then the preset. */
static int read_param(const struct grid_block *b, const struct method_key *key,
                      const struct yaml_node *own, const struct entries *from, struct axis *out,
                      struct err *e)
{
    const struct entry *general = entries_find(from, key->name);
    if (!own && zip_axis(b, key->name)) {
        if (general)
            return yaml_error(e, ERR_PARSE, general->key, "'%s' is zipped and given by itself",
                              key->name);
        return 0;
    }
    out->at = own ? own : general ? general->value : NULL;
    if (out->at) {
        if (values_read(key, out->at, &out->values, e) < 0)
            return e->code;
    } else {
        json_t *preset = preset_value(key);
        if (!preset)
            return 0;
        out->values = json_pack("[o]", preset);
    }
    out->key = key;
    return 0;
}

static size_t count_keys(const struct method_row *row)
{
    size_t n = 0;
    while (row->keys[n].name)
        n++;
    return n;
}

static int read_params(struct grid_block *b, struct grid_method *m, const struct yaml_node *own,
                       const struct entries *from, struct err *e)
{
    for (size_t i = 0; own && i < own->n; i++) {
        const struct yaml_node *name = own->items[2 * i];
        if (method_key_find(m->row, name->text))
            continue;
        if (axis_find(name->text))
            return yaml_error(e, ERR_PARSE, name,
                              "'%s' is an axis of the recipe, not a parameter of '%s'; use 'grids' "
                              "to give it to some methods only",
                              name->text, m->row->name);
        char what[100];
        snprintf(what, sizeof what, "%s parameter", m->row->name);
        struct names known = {0};
        for (const struct method_key *k = m->row->keys; k->name; k++)
            names_add(&known, k->name);
        return unknown_name(e, name, what, name->text, &known);
    }
    size_t n = count_keys(m->row);
    m->params = mem_zero(n + 1, sizeof *m->params);
    for (size_t k = 0; k < n; k++)
        if (read_param(b, &m->row->keys[k], own ? yaml_get(own, m->row->keys[k].name) : NULL, from,
                       &m->params[k], e) < 0)
            return e->code;
    return 0;
}

/* A name, or {name: parameters}; only the row is found here, zips need to know the methods first.
 */
static int read_method(struct grid_method *m, const struct yaml_node *node,
                       const struct yaml_node **own, struct err *e)
{
    const struct yaml_node *name = node;
    *own = NULL;
    if (node->kind == YAML_MAP) {
        if (node->n != 1)
            return yaml_error(e, ERR_PARSE, node,
                              "expected one method in an entry, found %zu keys; its parameters "
                              "stand one level below its name",
                              node->n);
        name = node->items[0];
        const struct yaml_node *params = node->items[1];
        if (params->kind != YAML_MAP && !yaml_is_null(params))
            return yaml_error(e, ERR_PARSE, params, "expected {parameter: value, ...} for '%s'",
                              name->text);
        *own = params->kind == YAML_MAP ? params : NULL;
    }
    json_t *value;
    if (value_read(&axis_rows[AXIS_METHOD], name, &value, e) < 0)
        return e->code;
    json_decref(value);
    *m = (struct grid_method){.row = method_find(name->text), .at = name, .line = yaml_line(name)};
    return 0;
}

static int read_methods(struct grid_block *b, const struct entries *from, struct err *e)
{
    const struct entry *entry = entries_find(from, "method");
    if (!entry)
        return yaml_error(e, ERR_PARSE, b->at, "key 'method' is missing");
    const struct yaml_node *const *items, *single;
    size_t n = list_of(entry->value, &items, &single);
    if (n == 0)
        return yaml_error(e, ERR_PARSE, entry->value, "'method' is an empty list");
    const struct yaml_node **own = mem_zero(n, sizeof *own);
    b->methods = mem_zero(n, sizeof *b->methods);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = read_method(&b->methods[i], items[i], &own[i], e);
        if (rc == 0)
            b->n_methods++;
    }
    if (rc == 0)
        rc = read_zips(b, from, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_params(b, &b->methods[i], own[i], from, e);
    free(own);
    return rc;
}

/* ---- rules ---- */

/* {key: value}: what a condition may set: parameters, and the axes that are no identity of a run's
 * place in a table. */
static int read_set(const struct grid_block *b, const struct yaml_node *node, json_t **out,
                    struct err *e)
{
    static const int settable[] = {AXIS_PRECISION, AXIS_VIEWS, AXIS_SHOTS, AXIS_SEED};
    if (node->kind != YAML_MAP || node->n == 0)
        return yaml_error(e, ERR_PARSE, node, "expected {key: value, ...}");
    *out = json_object();
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *name = node->items[2 * i], *value = node->items[2 * i + 1];
        const struct method_key *key;
        json_t *read;
        if (find_key(b, name, "key", &key, e) < 0)
            return e->code;
        bool may = !axis_find(name->text);
        for (size_t s = 0; s < sizeof settable / sizeof settable[0]; s++)
            may |= key == &axis_rows[settable[s]];
        if (!may)
            return yaml_error(e, ERR_PARSE, name, "a condition cannot set '%s'; use 'grids'",
                              name->text);
        if (value_read(key, value, &read, e) < 0)
            return e->code;
        json_object_set_new(*out, key->name, read);
    }
    return 0;
}

static int read_when(const struct grid_block *b, const struct yaml_node *node, struct rule *rule,
                     struct err *e)
{
    for (size_t i = 0; node->kind == YAML_MAP && i < node->n; i++) {
        const struct yaml_node *name = node->items[2 * i];
        if (str_eq(name->text, "if") || str_eq(name->text, "set"))
            continue;
        struct names known = {0};
        names_add(&known, "if");
        names_add(&known, "set");
        return unknown_name(e, name, "key", name->text, &known);
    }
    const struct yaml_node *when = yaml_get(node, "if"), *set = yaml_get(node, "set");
    if (!when || !set)
        return yaml_error(e, ERR_PARSE, node, "expected {if: {axis: value}, set: {key: value}}");
    if (condition_read(when, &rule->when, e) < 0)
        return e->code;
    return read_set(b, set, &rule->set, e);
}

static int read_rules(struct grid_block *b, const struct entries *from, const char *name,
                      struct rule **rules, size_t *n_rules, struct err *e)
{
    const struct entry *entry = entries_find(from, name);
    if (!entry)
        return 0;
    const struct yaml_node *const *items, *single;
    size_t n = list_of(entry->value, &items, &single);
    *rules = mem_zero(n + 1, sizeof **rules);
    *n_rules = n;
    for (size_t i = 0; i < n; i++) {
        struct rule *rule = &(*rules)[i];
        int rc = str_eq(name, "when") ? read_when(b, items[i], rule, e)
                                      : condition_read(items[i], &rule->when, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- the block ---- */

int block_read(struct grid_block *b, const struct entries *from, const struct yaml_node *at,
               struct err *e)
{
    *b = (struct grid_block){.at = at};
    if (read_methods(b, from, e) < 0 || read_axes(b, from, e) < 0 ||
        read_rules(b, from, "when", &b->whens, &b->n_whens, e) < 0 ||
        read_rules(b, from, "exclude", &b->excludes, &b->n_excludes, e) < 0) {
        block_release(b);
        return e->code;
    }
    return 0;
}

static void rules_free(struct rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_decref(rules[i].when);
        json_decref(rules[i].set);
    }
    free(rules);
}

void block_release(struct grid_block *b)
{
    for (int a = 0; a < AXES; a++)
        json_decref(b->axes[a].values);
    for (size_t z = 0; z < b->n_zips; z++) {
        for (size_t i = 0; i < b->zips[z].n; i++)
            json_decref(b->zips[z].axes[i].values);
        free(b->zips[z].axes);
    }
    free(b->zips);
    for (size_t m = 0; m < b->n_methods; m++) {
        for (size_t k = 0; b->methods[m].params && b->methods[m].row->keys[k].name; k++)
            json_decref(b->methods[m].params[k].values);
        free(b->methods[m].params);
    }
    free(b->methods);
    rules_free(b->whens, b->n_whens);
    rules_free(b->excludes, b->n_excludes);
    *b = (struct grid_block){0};
}
