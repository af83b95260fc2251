/*
 * Command-line options from a table: parsing, help and "did you mean" come from the same rows.
 *
 *     bool json = false; long jobs = 0; struct opt_list data = {0};
 *     const struct opt options[] = {
 *         {"json", OPT_FLAG, &json, NULL, "print JSON"},
 *         {"jobs", OPT_COUNT, &jobs, "N", "runs at once (default: one per core)"},
 *         {"data", OPT_LIST, &data, "DIR", "folder of datasets; may be given again"},
 *         {0}};
 *
 * "--name value" and "--name=value" are the same; "--" ends options; "-h" and "--help" are always
 * known. What is no option is left in argv, in order. "--help=table" is help for programs that make
 * manuals and completions: opt_help then writes "\t--name\tARGUMENT\thelp" lines.
 */
#ifndef PROMPTGRID_BASE_OPT_H
#define PROMPTGRID_BASE_OPT_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum opt_kind {
    OPT_FLAG,  // bool, set to true
    OPT_TEXT,  // const char *, borrowed from argv
    OPT_COUNT, // long >= 0
    OPT_LIST,  // struct opt_list, every occurrence in order
};

struct opt_list {
    const char **items; // borrowed from argv; free(items)
    size_t n, capacity;
};

struct opt {
    const char *name; // without dashes; one letter may be written "-x"; NULL ends the table
    enum opt_kind kind;
    void *value;
    const char *argument; // shown in help; NULL for OPT_FLAG
    const char *help;     // one line
};

/* Parse argv[1..argc-1]; afterwards argv[1..*rest] are the words that are no options. Returns 1
 * when help was asked for, 0, or ERR_USAGE. */
int opt_parse(const struct opt *table, int argc, char **argv, int *rest, struct err *e);

/* One line an option, aligned; with tabs after "--help=table". */
void opt_help(const struct opt *table, struct str *out);

/* Help on stdout: a text, as for printf, and the options after it. */
void opt_print_help(const struct opt *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
