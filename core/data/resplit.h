/*
 * A split made anew, for a dataset whose split file is missing: by CoOp's rules and Python's
 * generator (spec/fewshot-sampling.md section 6), only when somebody asks for it.
 *
 * It is not the official split, whose seed and order of files nobody knows: CoOp shuffles files as
 * the disk happens to list them, this takes them sorted. So the same folder and seed give the same
 * split on every machine, and its numbers are none of the published ones.
 */
#ifndef PROMPTGRID_DATA_RESPLIT_H
#define PROMPTGRID_DATA_RESPLIT_H

#include "core/data/split.h"

#include <stdint.h>

/* Has the dataset a rule? ERR_USAGE says why not. */
int resplit_can(const struct dataset_row *row, struct err *e);

/* `folder` is the dataset's folder, with its images and, for some, its lists; s->hash stays empty.
 */
int resplit_make(struct split *s, const struct dataset_row *row, const char *folder, uint64_t seed,
                 struct err *e);

/* The text that Python's json.dump(indent=4, separators=(",", ": ")) writes; yours to free().
 * ERR_PARSE when a name is not UTF-8. */
int resplit_json(const struct split *s, char **text, struct err *e);

/* "split_regenerated_Caltech101_seed1.json", yours to free(); `row` has a split file. */
char *resplit_name(const struct dataset_row *row, uint64_t seed);

#endif
