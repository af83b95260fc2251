/*
 * `promptgrid data split DATASET`: make a missing split anew (core/data/resplit.h), under a name
 * that does not pretend to be the official file's. Prints the path of what it wrote.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/opt.h"
#include "core/data/resplit.h"
#include "runner/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *out;
    long seed;
    struct opt_list data;
};

enum { FILE_LIMIT = 256 << 20 };

/* A file that is there is left as it is, unless it holds the same already. */
static int write_once(const char *path, const char *text, struct err *e)
{
    char *there;
    int rc = fs_read(&there, NULL, path, FILE_LIMIT, e);
    if (rc < 0)
        return rc == ERR_MISSING ? fs_write(path, text, strlen(text), e) : rc;
    bool same = str_eq(there, text);
    free(there);
    return same ? 0
                : err_set(e, ERR_USAGE,
                          "'%s' is there already and holds something else: name another file with "
                          "--out",
                          path);
}

static void tell(const struct split *s, const struct dataset_row *row, const char *folder,
                 const char *path)
{
    char *note = split_note(s, row), *official = fs_join(folder, row->split);
    if (*note)
        log_warn("%s", note);
    log_info("this is not the official split: files were taken in sorted order, where CoOp takes "
             "them as the disk lists them; results with it are not those of published tables");
    log_info("nothing reads '%s' until it is copied to '%s'", path, official);
    free(official);
    free(note);
}

static int make_split(const struct options *o, const char *dataset, struct err *e)
{
    const struct dataset_row *row;
    struct roots roots = {0};
    struct split split = {0};
    char *folder = NULL, *text = NULL, *path = NULL;
    uint64_t seed = (uint64_t)o->seed;
    int rc;
    if ((rc = roots_open(&roots, o->data.items, o->data.n, e)) < 0 ||
        (rc = dataset_get(&row, dataset, e)) < 0 || (rc = resplit_can(row, e)) < 0 ||
        (rc = roots_dataset(&roots, row, &folder, e)) < 0 ||
        (rc = resplit_make(&split, row, folder, seed, e)) < 0 ||
        (rc = resplit_json(&split, &text, e)) < 0)
        goto out;
    char *name = resplit_name(row, seed);
    path = o->out ? mem_strdup(o->out) : fs_join(folder, name);
    free(name);
    if ((rc = write_once(path, text, e)) < 0)
        goto out;
    tell(&split, row, folder, path);
    if (puts(path) < 0 || fflush(stdout))
        rc = err_sys(e, "unable to write to stdout");
out:
    free(path);
    free(text);
    free(folder);
    split_release(&split);
    roots_release(&roots);
    return rc;
}

int runner_split(int argc, char **argv)
{
    struct options o = {.seed = 1};
    const struct opt options[] = {
        {"seed", OPT_COUNT, &o.seed, "S", "seed of the shuffles (default: 1)"},
        {"out", OPT_TEXT, &o.out, "FILE",
         "where to write (default: split_regenerated_NAME_seedS.json beside the data)"},
        {"data", OPT_LIST, &o.data, "DIR", "folder of datasets; may be given again"},
        {0},
    };
    struct err e = {0};
    int rest, rc = opt_parse(options, argc, argv, &rest, &e);
    if (rc > 0) {
        opt_print_help(
            options,
            "usage: promptgrid data split DATASET [options]\n\n"
            "Make the split of a dataset whose split file is missing, by the rules of CoOp and\n"
            "Python's generator. It is not the official split: see what it says.\n\n");
        free(o.data.items);
        return 0;
    }
    if (rc == 0 && rest != 1)
        rc = err_set(&e, ERR_USAGE, "data split: expected one dataset, found %d words", rest);
    if (rc == 0)
        rc = make_split(&o, argv[1], &e);
    free(o.data.items);
    if (rc == 0)
        return 0;
    return log_fail(&e);
}
