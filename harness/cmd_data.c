/* promptgrid data sample: the few-shot selection of a dataset, by the runner's `sample`. */
#include "core/base/str.h"
#include "harness/cmd.h"
#include "harness/cmd_runner.h"

#include <stdio.h>

int cmd_data(const struct cmd *self, int argc, char **argv)
{
    struct err e = {0};
    if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))) {
        printf("usage: promptgrid %s %s\n\n%s\n", self->name, self->arguments, self->about);
        return 0;
    }
    if (argc > 1 && str_eq(argv[1], "sample"))
        return cmd_become_runner("sample", argc - 1, argv + 1);
    if (argc > 1)
        err_set(&e, ERR_USAGE, "unknown command 'data %s'; there is 'data sample'", argv[1]);
    else
        err_set(&e, ERR_USAGE, "a word is missing; usage: promptgrid %s %s", self->name,
                self->arguments);
    return cmd_fail(&e);
}
