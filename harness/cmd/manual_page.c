/* promptgrid.1: the commands, what they print and read, and what their exit status means. */
#include "harness/cmd/manual.h"
#include "harness/cmd/page.h"

#include <stdlib.h>

static const struct page_columns columns = {"name", "value", NULL, "meaning"};

struct row {
    const char *name, *help;
};

static const struct row statuses[] = {
    {"0", "all well"},
    {"1", "some runs failed, or something does not hold: check or data check found something, "
          "reproduce another number, doctor something that would stop a run"},
    {"2", "the command line, the recipe or another text of yours is wrong"},
    {"3", "the environment: missing or damaged data, weights or program, no usable GPU where one "
          "was asked for, no memory, full disk; of run and retry also when every failed run failed "
          "for such a reason, of plan when something is blocked"},
    {"70", "a bug in promptgrid"},
    {"130, 143", "stopped by Ctrl-C, by SIGTERM"},
};

static const struct row variables[] = {
    {"PROMPTGRID_WORKSPACE", "as --workspace"},
    {"PROMPTGRID_DATA", "as --data: folders of datasets, with ':' between them; the pocket "
                        "datasets are always found"},
    {"PROMPTGRID_HOME", "the folder that holds recipes/, when it is not above the program"},
    {"PROMPTGRID_RUNNER", "another promptgrid-runner"},
};

static const struct row files[] = {
    {"promptgrid.sqlite", "every run, attempt, metric, epoch and prediction, with the code and the "
                          "machine that made it"},
    {"banks/RUN.bank", "image features, shared by every method, rank, seed and shot number"},
    {"prompts/RUN.safetensors", "learned context vectors, with the spec in the header"},
    {"jobs/RUN.json, logs/RUN.N.log", "what a runner was told, and what it said"},
    {"checkpoints/", "of runs that are not done"},
    {"plots/", "figures, with their data and script"},
    {"slurm.yaml", "what a cluster wants to be told, for all recipes; see promptgrid-recipe(5)"},
};

static void rows(struct page *p, const char *heading, const char *text, const struct row *list,
                 size_t n)
{
    p->format->heading(p, 1, heading);
    if (text)
        p->format->text(p, text);
    p->format->terms(p, &columns);
    for (size_t i = 0; i < n; i++)
        p->format->term(p, &(struct page_term){.name = list[i].name, .help = list[i].help});
}
#define ROWS(list) (list), sizeof(list) / sizeof *(list)

static void command(struct page *p, const struct manual_command *c)
{
    p->format->heading(p, 2, c->usage);
    p->format->text(p, c->about);
    if (!c->n)
        return;
    p->format->terms(p, &columns);
    for (size_t i = 0; i < c->n; i++)
        p->format->term(p, &(struct page_term){.name = c->options[i].name,
                                               .values = c->options[i].argument,
                                               .help = c->options[i].help});
}

void manual_page(const struct manual *m, struct str *out)
{
    struct page p = {.format = &page_roff, .out = STR_INIT};
    p.format->title(&p, "promptgrid", 1, "few-shot prompt-tuning experiments on CLIP");
    p.format->heading(&p, 1, "SYNOPSIS");
    p.format->text(&p, "promptgrid COMMAND [options] [words]");
    p.format->heading(&p, 1, "DESCRIPTION");
    p.format->text(&p, "A recipe, promptgrid-recipe(5), describes a grid of datasets, methods, "
                       "ranks, shots and seeds. 'promptgrid run RECIPE' trains what is missing of "
                       "it; the same command again goes on where it stopped. 'promptgrid table "
                       "RECIPE' and 'promptgrid plot RECIPE' show the results. Results go to "
                       "stdout, everything else to stderr.");
    p.format->heading(&p, 1, "COMMANDS");
    for (size_t i = 0; i < m->n; i++)
        if (!m->commands[i].group)
            command(&p, &m->commands[i]);
    rows(&p, "EXIT STATUS", NULL, ROWS(statuses));
    rows(&p, "ENVIRONMENT", NULL, ROWS(variables));
    rows(&p, "FILES", "Of the workspace, the folder that --workspace names:", ROWS(files));
    p.format->heading(&p, 1, "EXAMPLE");
    p.format->code(&p, "promptgrid init study\npromptgrid run study/recipe.yaml\n"
                       "promptgrid table study/recipe.yaml\n");
    p.format->heading(&p, 1, "SEE ALSO");
    p.format->text(&p, "promptgrid-recipe(5), sbatch(1)");
    str_release(out);
    *out = p.out;
}
