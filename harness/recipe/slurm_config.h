/*
 * What a cluster wants to be told: the `slurm:` block of a recipe over the site's file
 * <workspace>/slurm.yaml, which is such a block. Keys are rows of a table.
 */
#ifndef PROMPTGRID_HARNESS_SLURM_CONFIG_H
#define PROMPTGRID_HARNESS_SLURM_CONFIG_H

#include "harness/recipe/recipe.h"
#include "harness/recipe/yaml.h"

#include <jansson.h>

/* A checked block as an object: texts, whole numbers, "extra" an array of texts; a new reference.
 */
int slurm_block_read(const struct yaml_node *node, json_t **out, struct err *e);

/* The site's block with the recipe's over it (NULL = none); a new reference. */
int slurm_config_load(const json_t *recipe, const char *workspace, json_t **out, struct err *e);

long slurm_config_count(const json_t *config, const char *key); // with its default

/* sbatch's options: "--partition=gpu", ... appended to `argv` (array of texts). */
void slurm_config_options(const json_t *config, json_t *argv);

/* "5", "5:30", "1:00:00", "2-0", "2-12:30:00" as sbatch reads --time, in seconds; 0 = no limit. */
double slurm_config_seconds(const json_t *config);

/* Its keys. */
void slurm_config_describe(recipe_describe *row, void *arg);

#endif
