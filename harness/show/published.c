/* See published.h. */
#include "harness/show/published.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/catalogue.h"

#include <string.h>

char *published_folder(const char *home)
{
    return fs_join(home, "results/published");
}

char *published_own(const char *workspace)
{
    return fs_join(workspace, "published");
}

static const char average[] = "Average", source[] = " (source)";

bool published_knows(const char *dataset)
{
    size_t n = strlen(dataset) - (str_ends(dataset, source) ? strlen(source) : 0);
    const struct dataset_row *d;
    for (size_t i = 0; (d = dataset_at(i)); i++)
        if (strlen(d->label) == n && strncmp(d->label, dataset, n) == 0)
            return true;
    return str_eq(dataset, average);
}

/* ---- what may be meant ---- */

static const char *dataset_meant(const char *word)
{
    const struct dataset_row *d = dataset_find(word); // its name in recipes
    if (d)
        return d->label;
    const char *near =
        str_nearest(word, &dataset_rows[0].label, dataset_rows_count(), sizeof *dataset_rows);
    return near ? near : str_nearest(word, &(const char *){average}, 1, sizeof(char *));
}

static const char *backbone_meant(const char *word)
{
    const struct backbone_row *b = backbone_find(word);
    return b ? b->label
             : str_nearest(word, &backbone_rows[0].label, backbone_rows_count(),
                           sizeof *backbone_rows);
}

static int unknown(const char *what, const char *word, const char *meant, const char *otherwise,
                   struct err *e)
{
    if (meant)
        return err_set(e, ERR_PARSE, "unknown %s '%s', did you mean '%s'?", what, word, meant);
    return err_set(e, ERR_PARSE, "unknown %s '%s': expected %s", what, word, otherwise);
}

/* ---- a row ---- */

static const struct published_table {
    const char *name, *splits[3], *words;
} tables[] = {
    {"base2new", {"base", "new", "H"}, "base, new or H"},
    {"fewshot", {"all"}, "all"},
    {"cross_dataset", {"all"}, "all"},
    {"domain_gen", {"all"}, "all"},
};
enum { TABLES = sizeof tables / sizeof tables[0] };

static int check_table(const struct baseline_row *row, struct err *e)
{
    for (size_t i = 0; i < TABLES; i++) {
        const size_t n = strlen(tables[i].name);
        if (strncmp(row->table, tables[i].name, n) != 0 || (row->table[n] && row->table[n] != '_'))
            continue;
        for (size_t s = 0; s < 3; s++)
            if (str_eq(row->split, tables[i].splits[s]))
                return 0;
        return err_set(e, ERR_PARSE, "split '%s' is none of table '%s': expected %s", row->split,
                       row->table, tables[i].words);
    }
    return unknown("table", row->table,
                   str_nearest(row->table, &tables[0].name, TABLES, sizeof *tables),
                   "base2new, fewshot, cross_dataset, domain_gen, or one of them with _ and more "
                   "for another listing",
                   e);
}

static bool is_backbone(const char *label)
{
    for (const struct backbone_row *b = backbone_rows; b->name; b++)
        if (str_eq(b->label, label))
            return true;
    return false;
}

int published_check(const struct baseline_row *row, struct err *e)
{
    int rc = check_table(row, e);
    if (rc == 0 && !published_knows(row->dataset))
        rc = unknown("dataset", row->dataset, dataset_meant(row->dataset),
                     "a dataset's name in tables (data list), or Average", e);
    if (rc == 0 && !is_backbone(row->backbone))
        rc = unknown("backbone", row->backbone, backbone_meant(row->backbone),
                     "its name in tables, such as ViT-B/16", e);
    return rc < 0 ? err_wrap(e, "%s:%zu", row->file, row->line) : 0;
}
