/* See grid_values.h. */
#include "harness/recipe/grid_values.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/spec.h"

#include <stdlib.h>
#include <string.h>

void grid_values_init(struct grid_values *v)
{
    *v = (struct grid_values){.values = json_array(), .params = json_array()};
}

void grid_values_release(struct grid_values *v)
{
    map_release(&v->texts);
    map_release(&v->sets);
    json_decref(v->values);
    json_decref(v->params);
}

uint32_t grid_values_add(struct grid_values *v, json_t *value)
{
    bool is_new;
    char *text = spec_text(value);
    size_t number = map_add_text(&v->texts, text, &is_new);
    if (is_new)
        json_array_append(v->values, value);
    free(text);
    return (uint32_t)number + 1;
}

uint32_t grid_values_add_new(struct grid_values *v, json_t *value)
{
    uint32_t number = grid_values_add(v, value);
    json_decref(value);
    return number;
}

json_t *grid_value(const struct grid_values *v, uint32_t number)
{
    return number == GRID_NO_VALUE ? NULL : json_array_get(v->values, number - 1);
}

const char *grid_value_text(const struct grid_values *v, uint32_t number)
{
    return json_string_value(grid_value(v, number));
}

json_t *grid_values_params(struct grid_values *v, const struct method_row *row,
                           const uint32_t *numbers, size_t *set)
{
    bool is_new;
    size_t n = 0;
    while (row->keys[n].name)
        n++;
    struct str key = STR_INIT;
    str_addn(&key, (const char *)&row, sizeof row);
    str_addn(&key, (const char *)numbers, n * sizeof *numbers);
    *set = map_add(&v->sets, key.data, key.size, &is_new);
    str_release(&key);
    if (is_new) {
        json_t *params = json_object();
        for (size_t k = 0; k < n; k++)
            if (numbers[k] != GRID_NO_VALUE)
                json_object_set(params, row->keys[k].name, grid_value(v, numbers[k]));
        json_array_append_new(v->params, params);
    }
    return json_array_get(v->params, *set);
}
