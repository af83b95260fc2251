/* See where.h. A condition becomes nodes as a recipe's text would, so that both are read by the
 * same rules and refused in the same words. */
#include "harness/cmd/where.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/recipe/grid.h"
#include "harness/recipe/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { VALUES = 1000 };

static struct yaml_node scalar(const struct yaml_file *file, const char *from, size_t bytes)
{
    return (struct yaml_node){.kind = YAML_SCALAR,
                              .file = file,
                              .offset = (size_t)(from - file->text),
                              .text = mem_strndup(from, bytes)};
}

/* "axis=a,b" -> {axis: [a, b]}, read as a recipe's condition. */
static int read_one(json_t **out, const char *given, struct err *e)
{
    char path[] = "--where";
    struct yaml_file file = {.path = path, .text = (char *)given, .size = strlen(given)};
    struct yaml_node *values = mem_alloc(VALUES, sizeof *values);
    struct yaml_node **items = mem_alloc(VALUES, sizeof *items), *pair[2];
    const char *equals = strchr(given, '=');
    size_t n = 0;
    if (!equals || equals == given) {
        free(values);
        free(items);
        return err_set(e, ERR_USAGE, "--where '%s': expected AXIS=VALUE[,VALUE...]", given);
    }
    for (const char *from = equals + 1; n < VALUES;) {
        size_t bytes = strcspn(from, ",");
        values[n] = scalar(&file, from, bytes);
        items[n] = &values[n];
        n++;
        if (!from[bytes])
            break;
        from += bytes + 1;
    }
    struct yaml_node key = scalar(&file, given, (size_t)(equals - given));
    struct yaml_node list = {.kind = YAML_LIST, .file = &file, .items = items, .n = n};
    list.offset = (size_t)(equals + 1 - given);
    pair[0] = &key;
    pair[1] = &list;
    const struct yaml_node map = {.kind = YAML_MAP, .file = &file, .items = pair, .n = 1};
    int rc = condition_read(&map, out, e);
    for (size_t i = 0; i < n; i++)
        free(values[i].text);
    free(key.text);
    free(values);
    free(items);
    if (rc < 0)
        e->code = ERR_USAGE; // of the command line, whatever was wrong
    return e->code;
}

int where_read(json_t **out, const struct opt_list *given, struct err *e)
{
    json_t *all = given->n ? json_object() : NULL, *one, *values;
    const char *axis;
    int rc = 0;
    for (size_t i = 0; i < given->n && rc == 0; i++) {
        rc = read_one(&one, given->items[i], e);
        if (rc < 0)
            break;
        json_object_foreach(one, axis, values)
        {
            if (json_object_get(all, axis))
                rc = err_set(e, ERR_USAGE, "--where: '%s' is given twice; give its values at once",
                             axis);
            else
                json_object_set(all, axis, values);
        }
        json_decref(one);
    }
    if (rc < 0) {
        json_decref(all);
        all = NULL;
    }
    *out = all;
    return rc;
}
