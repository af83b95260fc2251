/*
 * `promptgrid data sample DATASET --shots K --seed S`: the few-shot selection, in selection order,
 * one path a line or as JSON. It reads the split only, so it works where the images are not there.
 */
#include "core/base/log.h"
#include "core/base/opt.h"
#include "core/data/fewshot.h"
#include "runner/runner.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct sample {
    const char *split;
    long shots, seed;
    bool json;
    struct opt_list data;
};

static void print_lines(const struct split *s, const struct split_list *list, const size_t *picks,
                        size_t n)
{
    (void)s;
    for (size_t i = 0; i < n; i++) {
        char *path = str_visible(list->items[picks[i]].path);
        puts(path);
        free(path);
    }
}

static void print_json(const struct split *s, const struct split_list *list, const size_t *picks,
                       size_t n)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct split_item *item = &list->items[picks[i]];
        json_array_append_new(rows, json_pack("{s:s, s:i, s:s}", "path", item->path, "label",
                                              item->label, "class", s->names[item->label]));
    }
    json_dumpf(rows, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(rows);
}

static int print_sample(const struct sample *o, const char *dataset, struct err *e)
{
    const struct dataset_row *row;
    struct roots roots = {0};
    struct split split = {0};
    char *folder = NULL;
    size_t *picks = NULL, n;
    enum split_part part = str_eq(o->split, "val") ? SPLIT_VAL : SPLIT_TRAIN;
    int rc = roots_open(&roots, o->data.items, o->data.n, e);
    if (rc == 0 && (rc = dataset_get(&row, dataset, e)) == 0 && dataset_is_target(row))
        rc = err_set(e, ERR_USAGE, "'%s' is an evaluation target: it has no training images",
                     row->name);
    if (rc < 0 || (rc = roots_dataset(&roots, row, &folder, e)) < 0 ||
        (rc = split_load(&split, row, folder, e)) < 0)
        goto out;
    fewshot_select(&split, part, (int)o->shots, (uint64_t)o->seed, &picks, &n);
    (o->json ? print_json : print_lines)(&split, &split.part[part], picks, n);
    if (fflush(stdout) || ferror(stdout))
        rc = err_sys(e, "unable to write the selection");
out:
    free(picks);
    free(folder);
    split_release(&split);
    roots_release(&roots);
    return rc;
}

int runner_sample(int argc, char **argv)
{
    struct sample o = {.split = "train", .shots = -1, .seed = -1};
    const struct opt options[] = {
        {"shots", OPT_COUNT, &o.shots, "K", "images per class"},
        {"seed", OPT_COUNT, &o.seed, "S", "seed of the selection"},
        {"split", OPT_TEXT, &o.split, "NAME", "train or val (default: train)"},
        {"data", OPT_LIST, &o.data, "DIR", "folder of datasets; may be given again"},
        {"json", OPT_FLAG, &o.json, NULL, "print an array of {path, label, class}"},
        {0},
    };
    struct err e = {0};
    int rest, rc = opt_parse(options, argc, argv, &rest, &e);
    if (rc > 0) {
        opt_print_help(options,
                       "usage: promptgrid data sample DATASET --shots K --seed S [options]\n\n"
                       "the few-shot pictures, in the order in which CoOp picks them\n\n");
        free(o.data.items);
        return 0;
    }
    if (rc == 0 && rest != 1)
        rc = err_set(&e, ERR_USAGE, "data sample: expected one dataset, found %d words", rest);
    if (rc == 0 && (o.shots < 1 || o.shots > INT_MAX || o.seed < 0))
        rc = err_set(&e, ERR_USAGE,
                     "data sample: expected --shots K (from 1) and --seed S (from 0)");
    if (rc == 0 && !str_eq(o.split, "train") && !str_eq(o.split, "val"))
        rc = err_set(&e, ERR_USAGE, "data sample: unknown split '%s', expected train or val",
                     o.split);
    if (rc == 0)
        rc = print_sample(&o, argv[1], &e);
    free(o.data.items);
    if (rc == 0)
        return 0;
    return log_fail(&e);
}
