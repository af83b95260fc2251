/*
 * promptgrid data new: pictures of one's own become a dataset that recipes know by name: a link to
 * the pictures, a split in CoOp's format, and the description that the catalogue reads
 * (core/data/own.h), which comes last.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/newset.h"
#include "core/data/own.h"
#include "core/data/resplit.h"
#include "harness/cmd/cmd_data.h"
#include "results/baseline.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CSV_LIMIT = 256 << 20 };

struct options {
    struct cmd_common common;
    const char *from, *images, *template_, *label, *parts;
    long seed;
};

struct making {
    const struct options *o;
    const char *name;
    char *folder; // of the dataset
    char *from;   // absolute, links resolved
    char *base;   // folder that the split's paths are below
    char *images; // the same below `folder`
    char *split;  // the split file's name
    struct newset set;
    struct newset_told told;
    struct split made;
};

/* ---- a CSV file ---- */

enum { PATH, CLASS, PART, COLUMNS };
static const char *const columns[COLUMNS][5] = {{"path", "file", "filename", "image", NULL},
                                                {"class", "label", "name", "category", NULL},
                                                {"split", "part", "set", NULL}};

/* Which field is which; ERR_PARSE when path or class are not there. */
static int read_head(int at[COLUMNS], char **fields, size_t n, const char *path, struct err *e)
{
    for (int c = 0; c < COLUMNS; c++) {
        at[c] = -1;
        for (size_t i = 0; i < n && at[c] < 0; i++)
            for (int k = 0; columns[c][k]; k++)
                if (!strcasecmp(fields[i], columns[c][k]))
                    at[c] = (int)i;
    }
    if (at[PATH] < 0 || at[CLASS] < 0)
        return err_set(e, ERR_PARSE,
                       "%s:1: expected a head with the columns path and class, and if parts are "
                       "given, split",
                       path);
    return 0;
}

static int read_part(const char *text)
{
    for (int p = 0; p < SPLIT_PARTS; p++)
        if (!strcasecmp(text, split_part_names[p]))
            return p;
    return !*text                                                          ? -1
           : !strcasecmp(text, "valid") || !strcasecmp(text, "validation") ? SPLIT_VAL
                                                                           : -2;
}

static int read_record(struct newset_item *item, char **fields, size_t n, const int at[COLUMNS],
                       const char *path, size_t line, struct err *e)
{
    for (int c = 0; c < COLUMNS; c++)
        if (at[c] >= (int)n)
            return err_set(e, ERR_PARSE, "%s:%zu: %zu fields, fewer than the head has", path, line,
                           n);
    *item = (struct newset_item){fields[at[PATH]], fields[at[CLASS]],
                                 at[PART] < 0 ? -1 : read_part(fields[at[PART]])};
    if (!*item->name)
        return err_set(e, ERR_PARSE, "%s:%zu: the class is empty", path, line);
    if (!*item->path || *item->path == '/' || strstr(item->path, ".."))
        return err_set(e, ERR_PARSE,
                       "%s:%zu: the path '%s' does not lie below the folder of the list; --images "
                       "names another folder",
                       path, line, item->path);
    if (item->part == -2)
        return err_set(e, ERR_PARSE, "%s:%zu: the split is '%s', expected train, val or test", path,
                       line, fields[at[PART]]);
    return 0;
}

static int from_csv(struct making *m, struct err *e)
{
    char *text, *next, *fields[CSV_FIELDS];
    struct newset_item *items = NULL;
    size_t n, lines, count = 0, capacity = 0, line = 1;
    int at[COLUMNS], rc = fs_read(&text, NULL, m->from, CSV_LIMIT, e);
    if (rc < 0)
        return rc;
    next = text;
    if (str_starts(text, "\xef\xbb\xbf")) // as spreadsheets write it
        next += 3;
    for (bool head = true; next && rc == 0; line += lines) {
        if ((rc = csv_record(next, fields, &n, &next, &lines, e)) < 0)
            err_wrap(e, "%s:%zu", m->from, line);
        else if (head)
            rc = read_head(at, fields, n, m->from, e);
        else if (n > 1 || *fields[0])
            rc = read_record(&MEM_PUSH(items, count, capacity), fields, n, at, m->from, line, e);
        head = false;
    }
    if (rc == 0 && !count)
        rc = err_set(e, ERR_PARSE, "'%s' lists no picture", m->from);
    if (rc == 0)
        rc = newset_list(&m->made, &m->set, m->base, items, count, &m->told, e);
    free(items);
    free(text);
    return rc;
}

/* ---- what is asked ---- */

/* "50,20,30" */
static int read_parts(int parts[SPLIT_PARTS], const char *text, struct err *e)
{
    int end = 0;
    if (sscanf(text, "%d,%d,%d%n", &parts[0], &parts[1], &parts[2], &end) == 3 && !text[end] &&
        parts[SPLIT_TRAIN] > 0 && parts[SPLIT_VAL] >= 0 && parts[SPLIT_TEST] > 0 &&
        parts[0] < 100 && parts[1] < 100 && parts[2] < 100 && parts[0] + parts[1] + parts[2] == 100)
        return 0;
    return err_set(e, ERR_USAGE,
                   "--parts '%s': expected percent of train, val and test, as 50,20,30; train and "
                   "test are not 0",
                   text);
}

static int check_words(const struct options *o, const char *name, struct err *e)
{
    const char *at = o->template_ ? strstr(o->template_, "{}") : NULL;
    if (!own_is_name(name))
        return err_set(e, ERR_USAGE, "'%s' is no name for a dataset: 1 to 64 of a-z, 0-9, '-', '_'",
                       name);
    if (dataset_is_taken(name))
        return err_set(e, ERR_USAGE, "the name '%s' is taken: choose another", name);
    if (!o->from)
        return err_set(e, ERR_USAGE, "data new: expected --from FOLDER or --from FILE.csv");
    if (!at || strstr(at + 2, "{}"))
        return err_set(e, ERR_USAGE,
                       "data new: expected --template with {} once, where the class name goes, as "
                       "--template 'a photo of a {}.'");
    return 0;
}

static char *real(const char *path, struct err *e)
{
    char *resolved = realpath(path, NULL);
    if (!resolved) {
        err_sys(e, "unable to open '%s'", path);
        e->code = ERR_MISSING;
    }
    return resolved;
}

static int find_from(struct making *m, struct err *e)
{
    const struct options *o = m->o;
    m->from = real(o->from, e);
    if (!m->from)
        return e->code;
    const bool list = fs_is_file(m->from);
    if (o->images && !list)
        return err_set(e, ERR_USAGE, "--images is for a list: '%s' is a folder", o->from);
    m->base = o->images ? real(o->images, e) : list ? fs_folder(m->from) : mem_strdup(m->from);
    return m->base ? 0 : e->code;
}

/* ---- what is written ---- */

/* The pictures below the dataset's folder: they lie there, or a link leads to them. */
static int link_images(struct making *m, struct err *e)
{
    char *folder = real(m->folder, e), there[PATH_MAX];
    if (!folder)
        return e->code;
    const size_t n = strlen(folder);
    int rc = 0;
    if (str_eq(m->base, folder) || (str_starts(m->base, folder) && m->base[n] == '/')) {
        m->images = mem_strdup(m->base[n] ? m->base + n + 1 : "");
    } else {
        char *path = fs_join(m->folder, "images");
        m->images = mem_strdup("images");
        if (symlink(m->base, path) < 0) {
            const ssize_t got = errno == EEXIST ? readlink(path, there, sizeof there - 1) : -1;
            if (got >= 0)
                there[got] = 0;
            if (got < 0 || !str_eq(there, m->base))
                rc = err_set(e, ERR_USAGE, "'%s' is there already: set it aside", path);
        }
        free(path);
    }
    free(folder);
    return rc;
}

static int write_split(struct making *m, struct err *e)
{
    char *text = NULL, *path = NULL;
    m->split = m->told.divided ? str_format("split_%s_seed%ld.json", m->name, m->o->seed)
                               : str_format("split_%s.json", m->name);
    int rc = resplit_json(&m->made, &text, e);
    if (rc == 0) {
        path = fs_join(m->folder, m->split);
        rc = fs_write(path, text, strlen(text), e);
    }
    free(path);
    free(text);
    return rc;
}

static int write_description(const struct making *m, struct err *e)
{
    json_t *made =
        json_pack("{s:s, s:s}", "from", m->from, "program", "promptgrid " PROMPTGRID_VERSION);
    if (made && m->told.divided) {
        json_object_set_new(made, "seed", json_integer(m->o->seed));
        json_object_set_new(
            made, "parts",
            json_pack("[i, i, i]", m->set.parts[0], m->set.parts[1], m->set.parts[2]));
    }
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:o}", "label",
                             m->o->label ? m->o->label : m->name, "template", m->o->template_,
                             "split", m->split, "images", m->images, "classes", m->made.classes,
                             "train", (json_int_t)m->made.part[SPLIT_TRAIN].n, "val",
                             (json_int_t)m->made.part[SPLIT_VAL].n, "test",
                             (json_int_t)m->made.part[SPLIT_TEST].n, "made", made);
    if (!root)
        return err_set(e, ERR_PARSE, "the template, the label or a path is not UTF-8");
    char *path = fs_join(m->folder, own_file), *json = json_dumps(root, JSON_INDENT(2)),
         *text = str_format("%s\n", json);
    int rc = fs_write(path, text, strlen(text), e);
    json_decref(root);
    free(text);
    free(json);
    free(path);
    return rc;
}

static void tell(const struct making *m)
{
    if (m->told.skipped)
        log_warn("%zu file%s no JPEG or PNG picture and %s left out, the first is '%s'",
                 m->told.skipped, m->told.skipped == 1 ? " is" : "s are",
                 m->told.skipped == 1 ? "was" : "were", m->told.first);
    log_info("%d classes; %zu train, %zu val, %zu test images%s", m->made.classes,
             m->made.part[SPLIT_TRAIN].n, m->made.part[SPLIT_VAL].n, m->made.part[SPLIT_TEST].n,
             m->told.divided ? "" : ", in the parts that were given");
    log_info("in a recipe: 'dataset: %s'", m->name);
}

static int make(struct making *m, struct err *e)
{
    char *path = NULL;
    int rc = find_from(m, e);
    if (rc == 0)
        rc = fs_is_file(m->from) ? from_csv(m, e)
                                 : newset_folders(&m->made, &m->set, m->base, &m->told, e);
    if (rc < 0)
        return rc;
    path = fs_join(m->folder, own_file);
    if (fs_is_file(path))
        rc =
            err_set(e, ERR_USAGE,
                    "dataset '%s' is there already, in '%s': choose another name, or remove its %s",
                    m->name, m->folder, own_file);
    if (rc == 0 && (rc = fs_make_folders(m->folder, e)) == 0 && (rc = link_images(m, e)) == 0 &&
        (rc = write_split(m, e)) == 0 && (rc = write_description(m, e)) == 0)
        tell(m);
    free(path);
    return rc;
}

static int run(const struct options *o, const char *name)
{
    struct making m = {.o = o, .name = name, .set = {.seed = (uint64_t)o->seed}};
    struct roots roots = {0};
    struct err e = {0};
    const char *root;
    int status = 0;
    if (check_words(o, name, &e) < 0 || read_parts(m.set.parts, o->parts, &e) < 0 ||
        roots_open(&roots, o->common.data.items, o->common.data.n, &e) < 0 ||
        cmd_data_root(&roots, &root, &e) < 0) {
        status = log_fail(&e);
    } else {
        m.folder = fs_join(root, name);
        if (make(&m, &e) < 0)
            status = log_fail(&e);
        else
            puts(m.folder);
    }
    roots_release(&roots);
    split_release(&m.made);
    free(m.folder);
    free(m.from);
    free(m.base);
    free(m.images);
    free(m.split);
    return status;
}

int cmd_data_new(const struct cmd *self, int argc, char **argv)
{
    struct options o = {.seed = 1, .parts = "50,20,30"};
    const struct opt table[] = {
        CMD_COMMON(o.common),
        {"from", OPT_TEXT, &o.from, "PATH",
         "CLASS/PICTURE, or train/CLASS/PICTURE and so on, or a CSV file: path,class[,split]"},
        {"images", OPT_TEXT, &o.images, "DIR",
         "what a CSV file's paths are below (default: its own folder)"},
        {"template", OPT_TEXT, &o.template_, "TEXT",
         "sentence around a class name, as 'a photo of a {}.'"},
        {"label", OPT_TEXT, &o.label, "TEXT", "its name in tables (default: NAME)"},
        {"seed", OPT_COUNT, &o.seed, "S", "seed of the division (default: 1)"},
        {"parts", OPT_TEXT, &o.parts, "P,P,P",
         "percent of train, val and test (default: 50,20,30, as CoOp divides)"},
        {0},
    };
    int rest, status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0)
        status = run(&o, argv[1]);
    free(o.common.data.items);
    return status;
}
