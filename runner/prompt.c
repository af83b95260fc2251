/* The commands of `prompt`, and what they share: see prompt.h. */
#include "runner/prompt.h"

#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/memory.h"
#include "core/proto/spec.h"
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

int prompt_open(struct prompt *p, const struct prompt_options *o, const char *word, struct err *e)
{
    struct roots roots = {0};
    char *path = NULL, *folder = NULL;
    *p = (struct prompt){0};
    int rc = prompt_roots(&roots, o, e);
    if (rc < 0)
        goto out;
    folder = fs_join(roots.workspace, "prompts");
    if (fs_is_file(word))
        path = mem_strdup(word);
    else
        rc = find_run(folder, word, &path, e);
    if (rc < 0 || (rc = safetensors_open(&p->file, path, e)) < 0)
        goto out;
    const json_t *metadata = json_object_get(p->file.header, "__metadata__");
    const char *text = json_string_value(json_object_get(metadata, "spec"));
    p->spec = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (p->spec && (rc = spec_check(p->spec, e)) < 0) {
        err_wrap(e, "'%s'", path);
        prompt_close(p);
        goto out;
    }
    p->ctx = safetensors_find(&p->file, "ctx");
    if (p->ctx && (p->ctx->dims != 2 || p->ctx->dtype > DTYPE_F64))
        p->ctx = NULL;
out:
    free(path);
    free(folder);
    roots_release(&roots);
    return rc;
}

void prompt_close(struct prompt *p)
{
    safetensors_close(&p->file);
    json_decref(p->spec);
    *p = (struct prompt){0};
}

int prompt_context(const struct prompt *p, struct err *e)
{
    return p->ctx ? 0
                  : err_set(e, ERR_MISSING, "'%s' holds no context vectors 'ctx'", p->file.path);
}

int prompt_backbone(const struct prompt *p, const struct prompt_options *o, const char **name,
                    struct err *e)
{
    const json_t *metadata = json_object_get(p->file.header, "__metadata__");
    *name = o->backbone ? o->backbone
            : p->spec   ? spec_get_text(p->spec, "backbone")
                        : json_string_value(json_object_get(metadata, "backbone"));
    return *name ? 0
                 : err_set(e, ERR_USAGE, "'%s' does not say of which backbone it is: --backbone",
                           p->file.path);
}

/* ---- show ---- */

static void print_shown(const struct prompt *p, json_t *metadata)
{
    const char *key;
    json_t *value;
    char *path = str_visible(p->file.path);
    printf("%s\n", path);
    free(path);
    for (size_t i = 0; i < p->file.n; i++) {
        const struct tensor *t = &p->file.tensors[i];
        char *name = str_visible(t->name);
        printf("  %-10s (", name);
        for (int d = 0; d < t->dims; d++)
            printf("%s%zu", d ? ", " : "", t->shape[d]);
        printf(")\n");
        free(name);
    }
    json_object_foreach(metadata, key, value)
    {
        char *left = str_visible(key), *right = str_visible(json_string_value(value));
        printf("  %-10s %s\n", left, right);
        free(left);
        free(right);
    }
}

static int show(const struct prompt_options *o, const char *word, struct err *e)
{
    struct prompt p;
    int rc = prompt_open(&p, o, word, e);
    if (rc < 0)
        return rc;
    json_t *metadata = json_object_get(p.file.header, "__metadata__");
    if (o->json) {
        json_t *arrays = json_object();
        for (size_t i = 0; i < p.file.n; i++) {
            json_t *shape = json_array();
            for (int d = 0; d < p.file.tensors[i].dims; d++)
                json_array_append_new(shape, json_integer((json_int_t)p.file.tensors[i].shape[d]));
            json_object_set_new(arrays, p.file.tensors[i].name, shape);
        }
        json_t *all = json_pack("{s:s, s:o, s:O?, s:O?}", "path", p.file.path, "arrays", arrays,
                                "metadata", metadata, "spec", p.spec);
        json_dumpf(all, stdout, JSON_INDENT(2));
        puts("");
        json_decref(all);
    } else {
        print_shown(&p, metadata);
    }
    if (fflush(stdout))
        rc = err_sys(e, "unable to write to stdout");
    prompt_close(&p);
    return rc;
}

/* ---- the commands ---- */

static const struct part {
    const char *name, *argument, *about;
    int (*run)(const struct prompt_options *o, const char *word, struct err *e);
} parts[] = {
    {"show", "RUN|FILE", "the arrays of a result and the run that made it", show},
    {"nearest", "RUN|FILE",
     "the words of the vocabulary nearest to each context vector, by Euclidean distance as in\n"
     "CoOp's interpretation of its prompts",
     prompt_nearest},
    {"export", "RUN|FILE",
     "--kind coop: OUT/prompt_learner/model.pth.tar-EPOCHS, as CoOp's trainer loads it;\n"
     "--kind head: the text features of the run's classes as OUT, a .npy or .safetensors",
     prompt_export},
    {"import", "FILE", "the context of a CoOp checkpoint (model.pth.tar-N) as OUT, a result file",
     prompt_import},
    {0},
};

static int help(const struct part *p, const struct opt *options)
{
    struct str text = STR_INIT;
    opt_help(options, &text);
    printf("usage: promptgrid prompt %s [options] %s\n\n%s\n\n%s", p->name, p->argument, p->about,
           text.data);
    str_release(&text);
    return 0;
}

static int run_part(const struct part *p, int argc, char **argv)
{
    struct prompt_options o = {.top = 5, .kind = "coop"};
    const struct opt options[] = {
        {"workspace", OPT_TEXT, &o.workspace, "DIR",
         "holds results (default: $PROMPTGRID_WORKSPACE, else ./workspace)"},
        {"data", OPT_LIST, &o.data, "DIR", "folder of datasets; may be given again"},
        {"json", OPT_FLAG, &o.json, NULL, "print JSON (show, nearest)"},
        {"backbone", OPT_TEXT, &o.backbone, "NAME|DIR", "instead of the run's (nearest, import)"},
        {"top", OPT_COUNT, &o.top, "N", "words for each vector (nearest; default: 5)"},
        {"kind", OPT_TEXT, &o.kind, "KIND", "coop (default) or head (export)"},
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
    log_error("%s", e.text);
    return err_exit_status(&e);
}

int runner_prompt(int argc, char **argv)
{
    json_checked_memory();
    if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))) {
        printf("usage: promptgrid prompt COMMAND\n\n");
        for (const struct part *p = parts; p->name; p++)
            printf("  %-8s %-10s %.*s\n", p->name, p->argument, (int)strcspn(p->about, "\n"),
                   p->about);
        return 0;
    }
    for (const struct part *p = parts; p->name; p++)
        if (argc > 1 && str_eq(argv[1], p->name))
            return run_part(p, argc - 1, argv + 1);
    log_error("usage: promptgrid prompt show|nearest|export|import [...]");
    return 2;
}
