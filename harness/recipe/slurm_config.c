/* The `slurm` block: see slurm_config.h. */
#include "harness/recipe/slurm_config.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/recipe/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, COUNT, LINES };

static const struct slurm_key {
    const char *name;
    enum kind kind;
    const char *option; // of sbatch; NULL: for us
    long preset, min, max;
    const char *help;
} keys[] = {
    {"partition", TEXT, "partition", 0, 0, 0, "queue of the cluster"},
    {"account", TEXT, "account", 0, 0, 0, "whom the time is charged to"},
    {"qos", TEXT, "qos", 0, 0, 0, "quality of service"},
    {"time", TEXT, "time", 0, 0, 0, "limit of a task, as sbatch reads it: 30, 4:00:00, 2-0"},
    {"gres", TEXT, "gres", 0, 0, 0, "generic resources of a task, such as gpu:1"},
    {"memory", TEXT, "mem", 0, 0, 0, "memory of a task, such as 8G"},
    {"constraint", TEXT, "constraint", 0, 0, 0, "features that a node must have"},
    {"device", TEXT, NULL, 0, 0, 0,
     "what runs compute on: auto (a GPU of the node if one is usable), cpu or cuda"},
    {"cpus", COUNT, "cpus-per-task", 1, 1, 4096, "cores of a task, and its threads"},
    {"extra", LINES, NULL, 0, 0, 0, "more options, each as sbatch takes it"},
    {"concurrent", COUNT, NULL, 0, 1, 100000, "tasks of an array at once (default: no limit)"},
    {"array", COUNT, NULL, 1000, 1, 100000,
     "tasks of an array, at most the cluster's MaxArraySize"},
    {"poll", COUNT, NULL, 10, 1, 3600, "seconds between looks at the queue"},
    {0},
};

static const struct slurm_key *key_find(const char *name)
{
    for (const struct slurm_key *k = keys; k->name; k++)
        if (str_eq(k->name, name))
            return k;
    return NULL;
}

static int unknown_key(const struct yaml_node *at, struct err *e)
{
    struct names known = {0};
    for (const struct slurm_key *k = keys; k->name; k++)
        names_add(&known, k->name);
    return unknown_name(e, at, "key of 'slurm'", at->text, &known);
}

static int read_lines(const struct yaml_node *node, json_t **out, struct err *e)
{
    if (node->kind != YAML_LIST)
        return yaml_error(e, ERR_PARSE, node, "expected a list of options of sbatch");
    *out = json_array();
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *one = node->items[i];
        if (one->kind != YAML_SCALAR || !str_starts(one->text, "--")) {
            json_decref(*out);
            return yaml_error(e, ERR_PARSE, one,
                              "expected an option as sbatch takes it, as in "
                              "--exclusive or --mail-type=END");
        }
        json_array_append_new(*out, json_string(one->text));
    }
    return 0;
}

static int read_value(const struct slurm_key *k, const struct yaml_node *node, json_t **out,
                      struct err *e)
{
    long count;
    if (k->kind == LINES)
        return read_lines(node, out, e);
    if (node->kind != YAML_SCALAR || yaml_is_null(node) || !*node->text)
        return yaml_error(e, ERR_PARSE, node, "expected one value for '%s'", k->name);
    if (k->kind == TEXT) {
        *out = json_string(node->text);
        return 0;
    }
    if (!str_to_long(node->text, k->min, k->max, &count))
        return yaml_error(e, ERR_RANGE, node, "'%s' is a whole number from %ld to %ld", k->name,
                          k->min, k->max);
    *out = json_integer(count);
    return 0;
}

int slurm_block_read(const struct yaml_node *node, json_t **out, struct err *e)
{
    *out = NULL;
    if (node->kind != YAML_MAP)
        return yaml_error(e, ERR_PARSE, node, "expected a map of keys and values");
    json_t *block = json_object();
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_node *name = node->items[2 * i];
        const struct slurm_key *k = key_find(name->text);
        json_t *value = NULL;
        int rc = k ? read_value(k, node->items[2 * i + 1], &value, e) : unknown_key(name, e);
        if (rc < 0) {
            json_decref(block);
            return rc;
        }
        json_object_set_new(block, k->name, value);
    }
    *out = block;
    return 0;
}

int slurm_config_load(const json_t *recipe, const char *workspace, json_t **out, struct err *e)
{
    struct yaml_file *file = NULL;
    char *path = fs_join(workspace, "slurm.yaml");
    int rc = 0;
    *out = NULL;
    if (fs_is_file(path) && (rc = yaml_read(&file, path, e)) == 0)
        rc = slurm_block_read(file->root, out, e);
    if (rc == 0 && !*out)
        *out = json_object();
    if (rc == 0 && recipe)
        json_object_update(*out, (json_t *)recipe);
    yaml_free(file);
    free(path);
    return rc;
}

long slurm_config_count(const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);
    return value ? (long)json_integer_value(value) : key_find(key)->preset;
}

void slurm_config_options(const json_t *config, json_t *argv)
{
    for (const struct slurm_key *k = keys; k->name; k++) {
        const json_t *value = json_object_get(config, k->name);
        char *text = NULL;
        if (!k->option)
            continue;
        if (k->kind == COUNT)
            text = str_format("--%s=%ld", k->option, slurm_config_count(config, k->name));
        else if (value)
            text = str_format("--%s=%s", k->option, json_string_value(value));
        if (text)
            json_array_append_new(argv, json_string(text));
        free(text);
    }
    json_array_extend(argv, json_object_get(config, "extra"));
}

double slurm_config_seconds(const json_t *config)
{
    const char *text = json_string_value(json_object_get(config, "time"));
    unsigned days = 0, parts[3] = {0}, n = 0;
    int used = 0;
    if (!text)
        return 0;
    bool dash = sscanf(text, "%u-%n", &days, &used) == 1 && used > 0;
    const char *rest = dash ? text + used : text;
    if (!dash)
        days = 0;
    while (n < 3 && sscanf(rest, "%u%n", &parts[n], &used) == 1) {
        n++;
        rest += used;
        if (*rest != ':')
            break;
        rest++;
    }
    if (!n || *rest)
        return 0; // "infinite", or something that sbatch will refuse itself
    // Without days: minutes, minutes:seconds, hours:minutes:seconds. With them, hours come first.
    double unit[3] = {3600, 60, 1};
    unsigned first = dash || n == 3 ? 0 : 1;
    double seconds = 86400.0 * days;
    for (unsigned i = 0; i < n; i++)
        seconds += unit[first + i] * parts[i];
    return seconds;
}

void slurm_config_describe(recipe_describe *row, void *arg)
{
    for (const struct slurm_key *k = keys; k->name; k++) {
        char preset[24] = "", *values = NULL;
        if (k->kind == COUNT)
            values = str_format("%ld to %ld", k->min, k->max);
        if (k->preset)
            snprintf(preset, sizeof preset, "%ld", k->preset);
        row(arg, k->name,
            values             ? values
            : k->kind == LINES ? "list"
                               : "text",
            *preset ? preset : NULL, k->help);
        free(values);
    }
}
