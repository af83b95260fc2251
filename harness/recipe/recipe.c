/*
 * A recipe file: its keys, what it extends, its grids, and the tables and figures it asks for.
 * Blocks are read in recipe_block.c and expanded in grid.c.
 */
#include "harness/recipe/recipe.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/recipe/grid.h"
#include "harness/recipe/recipe_output.h"
#include "harness/recipe/slurm_config.h"

#include <stdlib.h>
#include <string.h>

enum { EXTENDS_LIMIT = 8 };

/* Where a key may stand, and whether a recipe that extends this one gets it. */
enum {
    OF_FILE = 1,   // says something about this file only
    OF_RECIPE = 2, // inherited, but not for one grid
    OF_GRID = 4,   // inherited, and an entry of 'grids' may give it again
};

static const struct recipe_key {
    const char *name;
    int of;
    const char *values; // NULL: an axis, whose own row has it and the help
    const char *help;
} recipe_keys[] = {
    {"recipe", OF_FILE, "name", "name of the recipe (must be given)"},
    {"about", OF_FILE, "text", "what it is for, one or two lines"},
    {"extends", OF_FILE, "file name",
     "a recipe file in the same folder whose keys are defaults for this one"},
    {"protocol", OF_GRID, NULL, NULL},
    {"backbone", OF_GRID, NULL, NULL},
    {"precision", OF_GRID, NULL, NULL},
    {"views", OF_GRID, NULL, NULL},
    {"source", OF_GRID, NULL, NULL},
    {"dataset", OF_GRID, NULL, NULL},
    {"shots", OF_GRID, NULL, NULL},
    {"seed", OF_GRID, NULL, NULL},
    {"method", OF_GRID, NULL, NULL},
    {"zip", OF_GRID, "map or list of maps",
     "{axis: list, axis: list}: pairs axes; a list of such maps for several"},
    {"when", OF_GRID, "list of maps",
     "[{if: {axis: value or list}, set: {key: value}}]: later ones win"},
    {"exclude", OF_GRID, "list of maps",
     "[{axis: value or list, ...}]: combinations that are left out"},
    {"grids", OF_RECIPE, "list of maps",
     "list of maps, each a grid: this recipe with some keys given again"},
    {"limit", OF_RECIPE, "whole number",
     "largest number of runs (default 100000, at most 1000000)"},
    {"slurm", OF_RECIPE, "map",
     "{partition, account, time, gres, extra, ...}: for --executor slurm"},
    {"table", OF_RECIPE, "map or list of maps", "[{name, title, rows, columns, metrics, where}]"},
    {"figure", OF_RECIPE, "map or list of maps", "[{name, title, x, y, series, panel, where}]"},
    {0},
};

static const struct method_key limit_key = {
    "limit", KEY_INT, 1, 1000000, NULL, "100000", "largest number of runs"};

void recipe_help(struct str *out)
{
    for (const struct recipe_key *k = recipe_keys; k->name; k++) {
        const char *help = k->help ? k->help : axis_find(k->name)->help;
        str_addf(out, "  %-10s %s\n", k->name, help);
    }
    str_add(out, "  and any parameter of a method, as a default for every method that has it\n");
}

void recipe_keys_describe(recipe_describe *row, void *arg)
{
    for (const struct recipe_key *k = recipe_keys; k->name; k++)
        if (k->help)
            row(arg, k->name, k->values, NULL, k->help);
}

/* OF_* of a key; a method's parameter is a default for every method of a grid. 0 = unknown. */
static int key_of(const char *name)
{
    for (const struct recipe_key *k = recipe_keys; k->name; k++)
        if (str_eq(k->name, name))
            return k->of;
    return param_find(name) ? OF_GRID : 0;
}

/* Every key of `map` is one of those that may stand there. */
static int check_keys(const struct yaml_node *map, int allowed, struct err *e)
{
    if (map->kind != YAML_MAP)
        return yaml_error(e, ERR_PARSE, map, "expected a map of keys and values");
    for (size_t i = 0; i < map->n; i++) {
        const struct yaml_node *name = map->items[2 * i];
        int of = key_of(name->text);
        if (of & allowed)
            continue;
        if (of)
            return yaml_error(e, ERR_PARSE, name, "'%s' has no place in an entry of 'grids'",
                              name->text);
        struct names known = {0};
        for (const struct recipe_key *k = recipe_keys; k->name; k++)
            if (k->of & allowed)
                names_add(&known, k->name);
        names_add_params(&known);
        return unknown_name(e, name, "key", name->text, &known);
    }
    return 0;
}

static void overlay(struct entries *to, const struct yaml_node *map, int of)
{
    for (size_t i = 0; i < map->n; i++)
        if (key_of(map->items[2 * i]->text) & of)
            entries_put(to, map->items[2 * i], map->items[2 * i + 1]);
}

/* ---- files ---- */

struct chain {
    struct yaml_file *files[EXTENDS_LIMIT + 1]; // ours first
    size_t n;
};

static int unknown_recipe(const struct chain *chain, const struct yaml_node *at, const char *folder,
                          struct err *e)
{
    struct fs_names files;
    struct names known = {0};
    if (fs_list(&files, folder, e) < 0)
        return e->code;
    for (size_t i = 0; i < files.n; i++)
        if (str_ends(files.names[i], ".yaml") &&
            !str_eq(files.names[i], fs_base(chain->files[0]->path)))
            names_add(&known, files.names[i]);
    unknown_name(e, at, "recipe", at->text, &known);
    fs_names_release(&files);
    return e->code;
}

/* Load the recipe that the last of the chain extends; 1 when there was one. */
static int extend(struct chain *chain, struct err *e)
{
    const struct yaml_file *last = chain->files[chain->n - 1];
    const struct yaml_node *node = yaml_get(last->root, "extends");
    if (!node)
        return 0;
    if (node->kind != YAML_SCALAR || yaml_is_null(node) || strchr(node->text, '/') ||
        node->text[0] == '.')
        return yaml_error(e, ERR_PARSE, node, "expected the name of a file in the same folder");
    if (chain->n > EXTENDS_LIMIT)
        return yaml_error(e, ERR_RANGE, node, "more than %d recipes extend one another",
                          EXTENDS_LIMIT);
    char *folder = fs_folder(last->path), *path = fs_join(folder, node->text);
    int rc = 1;
    for (size_t i = 0; i < chain->n; i++)
        if (str_eq(fs_base(chain->files[i]->path), node->text))
            rc = yaml_error(e, ERR_PARSE, node, "'%s' extends itself", node->text);
    if (rc > 0 && !fs_is_file(path))
        rc = unknown_recipe(chain, node, folder, e);
    if (rc > 0 && yaml_read(&chain->files[chain->n], path, e) < 0)
        rc = e->code;
    if (rc > 0)
        chain->n++;
    free(path);
    free(folder);
    return rc;
}

static int load_chain(struct chain *chain, const char *path, struct err *e)
{
    if (yaml_read(&chain->files[0], path, e) < 0)
        return e->code;
    chain->n = 1;
    int rc;
    do {
        rc = check_keys(chain->files[chain->n - 1]->root, OF_FILE | OF_RECIPE | OF_GRID, e);
    } while (rc == 0 && (rc = extend(chain, e)) > 0);
    return rc;
}

static void hash_chain(const struct chain *chain, char out[HASH_HEX])
{
    memcpy(out, chain->files[0]->sha256, HASH_HEX);
    if (chain->n == 1)
        return;
    struct hash *h = hash_new();
    for (size_t i = 0; i < chain->n; i++)
        hash_add(h, chain->files[i]->sha256, HASH_HEX - 1);
    hash_end(h, out);
}

/* ---- grids ---- */

struct blocks {
    struct grid_block *items;
    size_t n;
};

/* A default for methods that no method takes is a mistake. */
static int check_params_used(const struct entries *from, const struct blocks *blocks, struct err *e)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct yaml_node *key = from->items[i].key;
        bool used = !param_find(key->text);
        for (size_t b = 0; b < blocks->n && !used; b++)
            for (size_t m = 0; m < blocks->items[b].n_methods; m++)
                used |= method_key_find(blocks->items[b].methods[m].row, key->text) != NULL;
        if (!used)
            return yaml_error(e, ERR_PARSE, key, "no method of this recipe has the parameter '%s'",
                              key->text);
    }
    return 0;
}

static int read_grid(struct blocks *blocks, const struct entries *general,
                     const struct yaml_node *map, struct err *e)
{
    struct entries own = {0};
    if (check_keys(map, OF_GRID, e) < 0)
        return e->code;
    for (size_t i = 0; i < general->n; i++)
        entries_put(&own, general->items[i].key, general->items[i].value);
    overlay(&own, map, OF_GRID);
    struct grid_block *block = &blocks->items[blocks->n];
    int rc = block_read(block, &own, map, e);
    if (rc == 0) {
        blocks->n++;
        struct blocks this = {block, 1};
        struct entries given = {0};
        overlay(&given, map, OF_GRID);
        rc = check_params_used(&given, &this, e);
        free(given.items);
    }
    free(own.items);
    return rc;
}

static int read_blocks(struct blocks *blocks, const struct entries *from,
                       const struct yaml_node *root, struct err *e)
{
    const struct entry *grids = entries_find(from, "grids");
    if (!grids) {
        blocks->items = mem_zero(1, sizeof *blocks->items);
        if (block_read(blocks->items, from, root, e) < 0)
            return e->code;
        blocks->n = 1;
    } else {
        const struct yaml_node *list = grids->value;
        if (list->kind != YAML_LIST || list->n == 0)
            return yaml_error(e, ERR_PARSE, list, "expected a list of maps, one for each grid");
        blocks->items = mem_zero(list->n, sizeof *blocks->items);
        for (size_t i = 0; i < list->n; i++)
            if (read_grid(blocks, from, list->items[i], e) < 0)
                return e->code;
    }
    return check_params_used(from, blocks, e);
}

/* ---- the recipe ---- */

static int read_head(struct recipe *r, const struct yaml_node *root, struct err *e)
{
    const struct yaml_node *name = yaml_get(root, "recipe"), *about = yaml_get(root, "about");
    if (!name)
        return yaml_error(e, ERR_PARSE, root, "key 'recipe' is missing");
    if (name_read(name, "recipe", &r->name, e) < 0)
        return e->code;
    if (about)
        return text_read(about, "about", &r->about, e);
    r->about = mem_strdup("");
    return 0;
}

static int read_recipe(struct recipe *r, const struct chain *chain, struct err *e)
{
    const struct yaml_node *root = chain->files[0]->root;
    struct entries entries = {0};
    struct blocks blocks = {0};
    size_t limit = (size_t)strtol(limit_key.preset, NULL, 10);
    if (read_head(r, root, e) < 0)
        return e->code;
    for (size_t i = chain->n; i-- > 0;)
        overlay(&entries, chain->files[i]->root, OF_RECIPE | OF_GRID);
    const struct entry *limit_entry = entries_find(&entries, "limit");
    json_t *value;
    int rc = 0;
    if (limit_entry) {
        rc = value_read(&limit_key, limit_entry->value, &value, e);
        if (rc < 0)
            goto out;
        limit = (size_t)json_integer_value(value);
        json_decref(value);
    }
    if ((rc = read_blocks(&blocks, &entries, root, e)) < 0 ||
        (rc = grid_expand(blocks.items, blocks.n, limit, &r->runs, &r->n, &r->values, e)) < 0)
        goto out;
    if (r->n == 0) {
        rc = yaml_error(e, ERR_PARSE, root, "the recipe has no run left; look at 'exclude'");
        goto out;
    }
    const struct entry *slurm = entries_find(&entries, "slurm");
    if (slurm && (rc = slurm_block_read(slurm->value, &r->slurm, e)) < 0)
        goto out;
    rc = output_read(r, &entries, e);
out:
    for (size_t i = 0; i < blocks.n; i++)
        block_release(&blocks.items[i]);
    free(blocks.items);
    free(entries.items);
    return rc;
}

int recipe_load(struct recipe **out, const char *path, struct err *e)
{
    struct chain chain = {0};
    struct recipe *r = mem_zero(1, sizeof *r);
    r->path = mem_strdup(path);
    *out = NULL;
    int rc = load_chain(&chain, path, e);
    if (rc == 0)
        rc = read_recipe(r, &chain, e);
    if (rc == 0) {
        hash_chain(&chain, r->sha256);
        r->files = mem_zero(chain.n + 1, sizeof *r->files);
        for (size_t i = 0; i < chain.n; i++)
            r->files[i] = mem_strdup(chain.files[i]->path);
        *out = r;
    } else {
        recipe_free(r);
    }
    for (size_t i = 0; i < chain.n; i++)
        yaml_free(chain.files[i]);
    return rc;
}

void recipe_free(struct recipe *r)
{
    if (!r)
        return;
    free(r->runs);
    json_decref(r->values);
    output_release(r);
    json_decref(r->slurm);
    for (char **file = r->files; file && *file; file++)
        free(*file);
    free(r->files);
    free(r->path);
    free(r->name);
    free(r->about);
    free(r);
}

void recipe_keep(struct recipe *r, size_t n)
{
    BUG_IF(n > r->n);
    r->n = n;
}
