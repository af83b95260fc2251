/*
 * promptgrid import-csv FILE...: numbers of papers that did not come with promptgrid, into the
 * workspace's folder `published`. Every row is checked, and against all that is there, before
 * the first file is written.
 */
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/show/published.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 64 << 20 };

struct file {
    char *name, *path, *data; // where it goes to and what it holds
    size_t size, rows;
    bool is_known; // it is there already
};

struct import {
    struct cmd_common common;
    bool replace;
    struct file *files;
    size_t n;
    struct baselines all; // what came with promptgrid, the workspace's other files, then these
};

/* ---- reading and checking ---- */

static int take_name(struct import *x, struct file *f, const char *from, struct err *e)
{
    const char *name = fs_base(from);
    if (*name == '.' || !*name)
        return err_set(e, ERR_USAGE, "'%s': a file whose name begins with a dot is not read again",
                       from);
    f->name = str_format("%s%s", name, str_ends(name, ".csv") ? "" : ".csv");
    for (size_t i = 0; i < x->n; i++)
        if (&x->files[i] != f && str_eq(x->files[i].name, f->name))
            return err_set(e, ERR_USAGE, "two of the files are called '%s'", f->name);
    return 0;
}

/* Is the file there, with the same content or to be replaced? */
static int look_at_target(const struct import *x, struct file *f, struct err *e)
{
    char *there;
    size_t size;
    if (!fs_is_file(f->path))
        return 0;
    int rc = fs_read(&there, &size, f->path, FILE_LIMIT, e);
    if (rc < 0)
        return rc;
    f->is_known = size == f->size && memcmp(there, f->data, size) == 0;
    free(there);
    if (f->is_known || x->replace)
        return 0;
    return err_set(e, ERR_USAGE, "'%s' holds other numbers: --replace puts these in their place",
                   f->path);
}

static int read_file(struct import *x, const char *from, const char *folder, struct err *e)
{
    struct file *f = &x->files[x->n++];
    const size_t first = x->all.n;
    int rc = take_name(x, f, from, e);
    if (rc < 0)
        return rc;
    f->path = fs_join(folder, f->name);
    if (!fs_is_file(from))
        return err_set(e, ERR_MISSING, "there is no file '%s'", from);
    if ((rc = fs_read(&f->data, &f->size, from, FILE_LIMIT, e)) < 0)
        return rc;
    char *text = mem_alloc(f->size + 1, 1);
    memcpy(text, f->data, f->size + 1);
    if ((rc = baselines_add(&x->all, from, text, f->size, e)) < 0)
        return rc;
    f->rows = x->all.n - first;
    if (f->rows == 0)
        return err_set(e, ERR_PARSE, "%s: no numbers below the header", from);
    for (size_t i = first; i < x->all.n; i++)
        if ((rc = published_check(&x->all.rows[i], e)) < 0)
            return rc;
    return look_at_target(x, f, e);
}

/* The workspace's files, but for those that the new ones stand for. */
static int read_others(struct import *x, const char *folder, int n, char **files, struct err *e)
{
    if (!fs_is_folder(folder))
        return 0;
    char **names = mem_zero((size_t)n + 1, sizeof *names);
    for (int i = 0; i < n; i++) {
        const char *name = fs_base(files[i]);
        names[i] = str_format("%s%s", name, str_ends(name, ".csv") ? "" : ".csv");
    }
    int rc = baselines_load_folder(&x->all, folder, (const char *const *)names, e);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return rc;
}

static int read_all(struct import *x, const char *home, const char *folder, int n, char **files,
                    struct err *e)
{
    char *published = published_folder(home);
    int rc = baselines_load_folder(&x->all, published, NULL, e);
    free(published);
    if (rc == 0)
        rc = read_others(x, folder, n, files, e);
    x->files = mem_zero((size_t)n + 1, sizeof *x->files);
    for (int i = 0; i < n && rc == 0; i++)
        rc = read_file(x, files[i], folder, e);
    return rc < 0 ? rc : baselines_unique(&x->all, e);
}

/* ---- writing ---- */

static void print_file(const struct file *f, json_t *files)
{
    char sha256[HASH_HEX], *path = str_visible(f->path);
    hash_bytes(sha256, f->data, f->size);
    if (files)
        json_array_append_new(files, json_pack("{s:s, s:s, s:i, s:s}", "path", path, "sha256",
                                               sha256, "rows", (int)f->rows, "state",
                                               f->is_known ? "known" : "imported"));
    else
        printf("%s: %zu number%s%s\n", path, f->rows, f->rows == 1 ? "" : "s",
               f->is_known ? " (known)" : "");
    free(path);
}

static int import(struct import *x, int n, char **files, struct err *e)
{
    struct roots roots = {0};
    char *workspace = cmd_workspace(&x->common), *folder = published_own(workspace);
    json_t *list = x->common.json ? json_array() : NULL;
    int rc = roots_open(&roots, x->common.data.items, x->common.data.n, e);
    if (rc == 0)
        rc = read_all(x, roots.home, folder, n, files, e);
    if (rc == 0)
        rc = fs_make_folders(folder, e);
    for (size_t i = 0; i < x->n && rc == 0; i++) {
        struct file *f = &x->files[i];
        if (!f->is_known)
            rc = fs_write(f->path, f->data, f->size, e);
        if (rc == 0)
            print_file(f, list);
    }
    if (rc == 0 && list)
        cmd_print_json(json_pack("{s:O}", "files", list));
    json_decref(list);
    roots_release(&roots);
    free(folder);
    free(workspace);
    return rc;
}

int cmd_import_csv(const struct cmd *self, int argc, char **argv)
{
    struct import x = {0};
    struct err e = {0};
    const struct opt table[] = {
        CMD_COMMON(x.common),
        {"replace", OPT_FLAG, &x.replace, NULL,
         "instead of an imported file of the same name with other numbers"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, argc);
    if (status < 0) {
        int rc = import(&x, rest, argv + 1, &e);
        status = rc < 0 ? log_fail(&e) : 0;
    }
    for (size_t i = 0; i < x.n; i++) {
        free(x.files[i].name);
        free(x.files[i].path);
        free(x.files[i].data);
    }
    free(x.files);
    baselines_release(&x.all);
    free(x.common.data.items);
    return status;
}
