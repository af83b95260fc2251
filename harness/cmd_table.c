/* promptgrid table RECIPE: the recipe's comparison tables, from whatever the store holds so far. */
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd.h"
#include "harness/plan.h"
#include "harness/recipe.h"
#include "harness/table_runs.h"
#include "results/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct table_args {
    struct cmd_common common;
    const char *against, *format, *name;
};

enum { PAPER_COLUMNS = 100 }; // text that does not go to a terminal

/* Columns of the terminal on stdout, of $COLUMNS, or a page's. */
static int text_columns(void)
{
    struct winsize size;
    long columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *given = getenv("COLUMNS");
    return given && str_to_long(given, 20, 10000, &columns) ? (int)columns : PAPER_COLUMNS;
}

static int check_args(const struct table_args *args, struct err *e)
{
    static const char *const formats[] = {"text", "markdown", "csv", "json"};
    size_t n = sizeof formats / sizeof formats[0], i = 0;
    while (i < n && !str_eq(args->format, formats[i]))
        i++;
    if (i == n)
        return err_set(e, ERR_USAGE, "unknown format '%s': expected text, markdown, csv or json",
                       args->format);
    if (args->against && !str_eq(args->against, "published"))
        return err_set(e, ERR_USAGE, "unknown baseline '%s': expected 'published'", args->against);
    return 0;
}

/* One line of names of the recipe's tables, for a wrong --name. */
static int check_name(const struct recipe *r, const char *name, struct err *e)
{
    struct str known = STR_INIT;
    for (size_t i = 0; i < r->n_tables; i++) {
        if (!name || str_eq(r->tables[i].name, name)) {
            str_release(&known);
            return 0;
        }
        str_addf(&known, "%s'%s'", i ? ", " : "", r->tables[i].name);
    }
    if (name)
        err_set(e, ERR_USAGE, "recipe '%s' has no table '%s'; its tables are %s", r->name, name,
                known.data);
    else
        err_set(e, ERR_USAGE, "recipe '%s' has no table", r->name);
    str_release(&known);
    return e->code;
}

static int build(struct table **out, const struct plan *plan, const struct recipe_table *block,
                 const struct table_args *args, const char *published, struct store *store,
                 struct err *e)
{
    struct table_runs runs;
    const struct table_options options = {
        .name = block->name,
        .title = block->title,
        .metrics = (const char *const *)block->metrics,
        .against_published = args->against != NULL,
        .published_folder = published,
    };
    table_runs_init(&runs, plan, block);
    int rc = table_build(out, store, runs.runs, runs.n, &options, e);
    table_runs_release(&runs);
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

static int print_tables(const struct plan *plan, const struct table_args *args,
                        const char *published, struct store *store, struct err *e)
{
    const struct recipe *r = plan->recipe;
    const char *format = args->format;
    struct str out = STR_INIT;
    json_t *json = json_pack("{s:s, s:s?, s:[], s:[]}", "recipe", r->name, "store",
                             store ? store_path(store) : NULL, "tables", "rows");
    if (str_eq(format, "text") && isatty(STDOUT_FILENO))
        format = "terminal";
    int rc = 0;
    bool first = true;
    for (size_t i = 0; i < r->n_tables && rc == 0; i++) {
        struct table *t;
        if (args->name && !str_eq(args->name, r->tables[i].name))
            continue;
        rc = build(&t, plan, &r->tables[i], args, published, store, e);
        if (rc < 0)
            break;
        if (str_eq(format, "json")) {
            add_json(json, t, &r->tables[i]);
        } else {
            str_add(&out, first ? "" : "\n");
            rc = table_format(t, format, text_columns(), &out, e);
        }
        first = false;
        table_free(t);
    }
    if (rc == 0 && str_eq(format, "json"))
        cmd_print_json(json_incref(json));
    else if (rc == 0)
        fputs(out.data, stdout);
    json_decref(json);
    str_release(&out);
    return rc;
}

static int show(const struct table_args *args, const char *path, struct err *e)
{
    struct roots roots = {0};
    struct plan plan = {0};
    struct store *store = NULL;
    char *workspace = cmd_workspace(&args->common), *published = NULL;
    int rc = check_args(args, e);
    if (rc < 0 || (rc = roots_open(&roots, args->common.data.items, args->common.data.n, e)) < 0 ||
        (rc = cmd_open_store(&args->common, &store, e)) < 0 ||
        (rc = plan_load(&plan, path, &roots, store, workspace, e)) < 0 ||
        (rc = check_name(plan.recipe, args->name, e)) < 0)
        goto out;
    published = fs_join(roots.home, "results/published");
    rc = print_tables(&plan, args, published, store, e);
out:
    free(published);
    plan_release(&plan);
    store_close(store);
    roots_release(&roots);
    free(workspace);
    return rc;
}

int cmd_table(const struct cmd *self, int argc, char **argv)
{
    struct table_args args = {.format = "text"};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(args.common),
        {"against", OPT_TEXT, &args.against, "published", "show published numbers beside ours"},
        {"format", OPT_TEXT, &args.format, "F", "text, markdown, csv or json (default: text)"},
        {"name", OPT_TEXT, &args.name, "TABLE", "only this table of the recipe"},
        {0},
    };
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        if (args.common.json)
            args.format = "json";
        status = show(&args, argv[1], &e) < 0 ? cmd_fail(&e) : 0;
    }
    free(args.common.data.items);
    return status;
}
