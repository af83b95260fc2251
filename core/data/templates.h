/*
 * Sentences around class names beyond a dataset's own template: the sets that are averaged, and the
 * templates that KgCoOp and ProGrad use instead (spec/datasets.md sections 5 and 6). "{}" stands
 * for the class name.
 */
#ifndef PROMPTGRID_DATA_TEMPLATES_H
#define PROMPTGRID_DATA_TEMPLATES_H

#include "core/data/catalogue.h"

#include <stddef.h>

/* Sets: "select7" (OpenAI's selected ones), "imagenet80" (all of OpenAI's, in their order) and
 * "promptsrc60" (PromptSRC's: the 40th of the 80, then the first 60 without it). */
size_t templates_count(const char *set); // 0 = there is no such set

/* Template `i` of a set that exists, i < templates_count(set). */
const char *templates_for(const char *set, size_t i);

/* The template of a dataset as KgCoOp's teacher has it, and as ProGrad has it everywhere. */
const char *template_kgcoop(const struct dataset_row *d);
const char *template_prograd(const struct dataset_row *d);

#endif
