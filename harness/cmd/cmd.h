/*
 * The commands of `promptgrid`. One file a command (cmd_NAME.c), one row in the table of cmd.c.
 *
 * A command parses its own options from a table that begins with CMD_COMMON, prints its result on
 * stdout and its error through log_fail, and returns the program's exit status: 0 all well, 1 some
 * runs failed or something does not hold, 2 usage or recipe error, 3 environment, 130 interrupted.
 */
#ifndef PROMPTGRID_HARNESS_CMD_H
#define PROMPTGRID_HARNESS_CMD_H

#include "core/base/err.h"
#include "core/base/opt.h"
#include "core/data/catalogue.h"
#include "results/store.h"

#include <jansson.h>

/* Options that every command has. */
struct cmd_common {
    const char *workspace; // NULL: $PROMPTGRID_WORKSPACE, else ./workspace
    struct opt_list data;  // empty: $PROMPTGRID_DATA
    bool json;
};

#define CMD_COMMON(common)                                                                         \
    {"workspace", OPT_TEXT, &(common).workspace, "DIR",                                            \
     "results and banks (default: $PROMPTGRID_WORKSPACE, else ./workspace)"},                      \
        {"data", OPT_LIST, &(common).data, "DIR",                                                  \
         "folder of datasets; may be given again (default: $PROMPTGRID_DATA)"},                    \
    {                                                                                              \
        "json", OPT_FLAG, &(common).json, NULL, "print JSON"                                       \
    }

/* The arguments of a command that is a group of others, which its --help lists as "  NAME ...". */
#define CMD_GROUP "COMMAND"

struct cmd {
    const char *name, *arguments, *about; // "run", "RECIPE", "run what is missing of a recipe"
    int (*run)(const struct cmd *self, int argc, char **argv);
};

extern const struct cmd cmds[]; // ends with a NULL name
const struct cmd *cmd_find(const char *name);

int cmd_run(const struct cmd *self, int argc, char **argv);
int cmd_plan(const struct cmd *self, int argc, char **argv);
int cmd_status(const struct cmd *self, int argc, char **argv);
int cmd_table(const struct cmd *self, int argc, char **argv);
int cmd_compare(const struct cmd *self, int argc, char **argv);
int cmd_plot(const struct cmd *self, int argc, char **argv);
int cmd_report(const struct cmd *self, int argc, char **argv);
int cmd_show(const struct cmd *self, int argc, char **argv);
int cmd_check(const struct cmd *self, int argc, char **argv);
int cmd_repair(const struct cmd *self, int argc, char **argv);
int cmd_collect(const struct cmd *self, int argc, char **argv);
int cmd_merge(const struct cmd *self, int argc, char **argv);
int cmd_gc(const struct cmd *self, int argc, char **argv);
int cmd_import_logs(const struct cmd *self, int argc, char **argv);
int cmd_import_csv(const struct cmd *self, int argc, char **argv);
int cmd_export(const struct cmd *self, int argc, char **argv);
int cmd_reproduce(const struct cmd *self, int argc, char **argv);
int cmd_methods(const struct cmd *self, int argc, char **argv);
int cmd_runner(const struct cmd *self, int argc, char **argv);  // embed, tokenize: as the runner
int cmd_weights(const struct cmd *self, int argc, char **argv); // weights list, fetch, ...
int cmd_data(const struct cmd *self, int argc, char **argv);    // data list, check, ...
int cmd_init(const struct cmd *self, int argc, char **argv);
int cmd_doctor(const struct cmd *self, int argc, char **argv);
int cmd_reference(const struct cmd *self, int argc, char **argv);

/* Parse argv with `table`; -1 to go on, otherwise the exit status (help was shown, or an error).
 * argv[1..*rest] are then the words, whose number must be within min..max. */
int cmd_options(const struct cmd *self, const struct opt *table, int argc, char **argv, int *rest,
                int min, int max);

/* Flush stdout; a failed write (full disk, closed pipe) is an error: the exit status. */
int cmd_finish(int status);

/* JSON to stdout, indented, keys in insertion order; takes the reference. */
void cmd_print_json(json_t *value);

/* The same of an array that is too long to be held: its items one by one, which are taken. */
void cmd_print_item(json_t *item, size_t before);
void cmd_print_items_end(size_t n);

/* Commands as they are to be typed, quoted for a shell; yours to free(). Given: argv[1..] as they
 * are before cmd_options, behind a command's name. For: another command about the same recipe
 * (NULL: one that needs none), in the same workspace and with the same data. */
char *cmd_text_given(const char *name, int argc, char **argv);
char *cmd_text_for(const struct cmd_common *c, const char *name, const char *recipe);

/* Paths below the workspace; yours to free(). */
char *cmd_workspace(const struct cmd_common *c);
char *cmd_store_path(const struct cmd_common *c); // <workspace>/promptgrid.sqlite

/* ERR_MISSING when the store is not there: for commands that write one, but do not make one. */
int cmd_need_store(const char *path, struct err *e);

/* The store for reading, or NULL in *out when there is none yet (no error). */
int cmd_open_store(const struct cmd_common *c, struct store **out, struct err *e);

#endif
