/*
 * What every command says about itself, gathered by asking each for "--help=table": the one source
 * of the manual page and of the completions of shells. Commands that are the runner's are asked in
 * the same way.
 */
#ifndef PROMPTGRID_HARNESS_MANUAL_H
#define PROMPTGRID_HARNESS_MANUAL_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct manual_option {
    char *name;     // with its dashes
    char *argument; // "" = it takes none
    char *help;
};

struct manual_command {
    char *name;      // "run", "data check"
    char *usage;     // "promptgrid run [options] RECIPE"
    char *arguments; // of the usage: what follows the name
    char *about;
    bool group; // its commands follow it, as "data check" follows "data"; no options
    struct manual_option *options;
    size_t n, capacity;
};

struct manual {
    struct manual_command *commands; // (n) in the order of the table of commands
    size_t n, capacity;
};

/* Asks `program` (NULL: this one). */
int manual_gather(struct manual *m, const char *program, struct err *e);
void manual_release(struct manual *m); // fine when zero

/* One command from what it printed. */
int manual_parse(struct manual_command *c, const char *name, const char *text, struct err *e);

/* promptgrid.1 */
void manual_page(const struct manual *m, struct str *out);

/* What completes a placeholder such as DIR, RECIPE or std|t. */
enum manual_kind {
    MANUAL_NOTHING, // a number, a name that only the user knows
    MANUAL_FOLDER,
    MANUAL_FILE,
    MANUAL_RECIPE,
    MANUAL_WORDS,
};
/* `words` gets the words of MANUAL_WORDS, with spaces between. */
enum manual_kind manual_kind(const char *placeholder, struct str *words);

/* Completions. */
void manual_bash(const struct manual *m, struct str *out);
void manual_zsh(const struct manual *m, struct str *out);
void manual_fish(const struct manual *m, struct str *out);

#endif
