/*
 * promptgrid weights fetch: a published file to <workspace>/downloads, checked by its SHA-256, then
 * the runner's import. The only command that uses the network.
 */
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/sources.h"
#include "harness/cmd/cmd_weights_fetch.h"
#include "harness/cmd/cmd_runner.h"
#include "harness/cmd/download.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MIB = 1 << 20, LIMIT = 8 << 10 }; // no CLIP is larger than 8 GiB

struct options {
    struct cmd_common common;
    struct opt_list from; // instead of the published address, in this order
    const char *sha256, *name;
    bool offline;
    long patience, limit; // limit: MiB
};

/* What is to be fetched: of the table, or the user's own. */
struct target {
    const struct source *source; // NULL: the user's own
    const char *name, *sha256;
    char *path; // of the download
};

static bool is_sha256(const char *text)
{
    return strlen(text) == HASH_HEX - 1 && text[strspn(text, "0123456789abcdef")] == 0;
}

static int choose(struct target *t, const struct options *o, const char *word, struct err *e)
{
    *t = (struct target){.source = word ? source_find(word) : NULL, .name = o->name};
    if (word && !t->source) {
        const char *near = source_nearest(word);
        return err_set(e, ERR_USAGE, "'%s' is not among the published weights%s%s%s", word,
                       near ? ", did you mean '" : "; 'promptgrid weights list' has them",
                       near ? near : "", near ? "'?" : "");
    }
    if (!word && !(o->from.n && o->sha256 && o->name))
        return err_set(e, ERR_USAGE,
                       "weights fetch: expected the name of published weights, or --from URL, "
                       "--sha256 HEX and --as NAME for others");
    if (o->sha256 && (t->source || !is_sha256(o->sha256)))
        return err_set(e, ERR_USAGE,
                       t->source ? "--sha256 is for weights that are not published; the hash of "
                                   "'%s' is known"
                                 : "--sha256 '%s': expected 64 digits of 0-9 and a-f",
                       t->source ? t->source->name : o->sha256);
    t->sha256 = t->source ? t->source->sha256 : o->sha256;
    if (t->source && !t->name && !str_eq(t->source->name, source_merges))
        t->name = t->source->name;
    char *workspace = cmd_workspace(&o->common), *folder = fs_join(workspace, "downloads");
    t->path = fs_join(folder, t->source ? t->source->file : t->sha256);
    int rc = fs_make_folders(folder, e);
    free(folder);
    free(workspace);
    return rc;
}

/* Where the import will put it. */
static char *destination(const struct options *o, const struct target *t)
{
    char *workspace = cmd_workspace(&o->common);
    char *root = fs_join(o->common.data.n ? o->common.data.items[0] : workspace, "backbones");
    char *folder = t->name ? fs_join(root, t->name) : mem_strdup(root);
    const bool merges = t->source && str_eq(t->source->name, source_merges);
    char *path = fs_join(folder, merges ? t->source->file : "model.safetensors");
    free(folder);
    free(root);
    free(workspace);
    return path;
}

/* ---- the download ---- */

static int download(const struct options *o, const struct target *t, struct err *e)
{
    char *published = t->source ? source_url(t->source) : NULL, found[HASH_HEX];
    const char *const *urls = o->from.n ? o->from.items : (const char *const *)&published;
    const size_t n = o->from.n ? o->from.n : 1;
    int rc = 0;
    if (fs_is_file(t->path) && hash_file(found, t->path, e) == 0 && str_eq(found, t->sha256)) {
        log_info("'%s' was fetched before", t->path);
    } else if (o->offline) {
        rc = err_set(e, ERR_MISSING,
                     "--offline: get '%s' (SHA-256 %s) by other means and use 'promptgrid weights "
                     "import FILE%s%s'",
                     urls[0], t->sha256, t->name ? " --as " : "", t->name ? t->name : "");
    } else {
        struct fetch f = {
            .path = t->path, .sha256 = t->sha256, .limit = o->limit * MIB, .patience = o->patience};
        rc = download_any(&f, urls, n, e);
    }
    free(published);
    return rc;
}

/* ---- the command ---- */

/* This program becomes the runner's import. */
static int become_import(const struct options *o, const struct target *t)
{
    char *argv[12], *workspace = cmd_workspace(&o->common);
    int argc = 0;
    argv[argc++] = (char *)"weights";
    argv[argc++] = (char *)"import";
    argv[argc++] = (char *)"--move";
    argv[argc++] = (char *)"--workspace";
    argv[argc++] = workspace;
    if (o->common.data.n) {
        argv[argc++] = (char *)"--data";
        argv[argc++] = (char *)o->common.data.items[0];
    }
    if (t->name) {
        argv[argc++] = (char *)"--as";
        argv[argc++] = (char *)t->name;
    }
    argv[argc++] = (char *)"--";
    argv[argc++] = t->path;
    int status = cmd_become_runner("weights", argc, argv);
    free(workspace);
    return status;
}

static int fetch(const struct options *o, const char *word)
{
    struct err e = {0};
    struct target t;
    int status;
    if (choose(&t, o, word, &e) < 0)
        return log_fail(&e);
    char *path = destination(o, &t);
    if (fs_is_file(path)) {
        log_info("it is there already");
        puts(path);
        status = cmd_finish(0);
    } else {
        status = download(o, &t, &e) < 0 ? log_fail(&e) : become_import(o, &t);
    }
    free(path);
    free(t.path);
    return status;
}

int cmd_weights_fetch(const struct cmd *self, int argc, char **argv)
{
    struct options o = {.patience = DOWNLOAD_PATIENCE, .limit = LIMIT};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"from", OPT_LIST, &o.from, "URL",
         "another address of the same file; may be given again, to be tried in this order"},
        {"sha256", OPT_TEXT, &o.sha256, "HEX", "with --from: the hash of what is not published"},
        {"as", OPT_TEXT, &o.name, "NAME", "name of the backbone"},
        {"offline", OPT_FLAG, &o.offline, NULL, "only say what would be fetched from where"},
        {"limit", OPT_COUNT, &o.limit, "MIB", "refuse more than so many MiB (default: 8192)"},
        {"patience", OPT_COUNT, &o.patience, "S",
         "give up when less than 1 kB/s came for S seconds (default: 60)"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 0, 1);
    if (status < 0)
        status = fetch(&o, rest ? argv[1] : NULL);
    free(o.from.items);
    free(o.common.data.items);
    return status;
}
