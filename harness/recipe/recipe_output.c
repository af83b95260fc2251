/* Tables and figures that a recipe asks for: reading, checks and defaults. */
#include "harness/recipe/recipe_output.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/recipe/figure_check.h"
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

/* choices: words separated by '|' */
static int read_choice(const struct yaml_node *node, const char *choices, char **out, struct err *e)
{
    if (node->kind != YAML_SCALAR)
        return yaml_error(e, ERR_PARSE, node, "expected one word");
    const struct method_key key = {"choice", KEY_CHOICE, 0, 0, choices, NULL, NULL};
    json_t *value;
    if (value_read(&key, node, &value, e) < 0)
        return e->code;
    *out = mem_strdup(json_string_value(value));
    json_decref(value);
    return 0;
}

static int read_flag(const struct yaml_node *node, const char *choices, bool *out, struct err *e)
{
    char *word = NULL;
    if (read_choice(node, choices, &word, e) < 0)
        return e->code;
    *out = str_eq(word, "true");
    free(word);
    return 0;
}

static int read_points(const struct yaml_node *node, double *out, struct err *e)
{
    if (node->kind != YAML_SCALAR || !str_to_double(node->text, out) || !(*out > 0 && *out <= 100))
        return yaml_error(e, ERR_RANGE, node, "expected a number of points from 0 to 100");
    return 0;
}

/* One key of a table or figure block: how it is read, where it goes, and what its reference says.
 */
enum part_kind {
    PART_NAME,
    PART_TITLE,
    PART_AXIS,
    PART_METRICS, // of tables
    PART_CURVES,  // metrics of figures
    PART_WHERE,
    PART_CHOICE,
    PART_FLAG, // true or false
    PART_POINTS,
};

static const struct part {
    const char *name;
    enum part_kind kind;
    size_t field;        // offset in struct recipe_table or recipe_figure
    const char *choices; // PART_CHOICE, PART_FLAG: words separated by '|'
    const char *preset, *help;
} table_parts[] =
    {
        {"name", PART_NAME, offsetof(struct recipe_table, name), NULL, NULL,
         "name of the table, for 'promptgrid table --name' (must be given)"},
        {"title", PART_TITLE, offsetof(struct recipe_table, title), NULL, NULL,
         "line above it (default: its name)"},
        {"rows", PART_AXIS, offsetof(struct recipe_table, rows), NULL, "method",
         "axis whose values are rows"},
        {"columns", PART_AXIS, offsetof(struct recipe_table, columns), NULL, "dataset",
         "axis whose values are columns"},
        {"group", PART_AXIS, offsetof(struct recipe_table, group), NULL, NULL,
         "axis of headings above the rows"},
        {"metrics", PART_METRICS, offsetof(struct recipe_table, metrics), NULL, NULL,
         "what a cell shows (default: base, new and H, or accuracy, by the protocol)"},
        {"where", PART_WHERE, offsetof(struct recipe_table, where), NULL, NULL,
         "only runs with these values of axes"},
        {"interval", PART_CHOICE, offsetof(struct recipe_table, interval), "std|t", "std",
         "beside a mean: deviation over seeds, or half of Student's 95 % interval"},
        {"average", PART_CHOICE, offsetof(struct recipe_table, average), "H-of-averages|mean-of-H",
         "H-of-averages", "how H enters the column Average"},
        {"transpose", PART_CHOICE, offsetof(struct recipe_table, transpose), "true|false", "false",
         "rows and columns change places"},
        {"sort", PART_TITLE, offsetof(struct recipe_table, sort), NULL, NULL,
         "column, or column:metric, by which rows are sorted, best first; row: by label"},
        {"delta", PART_TITLE, offsetof(struct recipe_table, delta), NULL, NULL,
         "show differences from this row or method"},
        {"tolerance", PART_POINTS, offsetof(struct recipe_table, tolerance), NULL, NULL,
         "percent points to a published number that count as the same (default: 0.5 or half of "
         "Student's interval, whichever is larger)"},
        {0},
},
  figure_parts[] = {
      {"name", PART_NAME, offsetof(struct recipe_figure, name), NULL, NULL,
       "name of the figure and of its files (must be given)"},
      {"title", PART_TITLE, offsetof(struct recipe_figure, title), NULL, NULL,
       "line above it (default: its name)"},
      {"kind", PART_NAME, offsetof(struct recipe_figure, kind), NULL, "curve",
       "what is drawn; the kinds are listed below"},
      {"x", PART_AXIS, offsetof(struct recipe_figure, x), NULL, NULL, "axis along the abscissa"},
      {"y", PART_CURVES, offsetof(struct recipe_figure, metrics), NULL, NULL,
       "a metric or a list of them (default: by kind and protocol)"},
      {"y2", PART_CURVES, offsetof(struct recipe_figure, second), NULL, NULL,
       "metrics of the right axis"},
      {"series", PART_AXIS, offsetof(struct recipe_figure, series), NULL, "method",
       "axis whose values are lines"},
      {"panel", PART_AXIS, offsetof(struct recipe_figure, panel), NULL, NULL,
       "axis whose values are pictures side by side, and their average"},
      {"where", PART_WHERE, offsetof(struct recipe_figure, where), NULL, NULL,
       "only runs with these values of axes"},
      {"baseline", PART_TITLE, offsetof(struct recipe_figure, baseline), NULL, NULL,
       "row or method that bars are differences from"},
      {"band", PART_CHOICE, offsetof(struct recipe_figure, band), "interval|deviation|none",
       "interval", "spread over seeds: half of Student's 95 % interval, the deviation, nothing"},
      {"published", PART_CHOICE, offsetof(struct recipe_figure, published), "true|false", "true",
       "published numbers beside ours"},
      {"width", PART_CHOICE, offsetof(struct recipe_figure, width), "single|double", NULL,
       "a column or the page of a journal (default: by the number of panels)"},
      {"font", PART_TITLE, offsetof(struct recipe_figure, font), NULL, NULL, "name of the font"},
      {"latex", PART_FLAG, offsetof(struct recipe_figure, latex), "true|false", "false",
       "also a picture to be \\input, whose text LaTeX sets"},
      {0},
};

static int read_part(const struct part *part, const struct yaml_node *node, void *block,
                     struct err *e)
{
    void *out = (char *)block + part->field;
    switch (part->kind) {
    case PART_NAME:
        return name_read(node, part->name, out, e);
    case PART_TITLE:
        return text_read(node, part->name, out, e);
    case PART_AXIS:
        return read_axis(node, out, e);
    case PART_METRICS:
        return read_metrics(node, table_metric_name, out, e);
    case PART_CURVES:
        return read_metrics(node, figure_metric, out, e);
    case PART_WHERE:
        return condition_read(node, out, e);
    case PART_CHOICE:
        return read_choice(node, part->choices, out, e);
    case PART_FLAG:
        return read_flag(node, part->choices, out, e);
    case PART_POINTS:
        return read_points(node, out, e);
    }
    BUG("part %d", (int)part->kind);
}

/* Read the keys of `map` by the rows of `parts`, which ends with a NULL name, into `block`. */
static int read_parts(const struct part *parts, const struct yaml_node *map, const char *what,
                      void *block, struct err *e)
{
    if (map->kind != YAML_MAP)
        return yaml_error(e, ERR_PARSE, map, "expected a map that describes a %s", what);
    for (size_t i = 0; i < map->n; i++) {
        const struct yaml_node *name = map->items[2 * i];
        const struct part *part = parts;
        while (part->name && !str_eq(part->name, name->text))
            part++;
        if (part->name) {
            if (read_part(part, map->items[2 * i + 1], block, e) < 0)
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
    struct recipe_table *t = &r->tables[r->n_tables++];
    if (read_parts(table_parts, map, "table", t, e) < 0 || check_selects(r, t->where, map, e) < 0)
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
    struct recipe_figure *f = &r->figures[r->n_figures++];
    if (read_parts(figure_parts, map, "figure", f, e) < 0 || check_selects(r, f->where, map, e) < 0)
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

static const char *const part_values[] = {
    [PART_NAME] = "name",
    [PART_TITLE] = "text",
    [PART_AXIS] = "axis",
    [PART_METRICS] = "metric or list",
    [PART_CURVES] = "metric or list",
    [PART_WHERE] = "{axis: value or list}",
    [PART_POINTS] = "number up to 100",
};

void output_describe(bool figure, recipe_describe *row, void *arg)
{
    for (const struct part *p = figure ? figure_parts : table_parts; p->name; p++)
        row(arg, p->name, p->choices ? p->choices : part_values[p->kind], p->preset, p->help);
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
