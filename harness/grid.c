/*
 * Expansion of checked blocks: the product of axes and zips, conditions, exclusions, and the merge
 * of runs that turn out equal. Pure: no file is looked at. See grid.h.
 */
#include "harness/grid.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"

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

/* Protocols that train on one dataset and test on others. */
static bool has_source(const char *protocol)
{
    return str_eq(protocol, "cross-dataset") || str_eq(protocol, "domain-generalization");
}

static json_t *point_make(const struct dimensions *d, const struct grid_method *m)
{
    json_t *point = json_object();
    for (size_t i = 0; i < d->n; i++)
        for (size_t a = 0; a < d->items[i].n; a++) {
            const struct axis *axis = &d->items[i].axes[a];
            if (concerns(axis, m))
                json_object_set(point, axis->key->name,
                                json_array_get(axis->values, d->items[i].at));
        }
    json_object_set_new(point, "method", json_string(m->row->name));
    if (!has_source(json_string_value(json_object_get(point, "protocol"))))
        json_object_del(point, "source");
    return point;
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
static bool holds(const json_t *condition, const json_t *point)
{
    const char *name;
    json_t *wanted;
    json_object_foreach((json_t *)condition, name, wanted)
    {
        const json_t *value = json_object_get(point, name);
        if (!value || !value_in(wanted, value))
            return false;
    }
    return true;
}

/* Conditions look at the point as the axes made it, so their order matters only to who wins. */
static void apply_whens(const struct grid_block *b, const struct grid_method *m, json_t *point)
{
    json_t *made = json_copy(point);
    for (size_t w = 0; w < b->n_whens; w++) {
        const char *name;
        json_t *value;
        if (!holds(b->whens[w].when, made))
            continue;
        json_object_foreach(b->whens[w].set, name, value)
        {
            if (axis_find(name) || method_key_find(m->row, name))
                json_object_set(point, name, value);
        }
    }
    json_decref(made);
}

static bool is_excluded(const struct grid_block *b, const json_t *point)
{
    for (size_t i = 0; i < b->n_excludes; i++)
        if (holds(b->excludes[i].when, point))
            return true;
    return false;
}

/* ---- runs ---- */

struct found {
    json_t *point;
    char *key; // canonical text: equal points are one run
    size_t order, line;
};

/* NULL when the point lacks it. */
static char *take_text(const json_t *point, const char *name)
{
    const char *text = json_string_value(json_object_get(point, name));
    return text ? mem_strdup(text) : NULL;
}

static struct grid_run run_make(const struct found *f)
{
    const json_t *p = f->point;
    struct grid_run run = {
        .protocol = take_text(p, "protocol"),
        .backbone = take_text(p, "backbone"),
        .source = take_text(p, "source"),
        .dataset = take_text(p, "dataset"),
        .method = take_text(p, "method"),
        .views = take_text(p, "views"),
        .precision = take_text(p, "precision"),
        .shots = (int)json_integer_value(json_object_get(p, "shots")),
        .seed = (int)json_integer_value(json_object_get(p, "seed")),
        .params = json_object(),
        .line = f->line,
    };
    for (const struct method_key *k = method_find(run.method)->keys; k->name; k++) {
        json_t *value = json_object_get(p, k->name);
        if (value)
            json_object_set(run.params, k->name, value);
    }
    return run;
}

static int by_key(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : x->order < y->order ? -1 : 1;
}

static int by_order(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void found_release(struct found *f)
{
    json_decref(f->point);
    free(f->key);
}

/* Of equal points the first stays. */
static size_t merge_equal(struct found *found, size_t n)
{
    if (n == 0)
        return 0;
    size_t kept = 1;
    qsort(found, n, sizeof *found, by_key);
    for (size_t i = 1; i < n; i++) {
        if (str_eq(found[i].key, found[kept - 1].key))
            found_release(&found[i]);
        else
            found[kept++] = found[i];
    }
    qsort(found, kept, sizeof *found, by_order);
    return kept;
}

struct collection {
    struct found *items;
    size_t n, capacity, order;
};

/* Does it see the test transform only, whatever `views` says? */
static bool looks_plainly(const struct method_row *row)
{
    return !row->trains || (row->needs & METHOD_PLAIN);
}

/* Only methods that know where their reference rounds have fp16-storage. */
static int check_precision(const struct grid_method *m, const json_t *point, struct err *e)
{
    if (!str_eq(json_string_value(json_object_get(point, "precision")), "fp16-storage") ||
        (m->row->needs & METHOD_HALF))
        return 0;
    struct str names = STR_INIT;
    for (const struct method_row *row = method_rows; row->name; row++)
        if (row->needs & METHOD_HALF)
            str_addf(&names, "%s%s", names.size ? ", " : "", row->name);
    yaml_error(e, ERR_PARSE, m->at, "method '%s' has no precision 'fp16-storage'; these have: %s",
               m->row->name, names.data);
    str_release(&names);
    return e->code;
}

/* A method that trains: its parameters and its protocol. */
static int check_training(const struct grid_method *m, const json_t *point, struct err *e)
{
    const char *protocol = json_string_value(json_object_get(point, "protocol"));
    const char *source = json_string_value(json_object_get(point, "source"));
    const char *dataset = json_string_value(json_object_get(point, "dataset"));
    const char *conflict = method_conflict(m->row, point);
    if (conflict)
        return yaml_error(e, ERR_PARSE, m->at, "method '%s': %s", m->row->name, conflict);
    const char *precision = json_string_value(json_object_get(point, "precision"));
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
    if (others && method_closed(m->row, point))
        return yaml_error(e, ERR_PARSE, m->at,
                          "what '%s' learns here is about the classes it is trained on, but "
                          "protocol '%s' tests on others; choose 'few-shot' or exclude it",
                          m->row->name, protocol);
    return 0;
}

static int expand_method(const struct grid_block *b, const struct grid_method *m,
                         struct collection *c, struct err *e)
{
    struct dimensions d;
    dimensions_of(&d, b, m);
    do {
        json_t *point = point_make(&d, m);
        apply_whens(b, m, point);
        if (is_excluded(b, point)) {
            json_decref(point);
            continue;
        }
        if (check_precision(m, point, e) < 0) {
            json_decref(point);
            return e->code;
        }
        if (!m->row->trains) { // no training, so these say nothing
            json_object_set_new(point, "shots", json_integer(0));
            json_object_set_new(point, "seed", json_integer(0));
        } else if (check_training(m, point, e) < 0) {
            json_decref(point);
            return e->code;
        }
        if (looks_plainly(m->row))
            json_object_set_new(point, "views", json_string("none"));
        MEM_PUSH(c->items, c->n, c->capacity) =
            (struct found){point, spec_text(point), c->order++, m->line};
    } while (advance(&d));
    return 0;
}

int grid_expand(const struct grid_block *blocks, size_t n, size_t limit, struct grid_run **runs,
                size_t *n_runs, struct err *e)
{
    struct collection c = {0};
    int rc = check_size(blocks, n, limit, e);
    for (size_t b = 0; b < n; b++)
        for (size_t m = 0; m < blocks[b].n_methods && rc == 0; m++)
            rc = expand_method(&blocks[b], &blocks[b].methods[m], &c, e);
    if (rc == 0) {
        c.n = merge_equal(c.items, c.n);
        *runs = mem_zero(c.n + 1, sizeof **runs);
        *n_runs = c.n;
        for (size_t i = 0; i < c.n; i++)
            (*runs)[i] = run_make(&c.items[i]);
    }
    for (size_t i = 0; i < c.n; i++)
        found_release(&c.items[i]);
    free(c.items);
    return rc;
}

void grid_run_release(struct grid_run *run)
{
    free(run->protocol);
    free(run->backbone);
    free(run->source);
    free(run->dataset);
    free(run->method);
    free(run->views);
    free(run->precision);
    json_decref(run->params);
}

void grid_runs_free(struct grid_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        grid_run_release(&runs[i]);
    free(runs);
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
        if (row &&
            ((training_only && !row->trains) || (str_eq(name, "views") && looks_plainly(row))))
            continue;
        json_t *value = run_value(r, name);
        bool match = value && value_in(wanted, value);
        json_decref(value);
        if (!match)
            return false;
    }
    return true;
}
