/*
 * promptgrid report RECIPE: tables, figures, failures and provenance as one page. With --watch the
 * page is written again whenever its content has changed, until everything is done.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/system/proc.h"
#include "harness/cmd/report_gather.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WATCH_SECONDS = 5 };

struct options {
    struct cmd_common common;
    const char *out;
    bool watch;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    stopped = signal;
}

/* Write the page if it is another than `last`. *open: runs are still to come; *undrawn: figures
 * that could not be drawn. */
static int write_page(const struct options *o, const char *recipe, const char *path, int refresh,
                      char **last, bool *open, size_t *undrawn, struct err *e)
{
    struct report_data data;
    struct str page = STR_INIT;
    char *workspace = cmd_workspace(&o->common), *plots = fs_join(workspace, "plots");
    const char *const words[] = {"promptgrid", "report", recipe, "-o", path, NULL};
    char *command = proc_command_text(words);
    int rc = report_gather(&data, &o->common, recipe, plots, command, e);
    if (rc == 0) {
        *open = data.report.wanted > 0;
        *undrawn = data.undrawn;
        data.report.refresh = *open ? refresh : 0;
        report_html(&data.report, &page);
        if (!str_eq(page.data, *last)) {
            rc = o->out ? 0 : fs_make_folders(workspace, e);
            rc = rc < 0 ? rc : fs_write(path, page.data, page.size, e);
            free(*last);
            *last = str_detach(&page);
        }
    }
    str_release(&page);
    report_release(&data);
    free(command);
    free(plots);
    free(workspace);
    return rc;
}

static int watch(const struct options *o, const char *recipe, const char *path, size_t *undrawn,
                 struct err *e)
{
    static const struct timespec pause = {WATCH_SECONDS, 0};
    struct sigaction action = {.sa_handler = stop}; // a sleep that ends early
    char *last = NULL;
    bool open = true;
    int rc = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    while (rc == 0 && open && !stopped) {
        rc = write_page(o, recipe, path, WATCH_SECONDS, &last, &open, undrawn, e);
        if (rc == 0 && open && !stopped)
            nanosleep(&pause, NULL);
    }
    if (rc == 0 && stopped) // the page that stays does not load itself again
        rc = write_page(o, recipe, path, 0, &last, &open, undrawn, e);
    free(last);
    return rc;
}

int cmd_report(const struct cmd *self, int argc, char **argv)
{
    struct options o = {0};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"o", OPT_TEXT, &o.out, "FILE", "where to write (default: RECIPE.html in the workspace)"},
        {"watch", OPT_FLAG, &o.watch, NULL, "write it again while runs go on, until all are done"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        char *workspace = cmd_workspace(&o.common), *last = NULL;
        char *name = str_format("%.*s.html", (int)strcspn(fs_base(argv[1]), "."), fs_base(argv[1]));
        char *path = o.out ? mem_strdup(o.out) : fs_join(workspace, name);
        size_t undrawn = 0;
        bool open;
        int rc = o.watch ? watch(&o, argv[1], path, &undrawn, &e)
                         : write_page(&o, argv[1], path, 0, &last, &open, &undrawn, &e);
        if (rc < 0)
            status = log_fail(&e);
        else
            status = stopped ? 128 + stopped : undrawn ? 1 : 0;
        if (rc == 0 && o.common.json)
            cmd_print_json(json_pack("{s:s}", "path", path));
        else if (rc == 0)
            puts(path);
        free(last);
        free(path);
        free(name);
        free(workspace);
    }
    free(o.common.data.items);
    return status;
}
