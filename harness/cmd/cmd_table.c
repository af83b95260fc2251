/* promptgrid table RECIPE: the recipe's comparison tables, from whatever the store holds so far. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/columns.h"
#include "harness/recipe/recipe.h"
#include "harness/cmd/table_files.h"
#include "harness/cmd/where.h"
#include "results/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct table_args {
    struct cmd_common common;
    bool published, imported; // of `against`
    const char *against, *format, *name, *metrics, *interval, *average, *sort, *delta;
    bool transpose, strict;
    long width;
    struct opt_list where;
    char *command; // as it was given
};

enum { PAPER_COLUMNS = 100 }; // text that does not go to a terminal

static int check_choice(const char *what, const char *given, const char *a, const char *b,
                        struct err *e)
{
    if (!given || str_eq(given, a) || str_eq(given, b))
        return 0;
    return err_set(e, ERR_USAGE, "unknown %s '%s': expected '%s' or '%s'", what, given, a, b);
}

/* "published", "imported", or both with a comma. */
static int read_against(struct table_args *args, struct err *e)
{
    const char *rest = args->against;
    while (rest) {
        const size_t n = strcspn(rest, ",");
        const bool published = n == 9 && strncmp(rest, "published", n) == 0;
        if (!published && !(n == 8 && strncmp(rest, "imported", n) == 0))
            return err_set(e, ERR_USAGE,
                           "unknown baseline '%.*s': expected published, imported or both with a "
                           "comma",
                           (int)n, rest);
        *(published ? &args->published : &args->imported) = true;
        rest = rest[n] ? rest + n + 1 : NULL;
    }
    return 0;
}

static int check_args(const struct table_args *args, struct err *e)
{
    size_t i = 0;
    while (table_format_name(i) && !str_eq(args->format, table_format_name(i)))
        i++;
    if (!table_format_name(i) && !str_eq(args->format, "json"))
        return err_set(e, ERR_USAGE,
                       "unknown format '%s': expected text, markdown, latex, csv, html or json",
                       args->format);
    if (check_choice("interval", args->interval, "std", "t", e) < 0)
        return e->code;
    return check_choice("average", args->average, "H-of-averages", "mean-of-H", e);
}

/* "base,H" -> names, ended by NULL; free the array and *copy. */
static const char **split_names(const char *list, char **copy)
{
    size_t n = 0, capacity = 0;
    const char **names = NULL;
    *copy = mem_strdup(list);
    for (char *name = *copy, *end; name; name = end ? end + 1 : NULL) {
        end = strchr(name, ',');
        if (end)
            *end = 0;
        MEM_PUSH(names, n, capacity) = name;
    }
    MEM_PUSH(names, n, capacity) = NULL;
    return names;
}

/* The block's table with the command's options; NULL when --where selects none of its runs. */
static int build(struct table **out, const struct table_files *f, const struct recipe_table *block,
                 const struct table_args *args, const json_t *where, struct err *e)
{
    char *copy = NULL;
    const char **metrics = args->metrics ? split_names(args->metrics, &copy) : NULL;
    struct table_options o = table_files_options(f, block);
    o.command = args->command;
    o.against_published = args->published;
    o.transpose ^= args->transpose;
    if (metrics)
        o.metrics = metrics;
    if (args->average)
        o.mean_of_h = str_eq(args->average, "mean-of-H");
    if (args->interval)
        o.t_interval = str_eq(args->interval, "t");
    if (args->sort)
        o.sort = args->sort;
    if (args->delta || args->published)
        o.delta = args->delta;
    int rc = table_files_build(out, f, block, where, &o, e);
    free(metrics);
    free(copy);
    return rc;
}

/* {recipe, store, tables: [{name, title, published, runs, done, ...}], rows: [{table, ...}]} */
static void add_json(json_t *all, const struct table *t, const struct recipe_table *block)
{
    size_t i;
    json_t *row, *rows = table_json(t), *head = table_origin_json(t);
    json_object_set_new(head, "name", json_string(block->name));
    json_object_set_new(head, "title", json_string(block->title));
    json_object_set_new(head, "published", table_published_json(t));
    json_array_append_new(json_object_get(all, "tables"), head);
    json_array_foreach(rows, i, row)
    {
        json_object_set_new(row, "table", json_string(block->name));
    }
    json_array_extend(json_object_get(all, "rows"), rows);
    json_decref(rows);
}

/* Text on a terminal has colours, unless NO_COLOR says no. */
static const char *format_of(const struct table_args *args)
{
    const char *none = getenv("NO_COLOR");
    bool colours = isatty(STDOUT_FILENO) && !(none && *none);
    return str_eq(args->format, "text") && colours ? "terminal" : args->format;
}

static int width_of(const struct table_args *args)
{
    if (args->width > 0)
        return args->width < 100000 ? (int)args->width : 100000;
    return str_eq(args->format, "text") ? columns_terminal(PAPER_COLUMNS) : 0;
}

/* Something that does not hold is no error of the command: it is said, and the status is 1. */
static int check(const struct table *t)
{
    struct err e = {0};
    if (table_check(t, &e) == 0)
        return 0;
    log_error("%s; run them again with the same code and data, or leave out --strict", e.text);
    return 1;
}

static int put_table(const struct table *t, const struct table_args *args, const char *format,
                     bool first, struct str *out, struct err *e)
{
    if (!first && !str_eq(format, "csv"))
        str_addc(out, '\n');
    return table_format(t, format, width_of(args), out, e);
}

static int print_tables(const struct table_files *f, const struct table_args *args,
                        const json_t *where, struct err *e)
{
    const struct recipe *r = f->plan.recipe;
    const char *format = format_of(args);
    struct str out = STR_INIT;
    json_t *json = json_pack("{s:s, s:s, s:s, s:s?, s:[], s:[]}", "recipe", r->name,
                             "recipe_sha256", r->sha256, "command", args->command, "store",
                             f->store ? store_path(f->store) : NULL, "tables", "rows");
    int rc = 0;
    size_t n = 0;
    table_open_file(format, r->name, &out);
    for (size_t i = 0; i < r->n_tables && rc == 0; i++) {
        struct table *t;
        if (args->name && !str_eq(args->name, r->tables[i].name))
            continue;
        rc = build(&t, f, &r->tables[i], args, where, e);
        if (rc < 0 || !t)
            continue;
        rc = args->strict ? check(t) : 0;
        if (rc == 0 && str_eq(format, "json"))
            add_json(json, t, &r->tables[i]);
        else if (rc == 0)
            rc = put_table(t, args, format, n == 0, &out, e);
        n++;
        table_free(t);
    }
    table_close_file(format, &out);
    if (rc == 0 && n == 0)
        rc = err_set(e, ERR_USAGE, "no run of the recipe's tables has the values of --where");
    if (rc == 0 && str_eq(format, "json"))
        cmd_print_json(json_incref(json));
    else if (rc == 0)
        fputs(out.data, stdout);
    json_decref(json);
    str_release(&out);
    return rc;
}

static int show(struct table_args *args, const char *path, struct err *e)
{
    struct table_files files = {0};
    const struct recipe_table *block;
    json_t *where = NULL;
    int rc = check_args(args, e);
    if (rc == 0)
        rc = read_against(args, e);
    if (rc == 0 && (rc = where_read(&where, &args->where, e)) == 0)
        rc = table_files_open(&files, &args->common, path, e);
    files.imported = args->imported;
    if (rc == 0 && (rc = table_files_block(&files, args->name, &block, e)) == 0)
        rc = print_tables(&files, args, where, e);
    json_decref(where);
    table_files_release(&files);
    return rc;
}

int cmd_table(const struct cmd *self, int argc, char **argv)
{
    struct table_args args = {.format = "text"};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(args.common),
        {"against", OPT_TEXT, &args.against, "published|imported",
         "show published numbers, or runs that import-logs took in, beside ours; both: a,b"},
        {"format", OPT_TEXT, &args.format, "text|markdown|latex|csv|html|json",
         "what to print (default: text)"},
        {"name", OPT_TEXT, &args.name, "TABLE", "only this table of the recipe"},
        {"metrics", OPT_TEXT, &args.metrics, "M,M",
         "base, new, H, accuracy, macro-F1, base-F1, new-F1, parameters, time"},
        {"where", OPT_LIST, &args.where, "AXIS=V,V", "only runs with these values; again: and"},
        {"sort", OPT_TEXT, &args.sort, "COLUMN[:METRIC]", "best row first; 'row': by label"},
        {"delta", OPT_TEXT, &args.delta, "METHOD", "differences from this row or method"},
        {"interval", OPT_TEXT, &args.interval, "std|t",
         "deviation over seeds, or half of Student's 95 % interval (default: std)"},
        {"average", OPT_TEXT, &args.average, "H-of-averages|mean-of-H",
         "how H enters the Average (default: H-of-averages)"},
        {"transpose", OPT_FLAG, &args.transpose, NULL, "rows and columns change places"},
        {"width", OPT_COUNT, &args.width, "N", "characters of text, points of LaTeX, for a line"},
        {"strict", OPT_FLAG, &args.strict, NULL,
         "refuse to mix runs of different code, device, data, weights, precision or version"},
        {0},
    };
    int rest;
    args.command = cmd_text_given(self->name, argc, argv);
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        if (args.common.json)
            args.format = "json";
        status = show(&args, argv[1], &e);
        if (status < 0)
            status = log_fail(&e);
    }
    free(args.command);
    free(args.where.items);
    free(args.common.data.items);
    return status;
}
