/*
 * promptgrid data fetch: what a dataset is made of, from its publishers into CoOp's folder; then it
 * is looked at and its manifest written. What cannot be fetched is told, with the steps.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/thread.h"
#include "core/data/inspect.h"
#include "harness/cmd/cmd_data.h"
#include "harness/cmd/dataset_fetch.h"
#include "harness/cmd/download.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct cmd_common common;
    struct opt_list mirrors;
    bool offline, keep;
    long patience;
    struct roots roots;
    json_t *all; // with --json
};

/* ---- what is said ---- */

/* "131740031 bytes, SHA-256 ..."; yours to free(). */
static char *describe(const struct origin_file *f)
{
    struct str text = STR_INIT;
    if (f->bytes)
        str_addf(&text, ", %lld bytes", f->bytes);
    if (f->sha256 || f->md5)
        str_addf(&text, ", %s %s", f->sha256 ? "SHA-256" : "MD5", f->sha256 ? f->sha256 : f->md5);
    return str_detach(&text);
}

static void tell_missing(const struct origin_file *f, const char *folder)
{
    char *urls[ORIGIN_ADDRESSES], *what = describe(f);
    const size_t n = origin_addresses(f, urls);
    log_info("missing: '%s'%s", f->file, what);
    for (size_t i = 0; i < n; i++) {
        log_info("    %s", urls[i]);
        free(urls[i]);
    }
    if (f->by_hand)
        log_info("    %s", f->by_hand);
    log_info("    it goes to '%s/downloads', and the same command takes it from there", folder);
    free(what);
}

/* Text of several lines. */
static void tell_lines(const char *text)
{
    for (const char *line = text; *line;) {
        const int n = (int)strcspn(line, "\n");
        log_info("  %.*s", n, line);
        line += n + (line[n] == '\n');
    }
}

static json_t *results_json(const struct dataset_fetch *f, const struct fetch_result *results,
                            size_t n, bool whole)
{
    json_t *files = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct origin_file *file = results[i].file;
        char *urls[ORIGIN_ADDRESSES];
        const size_t m = origin_addresses(file, urls);
        json_t *from = json_array();
        for (size_t k = 0; k < m; k++) {
            json_array_append_new(from, json_string(urls[k]));
            free(urls[k]);
        }
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:s?, s:o, s:s?, s:s?, s:o}", "file", file->file, "gives",
                      file->gives, "state", fetch_states[results[i].state], "why", results[i].why,
                      "bytes", file->bytes ? json_integer(file->bytes) : json_null(), "sha256",
                      file->sha256, "md5", file->md5, "urls", from);
        BUG_IF(!row);
        json_array_append_new(files, row);
    }
    return json_pack("{s:s, s:s, s:b, s:o}", "name", f->row->name, "folder", f->folder, "whole",
                     whole, "files", files);
}

/* ---- one dataset ---- */

/* ImageNet takes hours to decode: it gets a manifest when somebody asks for it. */
enum { MANIFEST_IMAGES = 200000 };

/* All that can be fetched is there: is it the dataset? Then it gets a manifest, if it has none. */
static int finish(const struct dataset_fetch *f, struct err *e)
{
    struct split split = {0};
    struct manifest manifest = {0};
    struct inspect found = {0};
    bool deep = false;
    size_t bad = 0;
    int rc = split_load(&split, f->row, f->folder, e);
    if (rc == 0)
        rc = manifest_open(&manifest, f->row, f->folder, e);
    if (rc == 0 && (rc = split_check_classes(&split, f->row, e)) == 0) {
        deep =
            !manifest.n && split.part[SPLIT_TRAIN].n + split.part[SPLIT_TEST].n <= MANIFEST_IMAGES;
        log_info("looking at every image%s", deep ? ", once, for the manifest" : "");
        rc = inspect_all(&found, &split, f->row, f->folder, &manifest, deep, thread_cores(), NULL,
                         e);
    }
    for (int k = 0; rc == 0 && k < INSPECT_KINDS; k++)
        bad += found.count[k];
    if (bad)
        rc = err_set(e, ERR_CORRUPT,
                     "%zu of %zu images of '%s' cannot be used: 'promptgrid data check %s' lists "
                     "them",
                     bad, found.images, f->folder, f->row->name);
    else if (rc == 0 && deep)
        rc = manifest_write(&found.made, f->folder, e);
    else if (rc == 0 && !manifest.n)
        log_info("'promptgrid data check %s --deep --write' makes a manifest, which takes long",
                 f->row->name);
    char *note = rc == 0 ? split_note(&split, f->row) : mem_strdup("");
    if (*note)
        log_warn("%s", note);
    free(note);
    inspect_release(&found);
    manifest_release(&manifest);
    split_release(&split);
    return rc;
}

/* 0: it is whole. */
static int tell(const struct options *o, const struct dataset_fetch *f,
                const struct fetch_result *results, size_t n)
{
    int status = 0;
    for (size_t i = 0; i < n; i++) {
        if (results[i].state == FETCH_FAILED)
            log_error("%s", results[i].why);
        if (results[i].state == FETCH_MISSING)
            tell_missing(results[i].file, f->folder);
        if (results[i].state > FETCH_CAME)
            status = 3;
    }
    struct err e = {0};
    if (!o->offline && !status && finish(f, &e) < 0)
        status = log_fail(&e);
    if ((status || o->offline) && f->origin->by_hand) {
        log_info("what has to be done by hand for '%s':", f->row->name);
        tell_lines(f->origin->by_hand);
    }
    return status;
}

static int fetch_one(struct options *o, const struct dataset_row *row)
{
    struct dataset_fetch f = {.row = row,
                              .origin = origin_of(row),
                              .mirrors = &o->mirrors,
                              .offline = o->offline,
                              .keep = o->keep,
                              .patience = o->patience};
    struct fetch_result *results = NULL;
    struct err e = {0};
    char *folder = NULL;
    size_t n = 0;
    int status;
    if (!f.origin || !f.origin->files[0].file)
        err_set(&e, ERR_USAGE, "nothing is known of where '%s' comes from", row->name);
    else if (cmd_data_folder(&o->roots, row, &folder, &e) == 0) {
        f.folder = folder;
        if (f.origin->terms)
            log_info("'%s' is there on these terms: %s (%s)", row->label, f.origin->terms,
                     f.origin->homepage ? f.origin->homepage : "no address is given");
        dataset_fetch(&f, &results, &n, &e);
    }
    if (e.code) {
        status = log_fail(&e);
    } else {
        status = tell(o, &f, results, n);
        if (o->all)
            json_array_append_new(o->all, results_json(&f, results, n, !status));
        else if (!status && !o->offline)
            puts(folder);
    }
    fetch_results_free(results, n);
    free(folder);
    return status;
}

/* ---- the command ---- */

/* Every name is a dataset or a set of them. */
static int each(struct options *o, int n, char **names, bool fetch, struct err *e)
{
    const struct dataset_row *row;
    int worst = 0;
    for (int i = 0; i < n; i++) {
        const char *const one[] = {names[i], NULL}, *const *set = dataset_set_find(names[i]);
        for (const char *const *name = set ? set : one; *name; name++) {
            if (dataset_get(&row, *name, e) < 0)
                return e->code;
            const int status = fetch ? fetch_one(o, row) : 0;
            worst = status > worst ? status : worst;
        }
    }
    return worst;
}

static int run(struct options *o, int n, char **names)
{
    struct err e = {0};
    for (size_t i = 0; i < o->mirrors.n && !e.code; i++)
        if (!str_starts(o->mirrors.items[i], "https://") &&
            !str_starts(o->mirrors.items[i], "http://"))
            err_set(&e, ERR_USAGE, "--mirror '%s': expected https://...", o->mirrors.items[i]);
    if (!e.code)
        roots_open(&o->roots, o->common.data.items, o->common.data.n, &e);
    if (!e.code)
        each(o, n, names, false, &e); // names that are wrong are told before anything is fetched
    if (e.code)
        return log_fail(&e);
    o->all = o->common.json ? json_array() : NULL;
    const int status = each(o, n, names, true, &e);
    if (o->all)
        cmd_print_json(o->all);
    return status;
}

int cmd_data_fetch(const struct cmd *self, int argc, char **argv)
{
    struct options o = {.patience = DOWNLOAD_PATIENCE};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"mirror", OPT_LIST, &o.mirrors, "URL",
         "a folder with the files under their own names, tried first; may be given again"},
        {"offline", OPT_FLAG, &o.offline, NULL, "only say what is missing and where it comes from"},
        {"keep", OPT_FLAG, &o.keep, NULL, "keep archives once they are unpacked"},
        {"patience", OPT_COUNT, &o.patience, "S",
         "give up when less than 1 kB/s came for S seconds (default: 60)"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, argc);
    if (status < 0)
        status = run(&o, rest, argv + 1);
    roots_release(&o.roots);
    free(o.mirrors.items);
    free(o.common.data.items);
    return status;
}
