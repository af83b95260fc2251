/*
 * promptgrid weights: what is there, where it is from, import of files from elsewhere (the
 * runner's); fetching of published ones.
 */
#include "core/base/log.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/cmd/cmd_runner.h"
#include "harness/cmd/cmd_weights_fetch.h"

#include <stdio.h>
#include <string.h>

static const struct part {
    const char *name, *arguments, *about;
} parts[] = {
    {"list", "", "the backbones that are known, and where they are"},
    {"show", "NAME", "a backbone's sizes and where its weights are from"},
    {"fetch", "NAME", "published weights ('bpe': the merges file), checked by SHA-256, imported"},
    {"import", "FILE [--as NAME]", "weights or a merges file into the workspace"},
    {"check", "NAME", "load every tensor, look at every number, compare the hash"},
    {0},
};
enum { PARTS = sizeof parts / sizeof parts[0] - 1, PREFIX = sizeof "weights " - 1 };

static const struct cmd fetch = {
    "weights fetch", "[NAME]",
    "fetch published weights or the merges file, check the SHA-256, import them; what came of an\n"
    "interrupted download is kept and gone on from; proxies are those of the environment",
    cmd_weights_fetch};

static void help(const struct cmd *self)
{
    printf("usage: promptgrid %s %s\n\n", self->name, self->arguments);
    for (const struct part *p = parts; p->name; p++) {
        struct str line = STR_INIT;
        str_addf(&line, "  %s %s", p->name, p->arguments);
        str_pad(&line, line.size < 36 ? 36 - line.size : 2, ' ');
        printf("%s%s\n", line.data, p->about);
        str_release(&line);
    }
    printf("\n'promptgrid weights COMMAND --help' lists a command's options\n");
}

int cmd_weights(const struct cmd *self, int argc, char **argv)
{
    struct err e = {0};
    if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))) {
        help(self);
        return 0;
    }
    if (argc < 2) {
        err_set(&e, ERR_USAGE, "a word is missing; usage: promptgrid %s %s", self->name,
                self->arguments);
        return log_fail(&e);
    }
    if (str_eq(argv[1], fetch.name + PREFIX))
        return cmd_weights_fetch(&fetch, argc - 1, argv + 1);
    for (const struct part *p = parts; p->name; p++)
        if (str_eq(argv[1], p->name))
            return cmd_become_runner(self->name, argc, argv);
    const char *near = str_nearest(argv[1], parts, PARTS, sizeof parts[0]);
    err_set(&e, ERR_USAGE, "unknown command 'weights %s'%s%s%s", argv[1],
            near ? ", did you mean 'weights " : "; there are list, show, fetch, import and check",
            near ? near : "", near ? "'?" : "");
    return log_fail(&e);
}
