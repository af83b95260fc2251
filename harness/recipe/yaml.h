/*
 * YAML text -> a tree of nodes that know where they stand, so that every later error can show the
 * line and a caret. The only file that knows the YAML library.
 *
 * Refused, with the place: more than 1 MiB, NUL bytes, invalid UTF-8, several documents, tags, keys
 * that are no plain names, duplicate keys, more than 32 levels, more than 1000 aliases, aliases
 * that expand to more than 100,000 nodes.
 */
#ifndef PROMPTGRID_HARNESS_YAML_H
#define PROMPTGRID_HARNESS_YAML_H

#include "core/base/err.h"
#include "core/base/hash.h"

#include <stdbool.h>
#include <stddef.h>

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_file;

struct yaml_node {
    enum yaml_kind kind;
    const struct yaml_file *file;
    size_t offset;            // of its first byte in the file's text
    char *text;               // scalar: its value
    bool quoted;              // scalar: not plain, so never a number or null
    struct yaml_node **items; // list: n values; map: n pairs of key and value, 2n nodes
    size_t n;
    size_t expanded; // nodes below and including this one, aliases followed
    int levels;      // depth of what is below, 1 for a scalar
};

struct yaml_file {
    char *path;
    char *text; // without byte order mark
    size_t size;
    char sha256[HASH_HEX]; // of the whole file
    struct yaml_node *root;
    struct yaml_node **nodes; // every node once, for yaml_free
    size_t n_nodes, capacity;
};

int yaml_read(struct yaml_file **out, const char *path, struct err *e);
void yaml_free(struct yaml_file *f); // NULL is fine

/* Value of `key` in a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* "a map", "a list", "the text \"x\"", "'x'", "nothing": what a message says was found; yours to
 * free(). */
char *yaml_describe(const struct yaml_node *node);
bool yaml_is_null(const struct yaml_node *node); // nothing, ~ or null

size_t yaml_line(const struct yaml_node *node); // from 1

/* "file:line:col: message", the source line, a caret under the node; returns `code`. */
int yaml_error(struct err *e, int code, const struct yaml_node *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
