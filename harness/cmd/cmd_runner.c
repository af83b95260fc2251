/* promptgrid embed, tokenize: the runner's commands of the same name. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/cmd_runner.h"
#include "harness/system/proc.h"

#include <stdlib.h>
#include <string.h>

int cmd_become_runner(const char *command, int argc, char **argv)
{
    struct err e = {0};
    char *runner = proc_runner(), *name = mem_strdup(command);
    char **words = mem_alloc((size_t)argc + 2, sizeof *words); // runner, name, argv[1..], NULL
    words[0] = runner;
    words[1] = name;
    for (int i = 1; i < argc; i++)
        words[1 + i] = argv[i];
    words[1 + argc] = NULL;
    proc_become(words, &e);
    free(words);
    free(name);
    free(runner);
    return log_fail(&e);
}

int cmd_runner(const struct cmd *self, int argc, char **argv)
{
    return cmd_become_runner(self->name, argc, argv);
}
