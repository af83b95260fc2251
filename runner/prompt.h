/* `prompt show|nearest|export|import`: learned contexts as files. */
#ifndef PROMPTGRID_RUNNER_PROMPT_H
#define PROMPTGRID_RUNNER_PROMPT_H

#include "core/base/opt.h"
#include "core/clip/safetensors.h"
#include "core/data/catalogue.h"

struct prompt_options {
    const char *workspace, *backbone, *out, *kind;
    long top;
    struct opt_list data;
    bool json;
};

/* A result (core/train/result.h), or an imported one. */
struct prompt {
    struct safetensors file;
    json_t *spec;             // of its run; NULL: imported
    const struct tensor *ctx; // (contexts, C); NULL: none
};

/* A file, or the first digits of a run of the workspace. */
int prompt_open(struct prompt *p, const struct prompt_options *o, const char *word, struct err *e);
void prompt_close(struct prompt *p);

/* ERR_MISSING when it has no context. */
int prompt_context(const struct prompt *p, struct err *e);

int prompt_roots(struct roots *r, const struct prompt_options *o, struct err *e);
/* The name of its backbone: --backbone, or the run's. */
int prompt_backbone(const struct prompt *p, const struct prompt_options *o, const char **name,
                    struct err *e);

/* runner/prompt_nearest.c, prompt_export.c, prompt_import.c */
int prompt_nearest(const struct prompt_options *o, const char *word, struct err *e);
int prompt_export(const struct prompt_options *o, const char *word, struct err *e);
int prompt_import(const struct prompt_options *o, const char *file, struct err *e);

#endif
