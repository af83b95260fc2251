/*
 * Values of a recipe, each once: combinations of them are then compared by numbers. For grid.c.
 */
#ifndef PROMPTGRID_HARNESS_GRID_VALUES_H
#define PROMPTGRID_HARNESS_GRID_VALUES_H

#include "core/base/map.h"
#include "core/proto/method_keys.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { GRID_NO_VALUE }; // the number of what is not given

struct grid_values {
    struct map texts; // canonical texts of the values
    struct map sets;  // of parameters: their values' numbers
    json_t *values;   // array by number of text
    json_t *params;   // array of objects by number of set
};

void grid_values_init(struct grid_values *v);
void grid_values_release(struct grid_values *v); // but for what was taken out

/* The number of an equal value, or of this one. */
uint32_t grid_values_add(struct grid_values *v, json_t *value);
uint32_t grid_values_add_new(struct grid_values *v, json_t *value); // takes the reference

/* Borrowed; NULL for GRID_NO_VALUE, text also for what is no text. */
json_t *grid_value(const struct grid_values *v, uint32_t number);
const char *grid_value_text(const struct grid_values *v, uint32_t number);

/* The parameters of a method, one number a key of its row, as an object: the same one for the same
 * numbers. Borrowed. *set: its number. */
json_t *grid_values_params(struct grid_values *v, const struct method_row *row,
                           const uint32_t *numbers, size_t *set);

#endif
