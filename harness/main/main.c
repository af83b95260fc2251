/* promptgrid: plans, schedules, records and reports. The commands are in harness/cmd/cmd_*.c. */
#include "core/base/log.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/system/version.h"

#include <signal.h>
#include <stdio.h>

static void usage(FILE *to)
{
    fprintf(to, "usage: promptgrid COMMAND ...\n\n");
    for (const struct cmd *c = cmds; c->name; c++)
        fprintf(to, "  %-9s %-10s %s\n", c->name, c->arguments, c->about);
    fprintf(to, "\n'promptgrid COMMAND --help' lists a command's options\n");
}

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); // a file-size limit is an error to report, not a reason to die
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help")) {
        usage(stdout);
        return cmd_finish(0);
    }
    if (str_eq(argv[1], "--version")) {
        printf("promptgrid %s\n", version_text);
        return cmd_finish(0);
    }
    const struct cmd *c = cmd_find(argv[1]);
    if (c)
        return cmd_finish(c->run(c, argc - 1, argv + 1));
    size_t n = 0;
    while (cmds[n].name)
        n++;
    const char *near = str_nearest(argv[1], &cmds[0].name, n, sizeof cmds[0]);
    log_error("unknown command '%s'%s%s%s", argv[1], near ? ", did you mean '" : "",
              near ? near : "", near ? "'?" : "");
    return 2;
}
