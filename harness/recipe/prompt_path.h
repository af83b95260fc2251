/*
 * Paths of trained prompts as a recipe gives them to methods that test a file: one path for many
 * runs, with the fields {dataset}, {source}, {shots} and {seed}.
 */
#ifndef PROMPTGRID_HARNESS_PROMPT_PATH_H
#define PROMPTGRID_HARNESS_PROMPT_PATH_H

#include <stdbool.h>
#include <stddef.h>

struct grid_run;

/* Does the path have the field "{name}"? And the first field that there is not, or NULL. */
bool prompt_path_has(const char *path, const char *name);
const char *prompt_path_unknown(const char *path, char *out, size_t size);

/* The path of a run with its fields filled in, yours to free(); NULL: its method tests no file. */
char *prompt_path(const struct grid_run *r);

#endif
