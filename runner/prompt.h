/* `prompt show|nearest|eval|export|import`: learned prompts as files. */
#ifndef PROMPTGRID_RUNNER_PROMPT_H
#define PROMPTGRID_RUNNER_PROMPT_H

#include "core/base/opt.h"
#include "core/data/catalogue.h"
#include "core/train/trained.h"

#include <stdbool.h>

struct prompt_options {
    const char *workspace, *backbone, *out, *kind, *dataset, *part;
    struct trained_options as; // what a file of others does not say
    long top;
    struct opt_list data;
    bool json;
};

/* Options about a file of others, for the commands that take one. */
#define PROMPT_AS(as)                                                                              \
    {"trainer", OPT_TEXT, &(as).trainer, "NAME",                                                   \
     "what made it, where its tensors do not tell: coop, prograd or rlp"},                         \
        {"words", OPT_TEXT, &(as).context, "TEXT",                                                 \
         "words that its context started from, where they are not its trainer's"},                 \
    {                                                                                              \
        "name-position", OPT_TEXT, &(as).position, "WHERE",                                        \
            "of the class name: end (default), middle or front"                                    \
    }

/* Are they values that there are? ERR_USAGE suggests the nearest. */
int prompt_check_as(const struct trained_options *as, struct err *e);

/* The file that `word` means: a file or folder (core/train/trained.h), or the result of the one run
 * of the workspace whose id it begins; yours to free(). */
int prompt_find(const char *workspace, const char *word, char **path, struct err *e);

/* The same, opened. */
int prompt_open(struct trained *t, const struct prompt_options *o, const char *word, struct err *e);

int prompt_roots(struct roots *r, const struct prompt_options *o, struct err *e);
/* The name of its backbone: --backbone, or the run's. */
int prompt_backbone(const struct trained *t, const char *given, const char **name, struct err *e);

/* ERR_CORRUPT unless the weights are those of the run that made it, if that is known. */
int prompt_check_weights(const struct trained *t, const char *path, struct err *e);

int prompt_say_path(const char *path, struct err *e); // on stdout

/* runner/prompt_*.c */
int prompt_show(const struct prompt_options *o, const char *word, struct err *e);
int prompt_nearest(const struct prompt_options *o, const char *word, struct err *e);
int prompt_eval(const struct prompt_options *o, const char *word, struct err *e);
int prompt_export(const struct prompt_options *o, const char *word, struct err *e);
int prompt_export_head(const struct prompt_options *o, const struct trained *t, struct err *e);
int prompt_import(const struct prompt_options *o, const char *word, struct err *e);

#endif
