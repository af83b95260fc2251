/*
 * Output folders of Dassl's trainers: where their logs are, and what the folders' names say of a
 * run.
 */
#ifndef PROMPTGRID_HARNESS_DASSL_TREE_H
#define PROMPTGRID_HARNESS_DASSL_TREE_H

#include "core/base/err.h"
#include "core/data/catalogue.h"

#include <stdbool.h>
#include <stddef.h>

/* Every "log.txt" below a folder, sorted; links to folders are not followed. */
struct dassl_logs {
    char **paths; // owned
    size_t n, capacity;
};
int dassl_tree_list(struct dassl_logs *logs, const char *folder, struct err *e);
void dassl_logs_release(struct dassl_logs *logs);

/* What a log's folder says. */
struct dassl_place {
    const struct dataset_row *dataset;
    char trainer[64], config[128];
    long shots, seed;
    const char *classes; // "base", "new", "all", or NULL: it does not say
    bool evaluation;     // of a model that was trained on another dataset
};

/* False when the names are none of the layouts that dassl_layouts lists. */
bool dassl_place_read(struct dassl_place *p, const char *log);

/* The layouts, one a line, for messages and help. */
extern const char dassl_layouts[];

/* The dataset of a name as folders have it ("oxford_pets") or as Dassl registers it ("OxfordPets");
 * NULL: unknown. */
const struct dataset_row *dassl_dataset(const char *name);

#endif
