/*
 * promptgrid data: the datasets that are known, where they are and whether they are whole; few-shot
 * selections and splits made anew are the runner's `sample` and `split`.
 */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/own.h"
#include "harness/cmd/cmd_data.h"
#include "harness/cmd/cmd_runner.h"
#include "harness/cmd/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_data_root(const struct roots *roots, const char **root, struct err *e)
{
    if (roots->n < 2) // the last is that of the pocket datasets
        return err_set(e, ERR_USAGE,
                       "no --data or PROMPTGRID_DATA folder was given: which is to hold datasets?");
    *root = roots->folders[0];
    return 0;
}

int cmd_data_folder(const struct roots *roots, const struct dataset_row *row, char **folder,
                    struct err *e)
{
    const char *root = NULL;
    if (roots_dataset(roots, row, folder, &(struct err){0}) == 0)
        return 0;
    int rc = cmd_data_root(roots, &root, e);
    if (rc == 0)
        *folder = fs_join(root, row->folder);
    return rc;
}

/* ---- data list ---- */

enum { COLUMNS = 7 };

static const char *const titles[COLUMNS] = {"DATASET", "LABEL", "CLASSES", "TRAIN",
                                            "VAL",     "TEST",  "WHERE"};

/* A count that the row does not state is null. */
static json_t *count_json(int count)
{
    return count ? json_integer(count) : json_null();
}

static json_t *row_json(const struct dataset_row *d, const char *folder)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:s?}", "name", d->name, "label",
                     d->label, "classes", count_json(d->classes), "train", count_json(d->train),
                     "val", count_json(d->val), "test", count_json(d->test), "target",
                     dataset_is_target(d), "folder", folder);
}

static char *count_cell(int count)
{
    return count ? str_format("%d", count) : mem_strdup("-");
}

static void print_list(const struct roots *roots, bool as_json)
{
    size_t rows = dataset_rows_count() + own_count() + 1, n = 0;
    char **cells = mem_zero(rows * COLUMNS, sizeof *cells);
    json_t *array = json_array();
    for (size_t c = 0; c < COLUMNS; c++)
        cells[n++] = mem_strdup(titles[c]);
    for (size_t i = 0; i + 1 < rows; i++) {
        const struct dataset_row *d = dataset_at(i);
        struct err e = {0};
        char *folder = NULL;
        roots_dataset(roots, d, &folder, &e); // not being there is an answer too
        json_array_append_new(array, row_json(d, folder));
        cells[n++] = mem_strdup(d->name);
        cells[n++] = mem_strdup(d->label);
        cells[n++] = count_cell(d->classes);
        cells[n++] = count_cell(d->train);
        cells[n++] = count_cell(d->val);
        cells[n++] = count_cell(d->test);
        cells[n++] = folder ? str_visible(folder) : mem_strdup("missing");
        free(folder);
    }
    if (as_json)
        cmd_print_json(json_incref(array));
    else
        columns_print(cells, rows, COLUMNS, 2, 5);
    json_decref(array);
    for (size_t i = 0; i < n; i++)
        free(cells[i]);
    free(cells);
}

static int data_list(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct roots roots = {0};
    struct err e = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest, status = cmd_options(self, table, argc, argv, &rest, 0, 0);
    if (status < 0) {
        status = roots_open(&roots, common.data.items, common.data.n, &e) < 0 ? log_fail(&e) : 0;
        if (!status)
            print_list(&roots, common.json);
        roots_release(&roots);
    }
    free(common.data.items);
    return status;
}

/* ---- data ---- */

static int data_sample(const struct cmd *self, int argc, char **argv)
{
    (void)self;
    return cmd_become_runner("sample", argc, argv);
}

static int data_split(const struct cmd *self, int argc, char **argv)
{
    (void)self;
    return cmd_become_runner("split", argc, argv);
}

static const struct cmd parts[] = {
    {"data list", "", "the datasets that are known, their official counts, and where they are",
     data_list},
    {"data check", "[DATASET...]",
     "read the split and look at every image; exit status 1 when something about\n"
     "a dataset does not hold, 3 when it is not there; without a name, all that are there",
     cmd_data_check},
    {"data show", "DATASET",
     "its folder, classes, counts, sources and citation, and what of it is there", cmd_data_show},
    {"data fetch", "DATASET...",
     "get what is missing from its publishers; checked, unpacked, in CoOp's folder; a set too",
     cmd_data_fetch},
    {"data link", "DATASET FOLDER",
     "link a dataset that lies elsewhere, in another order; what is where comes from the split",
     cmd_data_link},
    {"data sample", "DATASET --shots K --seed S", "the few-shot selection, as CoOp picks it",
     data_sample},
    {"data new", "NAME --from PATH --template TEXT",
     "pictures of your own as a dataset; recipes know it by its name", cmd_data_new},
    {"data split", "DATASET", "make a missing split file anew; not the official one", data_split},
    {0},
};
enum { PREFIX = sizeof "data " - 1 };

static void help(const struct cmd *self)
{
    printf("usage: promptgrid %s %s\n\n", self->name, self->arguments);
    for (const struct cmd *p = parts; p->name; p++) {
        struct str line = STR_INIT;
        str_addf(&line, "  %s %s", p->name + PREFIX, p->arguments);
        str_pad(&line, line.size < 36 ? 36 - line.size : 2, ' ');
        str_addf(&line, "%.*s\n", (int)strcspn(p->about, ";"), p->about);
        fputs(line.data, stdout);
        str_release(&line);
    }
    printf("\n'promptgrid data COMMAND --help' lists a command's options\n");
}

int cmd_data(const struct cmd *self, int argc, char **argv)
{
    struct err e = {0};
    const char *names[sizeof parts / sizeof parts[0]];
    size_t n = 0;
    if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))) {
        help(self);
        return 0;
    }
    for (const struct cmd *p = parts; p->name; p++) {
        if (argc > 1 && str_eq(argv[1], p->name + PREFIX))
            return p->run(p, argc - 1, argv + 1);
        names[n++] = p->name + PREFIX;
    }
    if (argc < 2) {
        err_set(&e, ERR_USAGE, "a word is missing; usage: promptgrid %s %s", self->name,
                self->arguments);
        return log_fail(&e);
    }
    const char *near = str_nearest(argv[1], names, n, sizeof names[0]);
    err_set(&e, ERR_USAGE, "unknown command 'data %s'%s%s%s", argv[1],
            near ? ", did you mean 'data "
                 : "; there are list, check, show, fetch, link, new, sample and split",
            near ? near : "", near ? "'?" : "");
    return log_fail(&e);
}
