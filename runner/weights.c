/*
 * `weights COMMAND`: the backbones that are there, where they are from and whether they are whole;
 * import of files from elsewhere. Fetching them is the harness's: this program has no network.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/opt.h"
#include "core/base/str.h"
#include "core/clip/architecture.h"
#include "core/clip/bpe.h"
#include "core/clip/import.h"
#include "core/data/catalogue.h"
#include "runner/runner.h"
#include "runner/weights_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *workspace;
    struct opt_list data;
    bool json;
    struct weights_import import;
};

static int open_roots(struct roots *r, const struct options *o, struct err *e)
{
    int rc = roots_open(r, o->data.items, o->data.n, e);
    if (rc == 0 && o->workspace) {
        free(r->workspace);
        r->workspace = mem_strdup(o->workspace);
    }
    return rc;
}

static int print_json(json_t *value, struct err *e)
{
    BUG_IF(!value);
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    json_decref(value);
    return puts("") < 0 || fflush(stdout) ? err_sys(e, "unable to write to stdout") : 0;
}

/* ---- list ---- */

static int list(const struct options *o, const char *unused, struct err *e)
{
    struct roots roots = {0};
    json_t *rows = json_array();
    (void)unused;
    int rc = open_roots(&roots, o, e);
    if (rc == 0 && !o->json)
        printf("%-10s  %-12s  %s\n", "BACKBONE", "LABEL", "WHERE");
    for (const struct backbone_row *b = backbone_rows; rc == 0 && b->name; b++) {
        struct backbone_files files = {0};
        struct err missing = {0}; // not being there is an answer too
        const bool there = roots_backbone(&roots, b->name, &files, &missing) == 0;
        char *where = there ? str_visible(files.weights)
                            : mem_strdup(strstr(missing.text, "no merges file")
                                             ? "no merges file: promptgrid weights fetch bpe"
                                             : "missing");
        if (!o->json)
            printf("%-10s  %-12s  %s\n", b->name, b->label, where);
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s?, s:s?}", "name", b->name, "label",
                                              b->label, "weights", files.weights, "merges",
                                              files.merges));
        free(where);
        backbone_files_release(&files);
    }
    roots_release(&roots);
    if (rc == 0 && o->json)
        return print_json(rows, e);
    json_decref(rows);
    return rc;
}

/* ---- show, check ---- */

/* A catalogue name, the name of a folder of the workspace's backbones, or a folder. */
static int find(const struct options *o, const char *name, struct backbone_files *files,
                struct err *e)
{
    struct roots roots = {0};
    int rc = open_roots(&roots, o, e);
    if (rc < 0)
        return rc;
    char *below = fs_join("backbones", name), *own = fs_join(roots.workspace, below);
    const bool is_own = !backbone_find(name) && !strchr(name, '/') && fs_is_folder(own);
    rc = roots_backbone(&roots, is_own ? own : name, files, e);
    free(own);
    free(below);
    roots_release(&roots);
    return rc;
}

static void print_shown(const char *name, const char *about, const struct backbone_files *files,
                        const json_t *metadata)
{
    const char *key;
    json_t *value;
    char *weights = str_visible(files->weights), *merges = str_visible(files->merges);
    printf("%s: %s\nweights: %s\nmerges: %s\n", name, about, weights, merges);
    json_object_foreach((json_t *)metadata, key, value)
    {
        char *left = str_visible(key), *right = str_visible(json_string_value(value));
        printf("%s: %s\n", left, right);
        free(left);
        free(right);
    }
    free(weights);
    free(merges);
}

static int show(const struct options *o, const char *name, struct err *e)
{
    struct backbone_files files = {0};
    struct weights w = {0};
    struct clip_shape shape;
    int rc;
    if ((rc = find(o, name, &files, e)) < 0 || (rc = weights_open(&w, files.weights, e)) < 0 ||
        (rc = clip_shape_read(&shape, &w, e)) < 0)
        goto out;
    json_t *metadata = json_object_get(w.file.header, "__metadata__");
    char *about = architecture_text(&shape);
    if (o->json)
        rc = print_json(json_pack("{s:s, s:s, s:s?, s:s, s:s, s:O?}", "name", name, "sizes", about,
                                  "architecture", architecture_label(&shape), "weights",
                                  files.weights, "merges", files.merges, "metadata", metadata),
                        e);
    else
        print_shown(name, about, &files, metadata);
    free(about);
out:
    weights_close(&w);
    backbone_files_release(&files);
    return rc;
}

static int check(const struct options *o, const char *name, struct err *e)
{
    struct backbone_files files = {0};
    struct clip_shape shape;
    struct bpe *bpe = NULL;
    bool hashed = false;
    int rc;
    if ((rc = find(o, name, &files, e)) < 0 ||
        (rc = import_check(files.weights, &shape, &hashed, e)) < 0 ||
        (rc = bpe_open(&bpe, files.merges, shape.vocab, e)) < 0)
        goto out;
    char *about = architecture_text(&shape), *path = str_visible(files.weights);
    const char *hash = hashed ? "as imported" : "not recorded";
    if (o->json)
        rc = print_json(json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", name, "weights",
                                  files.weights, "sizes", about, "hashed", hashed, "bpe",
                                  bpe_hash(bpe)),
                        e);
    else
        printf("%s in '%s': %s\nevery shape is right, every number finite; hash: %s\n", name, path,
               about, hash);
    free(about);
    free(path);
out:
    bpe_free(bpe);
    backbone_files_release(&files);
    return rc;
}

/* ---- import ---- */

static int import(const struct options *o, const char *file, struct err *e)
{
    struct roots roots = {0};
    struct weights_import what = o->import;
    int rc = open_roots(&roots, o, e);
    what.file = file;
    if (rc == 0) {
        char *folder = fs_join(o->data.n ? o->data.items[0] : roots.workspace, "backbones");
        rc = weights_import(&what, folder, e);
        free(folder);
    }
    roots_release(&roots);
    return rc;
}

/* ---- the commands ---- */

static const struct part {
    const char *name, *argument, *about;
    int (*run)(const struct options *o, const char *word, struct err *e);
} parts[] = {
    {"list", NULL, "the backbones that are known, and where they are", list},
    {"show", "NAME", "a backbone's sizes and where its weights are from", show},
    {"import", "FILE",
     "weights (.pt, state dict, safetensors) or a merges file into <workspace>/backbones, or\n"
     "that of --data; known files name themselves",
     import},
    {"check", "NAME",
     "load every tensor, look at every number, compare the hash; exit status 1 when something\n"
     "about it does not hold, 3 when it is not there",
     check},
    {0},
};

static int help(const struct part *p, const struct opt *options)
{
    opt_print_help(options, "usage: promptgrid weights %s [options]%s%s\n\n%s\n\n", p->name,
                   p->argument ? " " : "", p->argument ? p->argument : "", p->about);
    return 0;
}

static int run_part(const struct part *p, int argc, char **argv)
{
    struct options o = {0};
    const struct opt options[] = {
        {"workspace", OPT_TEXT, &o.workspace, "DIR",
         "holds backbones (default: $PROMPTGRID_WORKSPACE, else ./workspace)"},
        {"data", OPT_LIST, &o.data, "DIR", "also holds backbones; may be given again"},
        {"json", OPT_FLAG, &o.json, NULL, "print JSON (list, show, check)"},
        {"as", OPT_TEXT, &o.import.name, "NAME", "name of the backbone (import)"},
        {"move", OPT_FLAG, &o.import.move, NULL, "remove FILE when it is imported (import)"},
        {0},
    };
    struct err e = {0};
    const int words = p->argument ? 1 : 0;
    int rest, rc = opt_parse(options, argc, argv, &rest, &e);
    if (rc > 0) {
        free(o.data.items);
        return help(p, options);
    }
    if (rc == 0 && rest != words)
        rc = err_set(&e, ERR_USAGE, "usage: promptgrid weights %s%s%s", p->name,
                     p->argument ? " " : "", p->argument ? p->argument : "");
    if (rc == 0)
        rc = p->run(&o, words ? argv[1] : NULL, &e);
    free(o.data.items);
    if (rc == 0)
        return 0;
    log_error("%s", e.text);
    // 1: it is there and something about it does not hold
    const bool flawed = p->run == check && rc != ERR_MISSING && rc != ERR_USAGE && rc != ERR_SYS;
    return flawed ? 1 : err_exit_status(&e);
}

int runner_weights(int argc, char **argv)
{
    for (const struct part *p = parts; p->name; p++)
        if (argc > 1 && str_eq(argv[1], p->name))
            return run_part(p, argc - 1, argv + 1);
    log_error("usage: promptgrid weights list|show|import|check [...]");
    return 2;
}
