/* promptgrid compare RECIPE [A B]: two rows of a table by their images and over datasets; without
 * names, all rows by average rank. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/split.h"
#include "core/proto/spec.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/table_files.h"
#include "harness/cmd/where.h"
#include "results/compare.h"

#include <stdio.h>
#include <stdlib.h>

struct compare_args {
    struct cmd_common common;
    const char *recipe, *name;
    struct opt_list where;
};

/* ---- true labels, from the split files ---- */

static const struct plan_run *find_run(const struct plan *p, const char *id)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->runs[i].id, id))
            return &p->runs[i];
    BUG("run '%s' of a table is not in its plan", id);
}

static int truth(void *arg, const char *id, const char *part, int **labels, size_t *n,
                 struct err *e)
{
    const struct table_files *f = arg;
    const struct plan_run *run = find_run(&f->plan, id);
    const struct dataset_row *row = dataset_find(plan_text(run, "dataset"));
    struct split split = {0};
    int rc = split_load(&split, row, run->folder, e);
    if (rc < 0)
        return rc;
    if (!str_eq(split.hash, plan_text(run, "split"))) {
        split_release(&split);
        return err_set(e, ERR_CORRUPT, "the split of '%s' changed while it was read", row->name);
    }
    const struct split_list *test = &split.part[SPLIT_TEST];
    int base = split_base_classes(split.classes);
    *labels = mem_alloc(test->n + 1, sizeof **labels);
    *n = 0;
    for (size_t i = 0; i < test->n; i++) {
        int label = test->items[i].label;
        if (str_eq(part, "test") || str_eq(part, "base") == (label < base))
            (*labels)[(*n)++] = label;
    }
    split_release(&split);
    return 0;
}

/* ---- the command ---- */

static int print_pair(struct table_files *f, const struct table *t, char *const *names,
                      const struct cmd_common *common, struct err *e)
{
    struct comparison c;
    struct str out = STR_INIT;
    if (!f->store) {
        char *run = cmd_text_for(common, "run", f->plan.recipe->path);
        err_set(e, ERR_MISSING, "there are no results yet: %s", run);
        free(run);
        return e->code;
    }
    int rc = compare_rows(&c, t, f->store, names[0], names[1], truth, f, e);
    if (rc < 0)
        return rc;
    if (common->json) {
        cmd_print_json(compare_json(&c));
    } else {
        compare_text(&c, t, &out);
        fputs(out.data, stdout);
    }
    str_release(&out);
    compare_release(&c);
    return 0;
}

static void print_ranks(const struct table *t, bool json)
{
    struct str out = STR_INIT;
    json_t *ranks = compare_ranks(t);
    if (json) {
        cmd_print_json(ranks);
        return;
    }
    compare_ranks_text(ranks, &out);
    fputs(out.data, stdout);
    str_release(&out);
    json_decref(ranks);
}

static int compare(const struct compare_args *args, const char *recipe, char *const *names, int n,
                   struct err *e)
{
    struct table_files files = {0};
    const struct recipe_table *block;
    struct table *t = NULL;
    json_t *where = NULL;
    int rc;
    if ((rc = where_read(&where, &args->where, e)) < 0 ||
        (rc = table_files_open(&files, &args->common, recipe, e)) < 0 ||
        (rc = table_files_block(&files, args->name, &block, e)) < 0)
        goto out;
    struct table_options options = table_files_options(&files, block);
    options.delta = options.sort = NULL;
    rc = table_files_build(&t, &files, block, where, &options, e);
    if (rc == 0 && !t)
        rc = err_set(e, ERR_USAGE, "no run of table '%s' has the values of --where", block->name);
    if (rc == 0 && n)
        rc = print_pair(&files, t, names, &args->common, e);
    else if (rc == 0)
        print_ranks(t, args->common.json);
out:
    table_free(t);
    json_decref(where);
    table_files_release(&files);
    return rc;
}

int cmd_compare(const struct cmd *self, int argc, char **argv)
{
    struct compare_args args = {0};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(args.common),
        {"recipe", OPT_TEXT, &args.recipe, "RECIPE", "the recipe, if it is not the first word"},
        {"name", OPT_TEXT, &args.name, "TABLE", "the recipe's table (default: its first)"},
        {"where", OPT_LIST, &args.where, "AXIS=V,V", "only runs with these values; again: and"},
        {0},
    };
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 0, 3);
    if (status < 0) {
        int first = args.recipe ? 1 : 2, names = rest - first + 1;
        if (names != 0 && names != 2)
            err_set(&e, ERR_USAGE,
                    "expected a recipe and two rows of its table, or a recipe alone; usage: "
                    "promptgrid compare [options] %s",
                    self->arguments);
        else if ((status = compare(&args, args.recipe ? args.recipe : argv[1], argv + first, names,
                                   &e)) == 0)
            status = 0;
        if (e.code)
            status = log_fail(&e);
    }
    free(args.where.items);
    free(args.common.data.items);
    return status;
}
