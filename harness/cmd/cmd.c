/* The table of commands and what they share: see cmd.h. Add a command: one row here, one function
 * in cmd_NAME.c. */
#include "harness/cmd/cmd.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/memory.h"
#include "harness/system/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cmd cmds[] = {
    {"init", "DIR", "a commented recipe that runs, to begin with", cmd_init},
    {"run", "RECIPE", "run what is missing of a recipe; the same command again goes on", cmd_run},
    {"retry", "RECIPE", "run again what failed of a recipe, and nothing else", cmd_run},
    {"plan", "RECIPE", "list every run of a recipe and why it will run or not", cmd_plan},
    {"status", "RECIPE", "count the runs of a recipe by state", cmd_status},
    {"table", "RECIPE", "compare methods over datasets, beside published numbers", cmd_table},
    {"compare", "RECIPE [A B]", "test two methods against each other; alone: average ranks",
     cmd_compare},
    {"plot", "RECIPE", "draw the figures of a recipe", cmd_plot},
    {"report", "RECIPE", "tables, figures, failures and provenance as one HTML page", cmd_report},
    {"show", "RUN", "everything that is known about one run", cmd_show},
    {"doctor", "[RECIPE]", "what would stop a run on this machine, and how to mend it", cmd_doctor},
    {"check", "[RECIPE]", "prove results and files against their hashes; changes nothing",
     cmd_check},
    {"repair", "", "set damaged files aside and keep what verifies", cmd_repair},
    {"collect", "", "read what Slurm tasks have done into the results", cmd_collect},
    {"merge", "STORE", "take in the results of another workspace's promptgrid.sqlite", cmd_merge},
    {"import-logs", "DIR", "take in results of CoOp's and other Dassl trainers' logs",
     cmd_import_logs},
    {"import-csv", "FILE...", "take in numbers of papers, each with its source, for table",
     cmd_import_csv},
    {"gc", "[RECIPE...]", "remove feature banks that no recipe needs", cmd_gc},
    {"export", "RECIPE", "everything about the results of a recipe in one archive", cmd_export},
    {"reproduce", "RECIPE|RUN|BUNDLE", "run recorded runs again and compare number by number",
     cmd_reproduce},
    {"methods", "[METHOD]", "list the methods, or the parameters of one", cmd_methods},
    {"embed", "", "features of texts and images", cmd_runner},
    {"tokenize", "TEXT...", "token ids of texts", cmd_runner},
    {"data", CMD_GROUP, "list, check and sample datasets; make a missing split", cmd_data},
    {"prompt", CMD_GROUP, "show, explain, test, export and import learned prompts", cmd_runner},
    {"classify", "IMAGE...", "the most probable classes of images, by a prompt or class names",
     cmd_runner},
    {"weights", CMD_GROUP, "list, fetch, import and check CLIP's weights", cmd_weights},
    {"reference", "[NAME]", "manual pages, the reference of recipes, completions of shells",
     cmd_reference},
    {0},
};

const struct cmd *cmd_find(const char *name)
{
    for (const struct cmd *c = cmds; c->name; c++)
        if (str_eq(c->name, name))
            return c;
    return NULL;
}

static void help(const struct cmd *self, const struct opt *table)
{
    opt_print_help(table, "usage: promptgrid %s [options]%s%s\n\n%s\n\n", self->name,
                   *self->arguments ? " " : "", self->arguments, self->about);
}

int cmd_options(const struct cmd *self, const struct opt *table, int argc, char **argv, int *rest,
                int min, int max)
{
    struct err e = {0};
    json_checked_memory();
    int rc = opt_parse(table, argc, argv, rest, &e);
    if (rc > 0) {
        help(self, table);
        return 0;
    }
    if (rc < 0)
        return log_fail(&e);
    if (*rest > max)
        err_set(&e, ERR_USAGE, "unexpected word '%s'; usage: promptgrid %s [options]%s%s",
                argv[max + 1], self->name, *self->arguments ? " " : "", self->arguments);
    else if (*rest < min)
        err_set(&e, ERR_USAGE, "a word is missing; usage: promptgrid %s [options]%s%s", self->name,
                *self->arguments ? " " : "", self->arguments);
    return e.code ? log_fail(&e) : -1;
}

int cmd_finish(int status)
{
    // Errors of earlier writes are remembered by the stream; errno may then be of another call.
    bool earlier = ferror(stdout);
    if (fflush(stdout) == 0 && !earlier)
        return status;
    log_error("unable to write to stdout: %s", strerror(errno));
    return status ? status : 3;
}

enum { JSON_STYLE = JSON_INDENT(2) | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY };

void cmd_print_json(json_t *value)
{
    BUG_IF(!value);
    json_dumpf(value, stdout, JSON_STYLE); // what cannot be written, cmd_finish says
    putchar('\n');
    json_decref(value);
}

void cmd_print_item(json_t *item, size_t before)
{
    char *text = json_dumps(item, JSON_STYLE);
    BUG_IF(!text);
    fputs(before ? ",\n  " : "[\n  ", stdout);
    for (const char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        end += *end == '\n';
        fwrite(line, 1, (size_t)(end - line), stdout);
        if (end[-1] == '\n')
            fputs("  ", stdout);
    }
    free(text);
    json_decref(item);
}

void cmd_print_items_end(size_t n)
{
    puts(n ? "\n]" : "[]");
}

char *cmd_text_given(const char *name, int argc, char **argv)
{
    const char **words = mem_zero((size_t)argc + 2, sizeof *words);
    words[0] = "promptgrid";
    words[1] = name;
    for (int i = 1; i < argc; i++)
        words[1 + i] = argv[i];
    char *text = proc_command_text(words);
    free(words);
    return text;
}

char *cmd_text_for(const struct cmd_common *c, const char *name, const char *recipe)
{
    const char **words = mem_zero(6 + 2 * c->data.n, sizeof *words);
    size_t n = 0;
    words[n++] = "promptgrid";
    words[n++] = name;
    if (recipe)
        words[n++] = recipe;
    if (c->workspace) {
        words[n++] = "--workspace";
        words[n++] = c->workspace;
    }
    for (size_t i = 0; i < c->data.n; i++) {
        words[n++] = "--data";
        words[n++] = c->data.items[i];
    }
    char *text = proc_command_text(words);
    free(words);
    return text;
}

char *cmd_workspace(const struct cmd_common *c)
{
    const char *given = c->workspace ? c->workspace : getenv("PROMPTGRID_WORKSPACE");
    return mem_strdup(given && *given ? given : "workspace");
}

char *cmd_store_path(const struct cmd_common *c)
{
    char *workspace = cmd_workspace(c), *path = fs_join(workspace, "promptgrid.sqlite");
    free(workspace);
    return path;
}

int cmd_need_store(const char *path, struct err *e)
{
    return fs_is_file(path) ? 0
                            : err_set(e, ERR_MISSING, "no results yet: '%s' is not there", path);
}

int cmd_open_store(const struct cmd_common *c, struct store **out, struct err *e)
{
    char *path = cmd_store_path(c);
    int rc = store_open(out, path, STORE_READ, e);
    if (rc == ERR_MISSING) {
        *out = NULL;
        rc = 0;
    }
    free(path);
    return rc;
}
