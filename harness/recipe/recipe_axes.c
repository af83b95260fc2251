/* Axes and values of recipes: their table, reading one value, suggestions, conditions. */
#include "harness/recipe/grid.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"
#include "core/data/own.h"

#include <stdlib.h>
#include <string.h>

const struct method_key axis_rows[AXIS_ROWS + 1] = {
    [AXIS_PROTOCOL] =
        {"protocol", KEY_CHOICE, 0, 0,
         "few-shot|base-to-new|cross-dataset|domain-generalization|zero-shot", NULL,
         "few-shot (all classes), base-to-new (train on the first half), cross-dataset or "
         "domain-generalization (train on 'source', test on 'dataset'), or zero-shot"},
    [AXIS_BACKBONE] = {"backbone", KEY_TEXT, 0, 0, NULL, NULL,
                       "CLIP model: a known name, or a folder with its weights and merges"},
    [AXIS_PRECISION] = {"precision", KEY_CHOICE, 0, 0, "fp32|tf32|bf16|fp16-storage", "fp32",
                        "fp32; tf32: all products, on a GPU; bf16: products of the frozen image "
                        "tower, on a GPU or a CPU that has it; "
                        "fp16-storage: context, gradient, momentum, every operation of SGD, "
                        "features, logits and their gradients rounded to fp16 as the reference "
                        "stores them, products inside the towers in fp32 (zero-shot, coop, rlp)"},
    [AXIS_VIEWS] = {"views", KEY_TEXT, 0, 0, NULL, "fresh",
                    "training pictures: fresh (augmented anew each epoch), N views in turn, none"},
    [AXIS_SOURCE] = {"source", KEY_TEXT, 0, 0, NULL, "imagenet",
                     "cross-dataset and domain-generalization: the dataset that is trained on"},
    [AXIS_DATASET] = {"dataset", KEY_TEXT, 0, 0, NULL, NULL, "a dataset, or a named set of them"},
    [AXIS_SHOTS] = {"shots", KEY_INT, 1, 100000, NULL, "16", "training pictures per class"},
    [AXIS_SEED] = {"seed", KEY_INT, 0, 0x7fffffff, NULL, "1",
                   "picks, starts and order of pictures"},
    [AXIS_METHOD] = {"method", KEY_TEXT, 0, 0, NULL, NULL,
                     "methods: names, or {name: {parameter: value or list}}"},
    {0},
};

const struct method_key *axis_find(const char *name)
{
    for (const struct method_key *k = axis_rows; k->name; k++)
        if (str_eq(k->name, name))
            return k;
    return NULL;
}

const struct method_key *param_find(const char *name)
{
    const struct method_key *found = NULL;
    for (const struct method_row *m = method_rows; m->name && !found; m++)
        found = method_key_find(m, name);
    return found;
}

/* ---- names ---- */

void names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (str_eq(names->items[i], name))
            return;
    MEM_PUSH(names->items, names->n, names->capacity) = name;
}

void names_add_axes(struct names *names)
{
    for (const struct method_key *k = axis_rows; k->name; k++)
        names_add(names, k->name);
}

void names_add_params(struct names *names)
{
    for (const struct method_row *m = method_rows; m->name; m++)
        for (const struct method_key *k = m->keys; k->name; k++)
            names_add(names, k->name);
}

/* Names between '|' as an array; the texts live in *copy. */
static void names_add_choices(struct names *names, const char *choices, char **copy)
{
    *copy = mem_strdup(choices);
    for (char *word = *copy, *bar; word; word = bar ? bar + 1 : NULL) {
        bar = strchr(word, '|');
        if (bar)
            *bar = 0;
        names_add(names, word);
    }
}

int unknown_name(struct err *e, const struct yaml_node *at, const char *what, const char *word,
                 struct names *known)
{
    const char *near = NULL;
    if (strlen(word) > 2) // everything is near to a short word
        near = str_nearest(word, known->items, known->n, sizeof *known->items);
    char *visible = str_visible(word);
    if (near) {
        yaml_error(e, ERR_PARSE, at, "unknown %s '%.80s', did you mean '%s'?", what, visible, near);
    } else {
        struct str list = STR_INIT;
        for (size_t i = 0; i < known->n; i++)
            str_addf(&list, "%s%s", i ? ", " : "", known->items[i]);
        yaml_error(e, ERR_PARSE, at, "unknown %s '%.80s'; known: %s", what, visible, list.data);
        str_release(&list);
    }
    free(visible);
    free(known->items);
    *known = (struct names){0};
    return e->code;
}

/* ---- one value ---- */

static int wrong(struct err *e, int code, const struct yaml_node *node, const char *name,
                 const char *want)
{
    char *found = yaml_describe(node);
    yaml_error(e, code, node, "'%s' is %s, expected %s", name, found, want);
    free(found);
    return e->code;
}

/* Names that are looked up somewhere else than in the axis's own row. */
static int check_dataset(const struct yaml_node *node, const char *text, struct err *e)
{
    if (dataset_find(text))
        return 0;
    struct names known = {0};
    const struct dataset_row *d;
    if (own_problem(text))
        return yaml_error(e, ERR_PARSE, node, "dataset '%s' cannot be used: %s", text,
                          own_problem(text));
    for (size_t i = 0; (d = dataset_at(i)); i++)
        names_add(&known, d->name);
    for (const char *const *s = dataset_set_names(); *s; s++)
        names_add(&known, *s);
    return unknown_name(e, node, "dataset", text, &known);
}

static int check_backbone(const struct yaml_node *node, const char *text, struct err *e)
{
    if (backbone_find(text) || strchr(text, '/'))
        return 0;
    struct names known = {0};
    for (const struct backbone_row *b = backbone_rows; b->name; b++)
        names_add(&known, b->name);
    return unknown_name(e, node, "backbone", text, &known);
}

static int check_method(const struct yaml_node *node, const char *text, struct err *e)
{
    if (method_find(text))
        return 0;
    struct names known = {0};
    for (const struct method_row *m = method_rows; m->name; m++)
        names_add(&known, m->name);
    return unknown_name(e, node, "method", text, &known);
}

static int check_views(const struct yaml_node *node, const char *text, struct err *e)
{
    long n;
    if (str_eq(text, "none") || str_eq(text, "fresh") ||
        (text[0] >= '1' && text[0] <= '9' && str_to_long(text, 1, 1000000, &n)))
        return 0;
    return wrong(e, ERR_PARSE, node, "views", "none, fresh or a whole number from 1 to 1000000");
}

static const struct {
    int axis;
    int (*check)(const struct yaml_node *node, const char *text, struct err *e);
} checks[] = {
    {AXIS_DATASET, check_dataset}, {AXIS_SOURCE, check_dataset}, {AXIS_BACKBONE, check_backbone},
    {AXIS_METHOD, check_method},   {AXIS_VIEWS, check_views},
};

static int read_text(const struct method_key *key, const struct yaml_node *node, json_t **out,
                     struct err *e)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (key == &axis_rows[checks[i].axis] && checks[i].check(node, node->text, e) < 0)
            return e->code;
    *out = json_string(node->text);
    return 0;
}

static int read_choice(const struct method_key *key, const struct yaml_node *node, json_t **out,
                       struct err *e)
{
    struct names known = {0};
    char *copy;
    int rc = 0;
    names_add_choices(&known, key->choices, &copy);
    bool found = false;
    for (size_t i = 0; i < known.n; i++)
        found |= str_eq(known.items[i], node->text);
    if (found)
        *out = json_string(node->text);
    else
        rc = unknown_name(e, node, key->name, node->text, &known);
    free(known.items);
    free(copy);
    return rc;
}

static int read_number(const struct method_key *key, const struct yaml_node *node, json_t **out,
                       struct err *e)
{
    char want[120];
    const char *kind = key->type == KEY_INT ? "a whole number" : "a number";
    const char *digits = key->type == KEY_INT ? "0123456789+-" : "0123456789+-.eE";
    snprintf(want, sizeof want, "%s from %.15g to %.15g", kind, key->min, key->max);
    double value;
    if (node->quoted || node->text[strspn(node->text, digits)] ||
        !str_to_double(node->text, &value))
        return wrong(e, ERR_PARSE, node, key->name, kind);
    if (!(value >= key->min && value <= key->max))
        return wrong(e, ERR_RANGE, node, key->name, want);
    *out = key->type == KEY_INT ? json_integer((json_int_t)value)
                                : json_real(value == 0 ? 0 : value); // no minus zero
    return 0;
}

int value_read(const struct method_key *key, const struct yaml_node *node, json_t **out,
               struct err *e)
{
    static const char *const wants[] = {
        [KEY_INT] = "a whole number",
        [KEY_REAL] = "a number",
        [KEY_TEXT] = "text",
        [KEY_CHOICE] = "a name",
    };
    if (node->kind != YAML_SCALAR || yaml_is_null(node))
        return wrong(e, ERR_PARSE, node, key->name, wants[key->type]);
    if (key->type == KEY_TEXT)
        return read_text(key, node, out, e);
    if (key->type == KEY_CHOICE)
        return read_choice(key, node, out, e);
    return read_number(key, node, out, e);
}

/* ---- several values ---- */

static int add_value(const struct method_key *key, const struct yaml_node *node, json_t *array,
                     struct err *e)
{
    bool datasets = key == &axis_rows[AXIS_DATASET] || key == &axis_rows[AXIS_SOURCE];
    if (datasets && node->kind == YAML_SCALAR) {
        const char *const *set = dataset_set_find(node->text);
        for (; set && *set; set++)
            json_array_append_new(array, json_string(*set));
        if (set)
            return 0;
    }
    json_t *value;
    if (value_read(key, node, &value, e) < 0)
        return e->code;
    json_array_append_new(array, value);
    return 0;
}

int values_read(const struct method_key *key, const struct yaml_node *node, json_t **array,
                struct err *e)
{
    json_t *values = json_array();
    int rc = 0;
    if (node->kind != YAML_LIST)
        rc = add_value(key, node, values, e);
    else if (node->n == 0)
        rc = yaml_error(e, ERR_PARSE, node, "'%s' is an empty list", key->name);
    else
        for (size_t i = 0; i < node->n && rc == 0; i++)
            rc = add_value(key, node->items[i], values, e);
    if (rc < 0) {
        json_decref(values);
        return rc;
    }
    *array = values;
    return 0;
}

int text_read(const struct yaml_node *node, const char *what, char **out, struct err *e)
{
    if (node->kind != YAML_SCALAR || yaml_is_null(node))
        return wrong(e, ERR_PARSE, node, what, "text");
    *out = mem_strdup(node->text);
    return 0;
}

int name_read(const struct yaml_node *node, const char *what, char **out, struct err *e)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (node->kind != YAML_SCALAR || !*node->text || strlen(node->text) > 64 ||
        node->text[strspn(node->text, letters)])
        return wrong(e, ERR_PARSE, node, what,
                     "a name of at most 64 lower-case letters, digits and '-'");
    if (*node->text == '-') // an option, to whoever is given a file of this name
        return wrong(e, ERR_PARSE, node, what, "a name that starts with a letter or a digit");
    *out = mem_strdup(node->text);
    return 0;
}

int condition_read(const struct yaml_node *node, json_t **out, struct err *e)
{
    if (node->kind != YAML_MAP || node->n == 0)
        return yaml_error(e, ERR_PARSE, node, "expected {axis: value or list, ...}");
    json_t *condition = json_object();
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *name = node->items[2 * i];
        const struct method_key *key = axis_find(name->text);
        if (!key)
            key = param_find(name->text);
        json_t *values;
        if (!key) {
            struct names known = {0};
            names_add_axes(&known);
            names_add_params(&known);
            unknown_name(e, name, "axis", name->text, &known);
        }
        if (!key || values_read(key, node->items[2 * i + 1], &values, e) < 0) {
            json_decref(condition);
            return e->code;
        }
        json_object_set_new(condition, key->name, values);
    }
    *out = condition;
    return 0;
}

bool value_in(const json_t *wanted, const json_t *value)
{
    size_t i;
    json_t *item;
    json_array_foreach(wanted, i, item)
    {
        if (json_is_number(item) && json_is_number(value)
                ? json_number_value(item) == json_number_value(value)
                : json_equal(item, value))
            return true;
    }
    return false;
}
