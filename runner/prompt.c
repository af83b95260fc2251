/* The commands of `prompt`, and what they share: see prompt.h. */
#include "runner/prompt.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/memory.h"
#include "core/proto/spec.h"
#include "core/train/reference.h"
#include "runner/check.h"
#include "runner/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int prompt_roots(struct roots *r, const struct prompt_options *o, struct err *e)
{
    int rc = roots_open(r, o->data.items, o->data.n, e);
    if (rc == 0 && o->workspace) {
        free(r->workspace);
        r->workspace = mem_strdup(o->workspace);
    }
    return rc;
}

/* The one result in `folder` whose name begins with `digits`. */
static int find_run(const char *folder, const char *digits, char **path, struct err *e)
{
    struct fs_names names = {0};
    const char *found = NULL;
    int rc = fs_is_folder(folder) ? fs_list(&names, folder, e) : 0;
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        if (!str_starts(names.names[i], digits) || !str_ends(names.names[i], ".safetensors"))
            continue;
        if (found)
            rc = err_set(e, ERR_USAGE,
                         "'%s' is the beginning of more than one run: give more of it", digits);
        found = names.names[i];
    }
    if (rc == 0 && !found)
        rc = err_set(e, ERR_MISSING,
                     "'%s' is neither a file nor a run with a result in '%s': see 'promptgrid "
                     "status'",
                     digits, folder);
    if (rc == 0)
        *path = fs_join(folder, found);
    fs_names_release(&names);
    return rc;
}

int prompt_find(const char *workspace, const char *word, char **path, struct err *e)
{
    *path = NULL;
    if (fs_is_file(word) || fs_is_folder(word)) {
        *path = mem_strdup(word);
        return 0;
    }
    char *folder = fs_join(workspace, "prompts");
    int rc = find_run(folder, word, path, e);
    free(folder);
    return rc;
}

int prompt_open(struct trained *t, const struct prompt_options *o, const char *word, struct err *e)
{
    struct roots roots = {0};
    char *path = NULL;
    *t = (struct trained){0};
    int rc = prompt_check_as(&o->as, e);
    if (rc == 0 && !o->workspace)
        rc = prompt_roots(&roots, o, e);
    if (rc == 0 &&
        (rc = prompt_find(o->workspace ? o->workspace : roots.workspace, word, &path, e)) == 0)
        rc = trained_open(t, path, &o->as, e);
    free(path);
    roots_release(&roots);
    return rc;
}

int prompt_check_as(const struct trained_options *as, struct err *e)
{
    static const char *const trainers[] = {"coop", "cocoop", "kgcoop", "prograd",
                                           "rlp",  "maple",  "ivlp",   "promptsrc"};
    static const char *const positions[] = {"end", "middle", "front"};
    enum { TRAINERS = sizeof trainers / sizeof trainers[0] };
    const char *near = NULL;
    bool position = !as->position;
    for (size_t i = 0; i < sizeof positions / sizeof positions[0]; i++)
        position |= str_eq(as->position, positions[i]);
    if (!position)
        return err_set(e, ERR_USAGE, "--name-position '%s': expected end, middle or front",
                       as->position);
    if (!as->trainer || reference_find(as->trainer))
        return 0;
    near = str_nearest(as->trainer, trainers, TRAINERS, sizeof *trainers);
    return err_set(e, ERR_USAGE, "unknown trainer '%s'%s%s%s", as->trainer,
                   near ? ", did you mean '"
                        : "; known: coop, cocoop, kgcoop, prograd, rlp, maple, "
                          "ivlp, promptsrc",
                   near ? near : "", near ? "'?" : "");
}

int prompt_backbone(const struct trained *t, const char *given, const char **name, struct err *e)
{
    *name = given     ? given
            : t->spec ? spec_get_text(t->spec, "backbone")
                      : json_string_value(json_object_get(t->metadata, "backbone"));
    return *name ? 0
                 : err_set(e, ERR_USAGE, "'%s' does not say of which backbone it is: --backbone",
                           t->path);
}

int prompt_check_weights(const struct trained *t, const char *path, struct err *e)
{
    return t->spec ? check_file("weights", path, spec_get_text(t->spec, "weights"), e) : 0;
}

int prompt_say_path(const char *path, struct err *e)
{
    return puts(path) < 0 || fflush(stdout) ? err_sys(e, "unable to write to stdout") : 0;
}

/* ---- the commands ---- */

static const struct part {
    const char *name, *argument, *about;
    int (*run)(const struct prompt_options *o, const char *word, struct err *e);
} parts[] = {
    {"show", "PROMPT", "the arrays of a prompt, its trainer and the run that made it", prompt_show},
    {"nearest", "PROMPT",
     "the words of the vocabulary nearest to each context vector, by Euclidean distance as in\n"
     "CoOp's interpretation of its prompts",
     prompt_nearest},
    {"eval", "PROMPT",
     "accuracy on a dataset's test images, now and without a record: --dataset D [--part base|new]",
     prompt_eval},
    {"export", "PROMPT",
     "--kind checkpoint: OUT/FOLDER/model.pth.tar-EPOCHS, as its trainer loads it (CoOp's\n"
     "prompt_learner/, MaPLe's MultiModalPromptLearner/); --kind head: the text features of the\n"
     "run's classes as OUT, a .npy or .safetensors",
     prompt_export},
    {"import", "PROMPT", "a checkpoint of others as OUT, a result file", prompt_import},
    {0},
};

static int help(const struct part *p, const struct opt *options)
{
    opt_print_help(
        options,
        "usage: promptgrid prompt %s [options] %s\n\n%s\n\nPROMPT is a run of ours, its result "
        "file, a model.pth.tar-N of CoOp, CoCoOp, KgCoOp,\nProGrad, MaPLe, IVLP or PromptSRC, or "
        "the folder that holds one.\n\n",
        p->name, p->argument, p->about);
    return 0;
}

static int run_part(const struct part *p, int argc, char **argv)
{
    struct prompt_options o = {.top = 5, .kind = "checkpoint", .part = "all"};
    const struct opt options[] = {
        {"workspace", OPT_TEXT, &o.workspace, "DIR",
         "holds results (default: $PROMPTGRID_WORKSPACE, else ./workspace)"},
        {"data", OPT_LIST, &o.data, "DIR", "folder of datasets; may be given again"},
        {"json", OPT_FLAG, &o.json, NULL, "print JSON (show, nearest, eval)"},
        {"backbone", OPT_TEXT, &o.backbone, "NAME|DIR", "instead of the run's"},
        PROMPT_AS(o.as),
        {"dataset", OPT_TEXT, &o.dataset, "NAME", "whose test images and class names (eval)"},
        {"part", OPT_TEXT, &o.part, "PART", "its classes: all (default), base or new (eval)"},
        {"top", OPT_COUNT, &o.top, "N", "words for each vector (nearest; default: 5)"},
        {"kind", OPT_TEXT, &o.kind, "KIND", "checkpoint (default) or head (export)"},
        {"out", OPT_TEXT, &o.out, "PATH", "where to write (export, import)"},
        {0},
    };
    struct err e = {0};
    int rest, rc = opt_parse(options, argc, argv, &rest, &e);
    if (rc > 0) {
        free(o.data.items);
        return help(p, options);
    }
    if (rc == 0 && rest != 1)
        rc = err_set(&e, ERR_USAGE, "usage: promptgrid prompt %s %s", p->name, p->argument);
    if (rc == 0)
        rc = p->run(&o, argv[1], &e);
    free(o.data.items);
    if (rc == 0)
        return 0;
    return log_fail(&e);
}

int runner_prompt(int argc, char **argv)
{
    json_checked_memory();
    if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))) {
        printf("usage: promptgrid prompt COMMAND\n\n");
        for (const struct part *p = parts; p->name; p++)
            printf("  %-8s %-8s %.*s\n", p->name, p->argument, (int)strcspn(p->about, "\n"),
                   p->about);
        return 0;
    }
    size_t n = 0;
    for (const struct part *p = parts; p->name; p++, n++)
        if (argc > 1 && str_eq(argv[1], p->name))
            return run_part(p, argc - 1, argv + 1);
    const char *near = argc > 1 ? str_nearest(argv[1], &parts[0].name, n, sizeof parts[0]) : NULL;
    if (argc > 1)
        log_error("unknown command 'prompt %s'%s%s%s", argv[1],
                  near ? ", did you mean 'prompt " : "; see 'promptgrid prompt --help'",
                  near ? near : "", near ? "'?" : "");
    else
        log_error("usage: promptgrid prompt show|nearest|eval|export|import [...]");
    return 2;
}
