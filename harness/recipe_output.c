/* Tables and figures that a recipe asks for: reading, checks and defaults. */
#include "harness/recipe_output.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/figure_check.h"
#include "results/table.h"

#include <stdlib.h>
#include <string.h>

static const char *const base_to_new[] = {"base", "new", "H", NULL};
static const char *const plain[] = {"accuracy", NULL};

static char **copy_list(const char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    char **copy = mem_zero(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_strdup(list[i]);
    return copy;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

static const char *figure_metric(size_t i)
{
    return i < FIGURE_VALUES ? figure_values[i].name : NULL;
}

/* `name`: the i-th known metric, NULL behind the last. */
static int check_metric(const struct yaml_node *node, const char *(*name)(size_t i), struct err *e)
{
    struct names known = {0};
    if (node->kind != YAML_SCALAR)
        return yaml_error(e, ERR_PARSE, node, "expected the name of a metric");
    for (size_t i = 0; name(i); i++) {
        if (str_eq(name(i), node->text)) {
            free(known.items);
            return 0;
        }
        names_add(&known, name(i));
    }
    return unknown_name(e, node, "metric", node->text, &known);
}

static int read_metrics(const struct yaml_node *node, const char *(*name)(size_t i), char ***out,
                        struct err *e)
{
    bool list = node->kind == YAML_LIST;
    size_t n = list ? node->n : 1;
    if (n == 0)
        return yaml_error(e, ERR_PARSE, node, "expected one metric or more");
    *out = mem_zero(n + 1, sizeof **out);
    for (size_t i = 0; i < n; i++) {
        const struct yaml_node *item = list ? node->items[i] : node;
        if (check_metric(item, name, e) < 0)
            return e->code;
        (*out)[i] = mem_strdup(item->text);
    }
    return 0;
}

static int read_axis(const struct yaml_node *node, char **out, struct err *e)
{
    if (node->kind != YAML_SCALAR)
        return yaml_error(e, ERR_PARSE, node, "expected the name of an axis");
    if (axis_find(node->text) || param_find(node->text)) {
        *out = mem_strdup(node->text);
        return 0;
    }
    struct names known = {0};
    names_add_axes(&known);
    names_add_params(&known);
    return unknown_name(e, node, "axis", node->text, &known);
}

static int read_choice(const struct yaml_node *node, const char *const *choices, char **out,
                       struct err *e)
{
    struct names known = {0};
    if (node->kind != YAML_SCALAR)
        return yaml_error(e, ERR_PARSE, node, "expected one word");
    for (; *choices; choices++) {
        if (str_eq(*choices, node->text)) {
            free(known.items);
            *out = mem_strdup(node->text);
            return 0;
        }
        names_add(&known, *choices);
    }
    return unknown_name(e, node, "choice", node->text, &known);
}

static int read_points(const struct yaml_node *node, double *out, struct err *e)
{
    if (node->kind != YAML_SCALAR || !str_to_double(node->text, out) || !(*out > 0 && *out <= 100))
        return yaml_error(e, ERR_RANGE, node, "expected a number of points from 0 to 100");
    return 0;
}

/* One key of a table or figure block: how it is read and where it goes. */
enum part_kind {
    PART_NAME,
    PART_TITLE,
    PART_AXIS,
    PART_METRICS, // of tables
    PART_CURVES,  // metrics of figures
    PART_WHERE,
    PART_CHOICE,
    PART_POINTS,
};

struct part {
    const char *name;
    enum part_kind kind;
    void *out;                  // char **, char ***, json_t **, double *
    const char *const *choices; // PART_CHOICE: NULL-terminated
};

static int read_part(const struct part *part, const struct yaml_node *node, struct err *e)
{
    switch (part->kind) {
    case PART_NAME:
        return name_read(node, part->name, part->out, e);
    case PART_TITLE:
        return text_read(node, part->name, part->out, e);
    case PART_AXIS:
        return read_axis(node, part->out, e);
    case PART_METRICS:
        return read_metrics(node, table_metric_name, part->out, e);
    case PART_CURVES:
        return read_metrics(node, figure_metric, part->out, e);
    case PART_WHERE:
        return condition_read(node, part->out, e);
    case PART_CHOICE:
        return read_choice(node, part->choices, part->out, e);
    case PART_POINTS:
        return read_points(node, part->out, e);
    }
    BUG("part %d", (int)part->kind);
}

/* Read the keys of `map` by the rows of `parts`, which ends with a NULL name. */
static int read_parts(const struct part *parts, const struct yaml_node *map, const char *what,
                      struct err *e)
{
    if (map->kind != YAML_MAP)
        return yaml_error(e, ERR_PARSE, map, "expected a map that describes a %s", what);
    for (size_t i = 0; i < map->n; i++) {
        const struct yaml_node *name = map->items[2 * i];
        const struct part *part = parts;
        while (part->name && !str_eq(part->name, name->text))
            part++;
        if (part->name) {
            if (read_part(part, map->items[2 * i + 1], e) < 0)
                return e->code;
            continue;
        }
        struct names known = {0};
        char text[40];
        for (part = parts; part->name; part++)
            names_add(&known, part->name);
        snprintf(text, sizeof text, "%s key", what);
        return unknown_name(e, name, text, name->text, &known);
    }
    return 0;
}

/* Base-to-new runs have base, new and H; the others plain accuracy. */
static char **default_metrics(const struct recipe *r, const json_t *where)
{
    for (size_t i = 0; i < r->n; i++)
        if (grid_run_matches(&r->runs[i], where))
            return copy_list(str_eq(r->runs[i].protocol, "base-to-new") ? base_to_new : plain);
    return copy_list(plain);
}

static int check_selects(const struct recipe *r, const json_t *where, const struct yaml_node *at,
                         struct err *e)
{
    for (size_t i = 0; i < r->n; i++)
        if (grid_run_matches(&r->runs[i], where))
            return 0;
    const struct yaml_node *node = yaml_get(at, "where");
    return yaml_error(e, ERR_PARSE, node ? node : at, "no run of this recipe is selected");
}

static void set_default(char **field, const char *value)
{
    if (!*field)
        *field = mem_strdup(value);
}

static int read_table(struct recipe *r, const struct yaml_node *map, struct err *e)
{
    static const char *const intervals[] = {"std", "t", NULL};
    static const char *const averages[] = {"H-of-averages", "mean-of-H", NULL};
    static const char *const bools[] = {"true", "false", NULL};
    struct recipe_table *t = &r->tables[r->n_tables++];
    const struct part parts[] = {
        {"name", PART_NAME, &t->name, NULL},
        {"title", PART_TITLE, &t->title, NULL},
        {"rows", PART_AXIS, &t->rows, NULL},
        {"columns", PART_AXIS, &t->columns, NULL},
        {"group", PART_AXIS, &t->group, NULL},
        {"metrics", PART_METRICS, &t->metrics, NULL},
        {"where", PART_WHERE, &t->where, NULL},
        {"interval", PART_CHOICE, &t->interval, intervals},
        {"average", PART_CHOICE, &t->average, averages},
        {"transpose", PART_CHOICE, &t->transpose, bools},
        {"sort", PART_TITLE, &t->sort, NULL},
        {"delta", PART_TITLE, &t->delta, NULL},
        {"tolerance", PART_POINTS, &t->tolerance, NULL},
        {0},
    };
    if (read_parts(parts, map, "table", e) < 0 || check_selects(r, t->where, map, e) < 0)
        return e->code;
    if (!t->name)
        return yaml_error(e, ERR_PARSE, map, "key 'name' of the table is missing");
    for (size_t i = 0; i + 1 < r->n_tables; i++)
        if (str_eq(r->tables[i].name, t->name))
            return yaml_error(e, ERR_PARSE, map, "a second table named '%s'", t->name);
    set_default(&t->title, t->name);
    set_default(&t->rows, "method");
    set_default(&t->columns, "dataset");
    if (!t->metrics)
        t->metrics = default_metrics(r, t->where);
    return 0;
}

static int read_figure(struct recipe *r, const struct yaml_node *map, struct err *e)
{
    static const char *const bands[] = {"interval", "deviation", "none", NULL};
    static const char *const widths[] = {"single", "double", NULL};
    static const char *const bools[] = {"true", "false", NULL};
    struct recipe_figure *f = &r->figures[r->n_figures++];
    char *latex = NULL;
    const struct part parts[] = {
        {"name", PART_NAME, &f->name, NULL},       {"title", PART_TITLE, &f->title, NULL},
        {"kind", PART_NAME, &f->kind, NULL},       {"x", PART_AXIS, &f->x, NULL},
        {"y", PART_CURVES, &f->metrics, NULL},     {"y2", PART_CURVES, &f->second, NULL},
        {"series", PART_AXIS, &f->series, NULL},   {"panel", PART_AXIS, &f->panel, NULL},
        {"where", PART_WHERE, &f->where, NULL},    {"baseline", PART_TITLE, &f->baseline, NULL},
        {"band", PART_CHOICE, &f->band, bands},    {"published", PART_CHOICE, &f->published, bools},
        {"width", PART_CHOICE, &f->width, widths}, {"font", PART_TITLE, &f->font, NULL},
        {"latex", PART_CHOICE, &latex, bools},     {0},
    };
    int rc = read_parts(parts, map, "figure", e);
    f->latex = str_eq(latex, "true");
    free(latex);
    if (rc < 0 || check_selects(r, f->where, map, e) < 0)
        return e->code;
    if (!f->name)
        return yaml_error(e, ERR_PARSE, map, "key 'name' of the figure is missing");
    for (size_t i = 0; i + 1 < r->n_figures; i++)
        if (str_eq(r->figures[i].name, f->name))
            return yaml_error(e, ERR_PARSE, map, "a second figure named '%s'", f->name);
    set_default(&f->title, f->name);
    if (figure_check(f, map, e) < 0)
        return e->code;
    if (!f->metrics)
        f->metrics = default_metrics(r, f->where);
    return 0;
}

/* One table for each protocol, in the order of the runs. */
static void default_tables(struct recipe *r)
{
    r->tables = mem_zero(r->n + 1, sizeof *r->tables); // at most one a run
    for (size_t i = 0; i < r->n; i++) {
        const char *protocol = r->runs[i].protocol;
        bool known = false;
        for (size_t t = 0; t < r->n_tables; t++)
            known |= str_eq(r->tables[t].name, protocol);
        if (known)
            continue;
        json_t *where = json_pack("{s:[s]}", "protocol", protocol);
        r->tables[r->n_tables++] = (struct recipe_table){
            .name = mem_strdup(protocol),
            .title = str_format("%s: %s", r->name, protocol),
            .rows = mem_strdup("method"),
            .columns = mem_strdup("dataset"),
            .metrics = default_metrics(r, where),
            .where = where,
        };
    }
}

int output_read(struct recipe *r, const struct entries *from, struct err *e)
{
    const struct entry *tables = entries_find(from, "table"), *figures;
    figures = entries_find(from, "figure");
    if (!tables) {
        default_tables(r);
    } else {
        const struct yaml_node *node = tables->value;
        bool list = node->kind == YAML_LIST;
        size_t n = list ? node->n : 1;
        r->tables = mem_zero(n + 1, sizeof *r->tables);
        for (size_t i = 0; i < n; i++)
            if (read_table(r, list ? node->items[i] : node, e) < 0)
                return e->code;
    }
    if (figures) {
        const struct yaml_node *node = figures->value;
        bool list = node->kind == YAML_LIST;
        size_t n = list ? node->n : 1;
        r->figures = mem_zero(n + 1, sizeof *r->figures);
        for (size_t i = 0; i < n; i++)
            if (read_figure(r, list ? node->items[i] : node, e) < 0)
                return e->code;
    }
    return 0;
}

void output_release(struct recipe *r)
{
    for (size_t i = 0; i < r->n_tables; i++) {
        struct recipe_table *t = &r->tables[i];
        free(t->name);
        free(t->title);
        free(t->rows);
        free(t->columns);
        free(t->group);
        free(t->interval);
        free(t->average);
        free(t->transpose);
        free(t->sort);
        free(t->delta);
        free_list(t->metrics);
        json_decref(t->where);
    }
    for (size_t i = 0; i < r->n_figures; i++) {
        struct recipe_figure *f = &r->figures[i];
        free(f->name);
        free(f->title);
        free(f->x);
        free(f->series);
        free(f->panel);
        free(f->kind);
        free(f->baseline);
        free(f->band);
        free(f->published);
        free(f->width);
        free(f->font);
        free_list(f->metrics);
        free_list(f->second);
        json_decref(f->where);
    }
    free(r->tables);
    free(r->figures);
}
