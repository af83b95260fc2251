/* See show_cell.h. */
#include "harness/cmd/show_cell.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/sched/progress.h"
#include "harness/cmd/table_files.h"
#include "results/lines.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static char *code_text(const json_t *code)
{
    const char *commit = text_at(code, "commit");
    if (!json_is_object(code))
        return mem_strdup("-");
    return str_format("%.10s%s", *commit ? commit : "none",
                      json_is_true(json_object_get(code, "dirty")) ? "+changed" : "");
}

static void add_run(struct lines *l, const json_t *run)
{
    const char *metric, *state = text_at(run, "state");
    json_t *value;
    char took[32] = "-";
    if (json_is_number(json_object_get(run, "seconds")))
        progress_seconds(json_number_value(json_object_get(run, "seconds")), took);
    lines_add(l, str_format("%.12s", *text_at(run, "run") ? text_at(run, "run") : "-"));
    lines_add_visible(l, text_at(run, "column"));
    lines_add(l, mem_strdup(*state ? state : "not tried"));
    lines_add(l, code_text(json_object_get(run, "code")));
    lines_add(l, str_format("%d", (int)json_integer_value(json_object_get(run, "seed"))));
    json_object_foreach(json_object_get(run, "values"), metric, value)
    {
        lines_add(l, json_is_number(value) ? str_format("%.2f", json_number_value(value))
                                           : mem_strdup("-"));
    }
    lines_add(l, mem_strdup(took));
}

static void add_titles(struct lines *l, const json_t *run)
{
    static const char *const titles[] = {"RUN", "COLUMN", "STATE", "CODE", "SEED"};
    const char *metric;
    json_t *value;
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        lines_add(l, mem_strdup(titles[i]));
    json_object_foreach(json_object_get(run, "values"), metric, value)
    {
        lines_add(l, mem_strdup(metric));
    }
    lines_add(l, mem_strdup("TOOK"));
}

static void print_runs(const json_t *runs)
{
    struct str out = STR_INIT;
    struct lines l = {0};
    size_t i;
    json_t *run, *first = json_array_get(runs, 0);
    l.columns = 6 + json_object_size(json_object_get(first, "values"));
    add_titles(&l, first);
    json_array_foreach(runs, i, run)
    {
        add_run(&l, run);
    }
    lines_put(&l, 4, &out);
    json_array_foreach(runs, i, run)
    {
        if (!*text_at(run, "reason"))
            continue;
        char *reason = str_visible(text_at(run, "reason"));
        str_addf(&out, "%.12s: %s\n", text_at(run, "run"), reason);
        free(reason);
    }
    fputs(out.data, stdout);
    str_release(&out);
}

static bool all_done(const json_t *runs)
{
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run)
    {
        if (!str_eq(text_at(run, "state"), "done"))
            return false;
    }
    return true;
}

int show_cell(const struct cmd_common *common, const char *recipe, char *const words[3],
              struct err *e)
{
    struct table_files files = {0};
    const struct recipe_table *block;
    struct table *t = NULL;
    json_t *runs = NULL;
    int rc;
    if ((rc = table_files_open(&files, common, recipe, e)) < 0 ||
        (rc = table_files_block(&files, words[0], &block, e)) < 0)
        goto out;
    struct table_options options = table_files_options(&files, block);
    if ((rc = table_files_build(&t, &files, block, NULL, &options, e)) < 0 ||
        (rc = table_cell_runs(t, words[1], words[2], &runs, e)) < 0)
        goto out;
    rc = !all_done(runs);
    if (common->json)
        cmd_print_json(json_incref(runs));
    else if (json_array_size(runs))
        print_runs(runs);
    else
        puts("the recipe wants no run here");
out:
    json_decref(runs);
    table_free(t);
    table_files_release(&files);
    return rc;
}
