/* promptgrid-runner: does one job and exits. The commands are in runner/. */
#include "core/base/log.h"
#include "core/base/str.h"
#include "runner/runner.h"

#include <signal.h>
#include <stdio.h>

static const struct {
    const char *name, *about;
    int (*run)(int argc, char **argv);
    bool shared; // people reach it as a command of promptgrid: its messages bear that name
} commands[] = {
    {"run", "carry out a job file", runner_run, false},
    {"task", "carry out one of a list of jobs, for a cluster", runner_task, false},
    {"devices", "the GPUs, one JSON line each", runner_devices, false},
    {"verify", "is a checkpoint whole?", runner_verify, false},
    {"inspect", "what trained prompts are", runner_inspect, false},
    {"embed", "features of texts and images", runner_embed, true},
    {"tokenize", "token ids of texts", runner_tokenize, true},
    {"sample", "few-shot selection of a dataset", runner_sample, true},
    {"split", "make a missing split file anew", runner_split, true},
    {"prompt", "learned contexts as files", runner_prompt, true},
    {"classify", "images, by a learned prompt or class names", runner_classify, true},
    {"weights", "list, check and import weights", runner_weights, true},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); // a file-size limit is an error to report, not a reason to die
    for (int i = 0; argc > 1 && i < COMMANDS; i++)
        if (str_eq(argv[1], commands[i].name)) {
            log_name(commands[i].shared ? "promptgrid" : "promptgrid-runner");
            return commands[i].run(argc - 1, argv + 1);
        }
    fprintf(stderr, "usage: promptgrid-runner COMMAND ...\n\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(stderr, "  %-10s %s\n", commands[i].name, commands[i].about);
    return 2;
}
