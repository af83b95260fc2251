/*
 * Expansion of checked blocks: the product of axes and zips, conditions, exclusions, and the merge
 * of runs that turn out equal. Pure: no file is looked at. See grid.h.
 */
#include "harness/recipe/grid.h"

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/recipe/grid_values.h"
#include "harness/recipe/prompt_path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One digit of the counter that walks a product: an axis by itself, or the axes of a zip. */
struct dimension {
    const struct axis *axes;
    size_t n, length, at;
};

enum { DIMENSIONS = 64 };

struct dimensions {
    struct dimension items[DIMENSIONS];
    size_t n;
};

static void add_dimension(struct dimensions *d, const struct axis *axes, size_t n, size_t length)
{
    BUG_IF(d->n == DIMENSIONS);
    d->items[d->n++] = (struct dimension){axes, n, length, 0};
}

/* The axis by itself, or, the first time one of its axes comes up, the zip that holds it. */
static void add_axis(struct dimensions *d, const struct grid_block *b, const struct axis *axis,
                     const char *name)
{
    if (axis->key) {
        add_dimension(d, axis, 1, json_array_size(axis->values));
        return;
    }
    for (size_t z = 0; z < b->n_zips; z++) {
        bool here = false;
        for (size_t i = 0; i < b->zips[z].n; i++)
            here |= str_eq(b->zips[z].axes[i].key->name, name);
        for (size_t i = 0; i < d->n; i++)
            here &= d->items[i].axes != b->zips[z].axes;
        if (here)
            add_dimension(d, b->zips[z].axes, b->zips[z].n, b->zips[z].length);
    }
}

/* Slowest first: the order of the recipe's runs within a method. */
static void dimensions_of(struct dimensions *d, const struct grid_block *b,
                          const struct grid_method *m)
{
    d->n = 0;
    for (int a = 0; a <= AXIS_DATASET; a++)
        add_axis(d, b, &b->axes[a], axis_rows[a].name);
    for (size_t k = 0; m->row->keys[k].name; k++)
        add_axis(d, b, &m->params[k], m->row->keys[k].name);
    for (int a = AXIS_DATASET + 1; a < AXES; a++)
        add_axis(d, b, &b->axes[a], axis_rows[a].name);
}

/* ---- size ---- */

static size_t saturating_product(const struct dimensions *d)
{
    size_t product = 1;
    for (size_t i = 0; i < d->n; i++)
        if (__builtin_mul_overflow(product, d->items[i].length, &product))
            return SIZE_MAX;
    return product;
}

/* More than `limit` points are refused before one is made; the caret shows the longest axis. */
static int check_size(const struct grid_block *blocks, size_t n, size_t limit, struct err *e)
{
    size_t total = 0, longest = 0;
    const struct yaml_node *at = blocks[0].at;
    for (size_t b = 0; b < n; b++)
        for (size_t m = 0; m < blocks[b].n_methods; m++) {
            struct dimensions d;
            dimensions_of(&d, &blocks[b], &blocks[b].methods[m]);
            if (__builtin_add_overflow(total, saturating_product(&d), &total))
                total = SIZE_MAX;
            for (size_t i = 0; i < d.n; i++)
                if (d.items[i].length > longest && d.items[i].axes->at) {
                    longest = d.items[i].length;
                    at = d.items[i].axes->at;
                }
        }
    if (total <= limit)
        return 0;
    char count[40];
    snprintf(count, sizeof count, total == SIZE_MAX ? "more than %zu" : "%zu", total);
    return yaml_error(e, ERR_RANGE, at,
                      "the grid has %s runs, over the limit of %zu; shorten an axis or raise "
                      "'limit' (at most 1000000)",
                      count, limit);
}

/* ---- points ---- */

/* A point: the number of the value of each axis, of the method's name, of each of its parameters.
 */
enum { AT_METHOD = AXES, AT_PARAMS, POINT = AT_PARAMS + 64 };

/* Values of an axis that the points of a method take. */
struct source {
    size_t dimension;
    int at;            // in the point
    uint32_t *numbers; // of the values
};

/* A method of a block while its product is walked. */
struct walk {
    const struct grid_block *block;
    const struct grid_method *method;
    struct grid_values *values;
    struct dimensions dimensions;
    struct source sources[POINT];
    size_t n_sources, n_params;
    uint32_t point[POINT];
    uint32_t zero, none; // what a method has that does not train, or looks plainly
};

/* Where `name` stands in the points of a method, or -1. */
static int place_of(const struct method_row *row, const char *name)
{
    for (int a = 0; a <= AT_METHOD; a++)
        if (str_eq(axis_rows[a].name, name))
            return a;
    for (int k = 0; row->keys[k].name; k++)
        if (str_eq(row->keys[k].name, name))
            return AT_PARAMS + k;
    return -1;
}

/* Does `axis` speak for this method? A zipped parameter does not when the method lacks it or gives
 * its own value. */
static bool concerns(const struct axis *axis, const struct grid_method *m)
{
    if (axis_find(axis->key->name))
        return true;
    for (size_t k = 0; m->row->keys[k].name; k++)
        if (str_eq(m->row->keys[k].name, axis->key->name))
            return !m->params[k].key || &m->params[k] == axis;
    return false;
}

static void walk_init(struct walk *w, const struct grid_block *b, const struct grid_method *m,
                      struct grid_values *values)
{
    *w = (struct walk){.block = b, .method = m, .values = values};
    dimensions_of(&w->dimensions, b, m);
    while (m->row->keys[w->n_params].name)
        w->n_params++;
    BUG_IF(AT_PARAMS + w->n_params > POINT);
    for (size_t d = 0; d < w->dimensions.n; d++)
        for (size_t a = 0; a < w->dimensions.items[d].n; a++) {
            const struct axis *axis = &w->dimensions.items[d].axes[a];
            if (!concerns(axis, m))
                continue;
            size_t n = json_array_size(axis->values);
            struct source *s = &w->sources[w->n_sources++];
            *s = (struct source){d, place_of(m->row, axis->key->name),
                                 mem_alloc(n, sizeof *s->numbers)};
            for (size_t i = 0; i < n; i++)
                s->numbers[i] = grid_values_add(values, json_array_get(axis->values, i));
        }
    w->point[AT_METHOD] = grid_values_add_new(values, json_string(m->row->name));
    w->zero = grid_values_add_new(values, json_integer(0));
    w->none = grid_values_add_new(values, json_string("none"));
}

static void walk_release(struct walk *w)
{
    for (size_t i = 0; i < w->n_sources; i++)
        free(w->sources[i].numbers);
}

/* Protocols that train on one dataset and test on others. */
static bool has_source(const char *protocol)
{
    return str_eq(protocol, "cross-dataset") || str_eq(protocol, "domain-generalization");
}

static const char *text_at(const struct walk *w, int at)
{
    return grid_value_text(w->values, w->point[at]);
}

/* The point that the dimensions stand at. */
static void make_point(struct walk *w)
{
    for (size_t i = 0; i < w->n_sources; i++) {
        const struct source *s = &w->sources[i];
        w->point[s->at] = s->numbers[w->dimensions.items[s->dimension].at];
    }
    if (!has_source(text_at(w, AXIS_PROTOCOL)))
        w->point[AXIS_SOURCE] = GRID_NO_VALUE;
}

/* Step to the next combination; false after the last. */
static bool advance(struct dimensions *d)
{
    for (size_t i = d->n; i-- > 0;) {
        if (++d->items[i].at < d->items[i].length)
            return true;
        d->items[i].at = 0;
    }
    return false;
}

/* Every axis of the condition is one of the point's and has a wanted value. */
static bool holds(const struct walk *w, const json_t *condition, const uint32_t *point)
{
    const char *name;
    json_t *wanted;
    json_object_foreach((json_t *)condition, name, wanted)
    {
        int at = place_of(w->method->row, name);
        const json_t *value = at < 0 ? NULL : grid_value(w->values, point[at]);
        if (!value || !value_in(wanted, value))
            return false;
    }
    return true;
}

/* Conditions look at the point as the axes made it, so their order matters only to who wins. */
static void apply_whens(struct walk *w)
{
    uint32_t made[POINT];
    memcpy(made, w->point, sizeof made);
    for (size_t i = 0; i < w->block->n_whens; i++) {
        const char *name;
        json_t *value;
        if (!holds(w, w->block->whens[i].when, made))
            continue;
        json_object_foreach(w->block->whens[i].set, name, value)
        {
            int at = place_of(w->method->row, name);
            if (at >= 0)
                w->point[at] = grid_values_add(w->values, value);
        }
    }
}

static bool is_excluded(const struct walk *w)
{
    for (size_t i = 0; i < w->block->n_excludes; i++)
        if (holds(w, w->block->excludes[i].when, w->point))
            return true;
    return false;
}

/* ---- runs ---- */

/* The runs so far. */
struct collection {
    struct map seen; // the numbers of their values
    struct grid_run *runs;
    size_t n, capacity;
};

/* Does it see the test transform only, whatever `views` says? */
static bool looks_plainly(const struct method_row *row)
{
    return !row->trains || (row->needs & METHOD_PLAIN);
}

/* Only methods that know where their reference rounds have fp16-storage. */
static int check_precision(const struct walk *w, struct err *e)
{
    if (!str_eq(text_at(w, AXIS_PRECISION), "fp16-storage") ||
        (w->method->row->needs & METHOD_HALF))
        return 0;
    struct str names = STR_INIT;
    for (const struct method_row *row = method_rows; row->name; row++)
        if (row->needs & METHOD_HALF)
            str_addf(&names, "%s%s", names.size ? ", " : "", row->name);
    yaml_error(e, ERR_PARSE, w->method->at,
               "method '%s' has no precision 'fp16-storage'; these have: %s", w->method->row->name,
               names.data);
    str_release(&names);
    return e->code;
}

/* A method that trains: its parameters and its protocol. */
static int check_training(const struct walk *w, const json_t *params, struct err *e)
{
    const struct grid_method *m = w->method;
    const char *protocol = text_at(w, AXIS_PROTOCOL), *source = text_at(w, AXIS_SOURCE);
    const char *dataset = text_at(w, AXIS_DATASET), *precision = text_at(w, AXIS_PRECISION);
    const char *conflict = method_conflict(m->row, params);
    if (conflict)
        return yaml_error(e, ERR_PARSE, m->at, "method '%s': %s", m->row->name, conflict);
    if ((m->row->needs & METHOD_PIXELS) && !str_eq(precision, "fp32"))
        return yaml_error(e, ERR_PARSE, m->at,
                          "method '%s' trains through the image tower, which needs precision fp32, "
                          "not %s",
                          m->row->name, precision);
    if (str_eq(protocol, "zero-shot"))
        return yaml_error(e, ERR_PARSE, m->at,
                          "method '%s' trains, but protocol 'zero-shot' has no training; choose "
                          "'few-shot' or exclude it",
                          m->row->name);
    bool others = str_eq(protocol, "base-to-new") || (source && !str_eq(source, dataset));
    if (others && method_closed(m->row, params))
        return yaml_error(e, ERR_PARSE, m->at,
                          "what '%s' learns here is about the classes it is trained on, but "
                          "protocol '%s' tests on others; choose 'few-shot' or exclude it",
                          m->row->name, protocol);
    return 0;
}

static void add_run(const struct walk *w, json_t *params, size_t set, struct collection *c)
{
    uint32_t key[AT_METHOD + 2];
    bool is_new;
    memcpy(key, w->point, (AT_METHOD + 1) * sizeof *key);
    key[AT_METHOD + 1] = (uint32_t)set;
    map_add(&c->seen, key, sizeof key, &is_new);
    if (!is_new)
        return;
#define NUMBER(at) (int)json_integer_value(grid_value(w->values, w->point[at]))
    MEM_PUSH(c->runs, c->n, c->capacity) = (struct grid_run){
        .protocol = text_at(w, AXIS_PROTOCOL),
        .backbone = text_at(w, AXIS_BACKBONE),
        .source = text_at(w, AXIS_SOURCE),
        .dataset = text_at(w, AXIS_DATASET),
        .method = w->method->row->name,
        .views = text_at(w, AXIS_VIEWS),
        .precision = text_at(w, AXIS_PRECISION),
        .shots = NUMBER(AXIS_SHOTS),
        .seed = NUMBER(AXIS_SEED),
        .params = params,
        .line = w->method->line,
    };
#undef NUMBER
}

/* What a method that tests a file was told of it. Shots and seed are those of the path, if it has
 * them. */
static int check_file(struct walk *w, const json_t *params, struct err *e)
{
    const char *path = json_string_value(json_object_get(params, "path"));
    char field[40];
    if (!path || !*path)
        return yaml_error(e, ERR_PARSE, w->method->at,
                          "method '%s' needs the 'path' of a trained prompt", w->method->row->name);
    if (prompt_path_unknown(path, field, sizeof field))
        return yaml_error(e, ERR_PARSE, w->method->at,
                          "path '%s': unknown field '%s'; known: {dataset}, {source}, {shots}, "
                          "{seed}",
                          path, field);
    if (!prompt_path_has(path, "shots"))
        w->point[AXIS_SHOTS] = w->zero;
    if (!prompt_path_has(path, "seed"))
        w->point[AXIS_SEED] = w->zero;
    return 0;
}

/* The run of the point as it stands. */
static int add_point(struct walk *w, struct collection *c, struct err *e)
{
    const struct method_row *row = w->method->row;
    size_t set;
    int rc = check_precision(w, e);
    if (rc < 0)
        return rc;
    json_t *params = grid_values_params(w->values, row, w->point + AT_PARAMS, &set);
    if (row->needs & METHOD_FILE)
        rc = check_file(w, params, e);
    else if (!row->trains) // no training, so these say nothing
        w->point[AXIS_SHOTS] = w->point[AXIS_SEED] = w->zero;
    else
        rc = check_training(w, params, e);
    if (looks_plainly(row))
        w->point[AXIS_VIEWS] = w->none;
    if (rc == 0)
        add_run(w, params, set, c);
    return rc;
}

static int expand_method(struct walk *w, struct collection *c, struct err *e)
{
    int rc = 0;
    do {
        make_point(w);
        apply_whens(w);
        if (!is_excluded(w))
            rc = add_point(w, c, e);
    } while (rc == 0 && advance(&w->dimensions));
    return rc;
}

int grid_expand(const struct grid_block *blocks, size_t n, size_t limit, struct grid_run **runs,
                size_t *n_runs, json_t **values, struct err *e)
{
    struct collection c = {0};
    struct grid_values v;
    int rc = check_size(blocks, n, limit, e);
    grid_values_init(&v);
    for (size_t b = 0; b < n; b++)
        for (size_t m = 0; m < blocks[b].n_methods && rc == 0; m++) {
            struct walk walk;
            walk_init(&walk, &blocks[b], &blocks[b].methods[m], &v);
            rc = expand_method(&walk, &c, e);
            walk_release(&walk);
        }
    *runs = c.runs;
    *n_runs = c.n;
    *values = json_pack("[O,O]", v.values, v.params);
    map_release(&c.seen);
    grid_values_release(&v);
    return rc;
}

/* ---- questions about runs ---- */

const char *grid_run_source(const struct grid_run *r)
{
    return r->source ? r->source : r->dataset;
}

bool grid_run_is_eval(const struct grid_run *r)
{
    return r->source && !str_eq(r->source, r->dataset) && method_find(r->method)->trains;
}

static json_t *run_value(const struct grid_run *r, const char *name)
{
    const struct {
        const char *name, *text;
    } texts[] = {
        {"protocol", r->protocol}, {"backbone", r->backbone}, {"dataset", r->dataset},
        {"method", r->method},     {"views", r->views},       {"precision", r->precision},
        {"source", r->source},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (str_eq(name, texts[i].name))
            return texts[i].text ? json_string(texts[i].text) : NULL;
    if (str_eq(name, "shots"))
        return json_integer(r->shots);
    if (str_eq(name, "seed"))
        return json_integer(r->seed);
    return json_incref(json_object_get(r->params, name));
}

bool grid_run_matches(const struct grid_run *r, const json_t *where)
{
    const struct method_row *row = method_find(r->method);
    const char *name;
    json_t *wanted;
    json_object_foreach((json_t *)where, name, wanted)
    {
        bool training_only = str_eq(name, "shots") || str_eq(name, "seed");
        bool none = row && !row->trains && !(str_eq(name, "shots") ? r->shots : r->seed);
        if (row && ((training_only && none) || (str_eq(name, "views") && looks_plainly(row))))
            continue;
        json_t *value = run_value(r, name);
        bool match = value && value_in(wanted, value);
        json_decref(value);
        if (!match)
            return false;
    }
    return true;
}
