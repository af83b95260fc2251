/* Gathering what commands say about themselves: see manual.h. */
#include "harness/cmd/manual.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/catalogue.h"
#include "core/proto/method_keys.h"
#include "harness/cmd/cmd.h"
#include "harness/system/proc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 60 }; // seconds for one answer

static const char usage_word[] = "usage: ";

/* A line of text, without its end; NULL behind the last. `*text` moves on. Yours to free(). */
static char *take_line(const char **text)
{
    if (!**text)
        return NULL;
    size_t size = strcspn(*text, "\n");
    char *line = mem_strndup(*text, size);
    *text += size + ((*text)[size] == '\n');
    return line;
}

/* "\t--name\tARGUMENT\thelp" */
static void add_option(struct manual_command *c, char *line)
{
    char *argument = strchr(line + 1, '\t'), *help = argument ? strchr(argument + 1, '\t') : NULL;
    if (!help)
        return;
    *argument++ = *help++ = 0;
    MEM_PUSH(c->options, c->n, c->capacity) =
        (struct manual_option){mem_strdup(line + 1), mem_strdup(argument), mem_strdup(help)};
}

int manual_parse(struct manual_command *c, const char *name, const char *text, struct err *e)
{
    struct str about = STR_INIT;
    char *begin = str_format("promptgrid %s", name), *line = take_line(&text);
    *c = (struct manual_command){0};
    if (!line || !str_starts(line, usage_word) || !strstr(line, begin)) {
        err_set(e, ERR_PARSE, "'%s --help=table' begins with '%.80s', expected '%s%s ...'", begin,
                line ? line : "", usage_word, begin);
        free(begin);
        free(line);
        return e->code;
    }
    c->name = mem_strdup(name);
    c->usage = mem_strdup(line + sizeof usage_word - 1);
    const char *rest = strstr(c->usage, begin) + strlen(begin);
    c->arguments = mem_strdup(rest + strspn(rest, " "));
    for (free(line); (line = take_line(&text)); free(line)) {
        if (*line == '\t')
            add_option(c, line);
        else if (*line)
            str_addf(&about, "%s%s", about.size ? " " : "", line);
    }
    c->about = str_detach(&about);
    free(begin);
    return 0;
}

/* `promptgrid WORDS OPTION` prints this. */
static int ask(const char *program, const char *words, const char *option, struct str *out,
               struct err *e)
{
    char *copy = mem_strdup(words), *second = strchr(copy, ' ');
    if (second)
        *second++ = 0;
    const char *argv[] = {program, copy, second ? second : option, second ? option : NULL, NULL};
    str_clear(out);
    int status = proc_capture(argv, PATIENCE, out, e);
    if (status > 0)
        status = err_set(e, ERR_SYS, "'promptgrid %s %s' failed: %.200s", words, option, out->data);
    free(copy);
    return status;
}

static int add_command(struct manual *m, const char *program, const char *name, const char *about,
                       struct err *e)
{
    struct str text = STR_INIT;
    struct manual_command c;
    int rc = ask(program, name, "--help=table", &text, e);
    if (rc == 0)
        rc = manual_parse(&c, name, text.data, e);
    if (rc == 0) {
        if (!*c.about) {
            free(c.about);
            c.about = mem_strdup(about);
        }
        MEM_PUSH(m->commands, m->n, m->capacity) = c;
    }
    str_release(&text);
    return rc;
}

/* The commands below `group`, which its help lists as "  NAME ...". */
static int add_group(struct manual *m, const char *program, const struct cmd *group, struct err *e)
{
    struct str text = STR_INIT, parts = STR_INIT;
    int rc = ask(program, group->name, "--help", &text, e);
    const char *rest = text.data;
    size_t at = m->n;
    MEM_PUSH(m->commands, m->n, m->capacity) = (struct manual_command){
        .name = mem_strdup(group->name),
        .usage = str_format("promptgrid %s %s", group->name, group->arguments),
        .arguments = mem_strdup(group->arguments),
        .group = true};
    for (char *line; rc == 0 && (line = take_line(&rest)); free(line)) {
        if (!str_starts(line, "  ") || !islower((unsigned char)line[2]))
            continue;
        char *name = str_format("%s %.*s", group->name, (int)strcspn(line + 2, " "), line + 2);
        rc = add_command(m, program, name, group->about, e);
        str_addf(&parts, "%s%s", parts.size ? ", " : "", strchr(name, ' ') + 1);
        free(name);
    }
    m->commands[at].about = str_detach(&parts);
    str_release(&text);
    return rc;
}

int manual_gather(struct manual *m, const char *program, struct err *e)
{
    char *own = program ? mem_strdup(program) : fs_sibling("promptgrid");
    int rc = 0;
    *m = (struct manual){0};
    for (const struct cmd *c = cmds; c->name && rc == 0; c++)
        rc = str_eq(c->arguments, CMD_GROUP) ? add_group(m, own, c, e)
                                             : add_command(m, own, c->name, c->about, e);
    free(own);
    if (rc < 0)
        manual_release(m);
    return rc;
}

void manual_release(struct manual *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct manual_command *c = &m->commands[i];
        for (size_t k = 0; k < c->n; k++) {
            free(c->options[k].name);
            free(c->options[k].argument);
            free(c->options[k].help);
        }
        free(c->options);
        free(c->name);
        free(c->usage);
        free(c->arguments);
        free(c->about);
    }
    free(m->commands);
    *m = (struct manual){0};
}

/* ---- what completes a placeholder ---- */

static void add_word(struct str *words, const char *word)
{
    str_addf(words, "%s%s", words->size ? " " : "", word);
}

static void add_datasets(struct str *words)
{
    for (const struct dataset_row *d = dataset_rows; d->name; d++)
        add_word(words, d->name);
}

static void add_methods(struct str *words)
{
    for (const struct method_row *m = method_rows; m->name; m++)
        add_word(words, m->name);
}

static const struct {
    const char *placeholder;
    enum manual_kind kind;
    void (*words)(struct str *words);
} kinds[] = {
    {"DIR", MANUAL_FOLDER, NULL},
    {"FOLDER", MANUAL_FOLDER, NULL},
    {"FILE", MANUAL_FILE, NULL},
    {"PATH", MANUAL_FILE, NULL},
    {"STORE", MANUAL_FILE, NULL},
    {"BUNDLE", MANUAL_FILE, NULL},
    {"IMAGE", MANUAL_FILE, NULL},
    {"RECIPE", MANUAL_RECIPE, NULL},
    {"DATASET", MANUAL_WORDS, add_datasets},
    {"METHOD", MANUAL_WORDS, add_methods},
};

/* Words between bars are the values themselves, unless they are all capitals. */
static bool are_values(const char *placeholder)
{
    bool lower = false;
    for (const char *c = placeholder; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-.:,|", *c))
            return false;
        lower |= islower((unsigned char)*c) != 0;
    }
    return lower && strchr(placeholder, '|');
}

enum manual_kind manual_kind(const char *placeholder, struct str *words)
{
    char *copy = mem_strdup(placeholder), *rest = NULL;
    enum manual_kind found = MANUAL_NOTHING;
    str_clear(words);
    if (are_values(placeholder)) {
        for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
            add_word(words, word);
        found = MANUAL_WORDS;
    }
    // "[RECIPE...]" is a RECIPE, and "RECIPE|RUN" is one too.
    for (char *word = strtok_r(copy, "|[].,", &rest); word && !found;
         word = strtok_r(NULL, "|[].,", &rest))
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !found; i++)
            if (str_eq(kinds[i].placeholder, word)) {
                found = kinds[i].kind;
                if (kinds[i].words)
                    kinds[i].words(words);
            }
    free(copy);
    return found;
}
