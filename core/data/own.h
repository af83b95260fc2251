/*
 * Datasets of one's own: a folder of a root that holds promptgrid-dataset.json is a dataset, and
 * its name is the folder's. The file says what a row of the catalogue says of the others:
 *
 *   {"label": "My leaves",                      in tables; the name where it is absent
 *    "template": "a photo of a {}, a leaf.",
 *    "split": "split_leaves.json",              CoOp's format (spec/datasets.md section 2)
 *    "images": "images",                        folder that the split's paths are below; "" = this
 *    "classes": 12, "train": 120, "val": 48, "test": 72,     0 or absent: not stated
 *    "note": "...", "made": {...},              what its user should know; how it was made
 *    "homepage", "citation", "terms", "sources"}             where it comes from: see origin.h
 *
 * The catalogue reads it (roots_open); nobody else needs to.
 */
#ifndef PROMPTGRID_DATA_OWN_H
#define PROMPTGRID_DATA_OWN_H

#include "core/data/catalogue.h"

#include <stdbool.h>

extern const char own_file[]; // "promptgrid-dataset.json"

/* The row that the file in `folder` makes; it lives as long as the program. ERR_MISSING: there is
 * no such file. */
int own_read(const struct dataset_row **row, const char *folder, struct err *e);

/* 1 to 64 of a-z, 0-9, '-' and '_'. */
bool own_is_name(const char *name);

/* Know the datasets of these roots, earlier roots first, and no longer those of a former call. What
 * cannot be read is known by its name, as a problem. */
void own_scan(char *const *roots, size_t n);

size_t own_count(void); // without problems
const struct dataset_row *own_at(size_t i);
const struct dataset_row *own_find(const char *name); // NULL: not known
const char *own_problem(const char *name);            // why it cannot be used, or NULL

#endif
