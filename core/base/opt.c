/* Option tables: see opt.h. */
#include "core/base/opt.h"

#include "core/base/mem.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool as_table; // help was asked for by a program

static const struct opt *find(const struct opt *table, const char *name, size_t length)
{
    for (; table->name; table++)
        if (strlen(table->name) == length && memcmp(table->name, name, length) == 0)
            return table;
    return NULL;
}

/* Options of one letter are shown as "-x", others as "--name". */
static const char *dashes(const char *name)
{
    return name[0] && name[1] ? "--" : "-";
}

static int unknown(const struct opt *table, const char *word, const char *name, size_t length,
                   struct err *e)
{
    size_t n = 0;
    while (table[n].name)
        n++;
    char *asked = mem_strndup(name, length);
    const char *near = n ? str_nearest(asked, &table[0].name, n, sizeof *table) : NULL;
    err_set(e, ERR_USAGE, "unknown option '%s'%s%s%s%s", word, near ? ", did you mean '" : "",
            near ? dashes(near) : "", near ? near : "", near ? "'?" : "");
    free(asked);
    return ERR_USAGE;
}

static int store(const struct opt *o, const char *text, struct err *e)
{
    switch (o->kind) {
    case OPT_FLAG:
        if (text)
            return err_set(e, ERR_USAGE, "option '%s%s' takes no value", dashes(o->name), o->name);
        *(bool *)o->value = true;
        return 0;
    case OPT_TEXT:
        *(const char **)o->value = text;
        return 0;
    case OPT_COUNT:
        if (!str_to_long(text, 0, INT_MAX, (long *)o->value))
            return err_set(e, ERR_USAGE, "option '%s%s' needs a whole number from 0, not '%s'",
                           dashes(o->name), o->name, text);
        return 0;
    case OPT_LIST: {
        struct opt_list *list = o->value;
        MEM_PUSH(list->items, list->n, list->capacity) = text;
        return 0;
    }
    }
    BUG("option kind %d", (int)o->kind);
}

int opt_parse(const struct opt *table, int argc, char **argv, int *rest, struct err *e)
{
    bool options = true;
    *rest = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (!options || word[0] != '-' || !word[1]) {
            argv[++*rest] = word;
            continue;
        }
        if (str_eq(word, "--")) {
            options = false;
            continue;
        }
        as_table = str_eq(word, "--help=table");
        if (as_table || str_eq(word, "-h") || str_eq(word, "--help"))
            return 1;
        const char *name = word + (word[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
        size_t length = equals ? (size_t)(equals - name) : strlen(name);
        const struct opt *o = word[1] == '-' || length == 1 ? find(table, name, length) : NULL;
        if (!o)
            return unknown(table, word, name, length, e);
        const char *text = equals ? equals + 1 : NULL;
        if (!text && o->kind != OPT_FLAG) {
            if (i + 1 == argc)
                return err_set(e, ERR_USAGE, "option '%s' needs a value (%s)", word, o->argument);
            text = argv[++i];
        }
        int rc = store(o, text, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void opt_help(const struct opt *table, struct str *out)
{
    for (; table->name; table++) {
        const char *argument = table->argument ? table->argument : "";
        if (as_table) {
            str_addf(out, "\t%s%s\t%s\t%s\n", dashes(table->name), table->name, argument,
                     table->help);
            continue;
        }
        size_t start = out->size;
        str_addf(out, "  %s%s%s%s", dashes(table->name), table->name, *argument ? " " : "",
                 argument);
        size_t used = out->size - start;
        str_pad(out, used < 24 ? 24 - used : 1, ' ');
        str_addf(out, "%s\n", table->help);
    }
}

void opt_print_help(const struct opt *table, const char *format, ...)
{
    struct str options = STR_INIT;
    va_list args;
    opt_help(table, &options);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fputs(options.data, stdout);
    str_release(&options);
}
