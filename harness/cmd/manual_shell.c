/*
 * Completions of bash, zsh and fish: the options of each command and what their values and the
 * command's words may be. They are made of tables, so a shell asks nobody while it completes.
 */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/cmd/manual.h"

#include <stdlib.h>
#include <string.h>

/* Text within '...' of a POSIX shell or of zsh. */
static void quote(struct str *out, const char *text)
{
    str_addc(out, '\'');
    for (; *text; text++)
        str_add(out, *text == '\'' ? "'\\''" : (char[]){*text, 0});
    str_addc(out, '\'');
}

/* The part of a text before a clause or a list of values: what fits beside a name. */
static char *brief(const char *text)
{
    return mem_strndup(text, strcspn(text, ";"));
}

/* Is it an option, or an optional one, that stands before the words? */
static bool is_option(const char *word)
{
    return word[*word == '['] == '-';
}

/* The first of the arguments that is no option: "RECIPE" of "--shots K RECIPE [A B]"; yours to
 * free(), "" when there is none. */
static char *first_word(const struct manual_command *c)
{
    char *copy = mem_strdup(c->arguments), *rest = NULL, *word = strtok_r(copy, " ", &rest);
    for (; word; word = strtok_r(NULL, " ", &rest)) {
        if (is_option(word)) {
            if (!strchr(word, ']'))
                strtok_r(NULL, " ", &rest); // its value
        } else if (!str_eq(word, "[options]")) {
            break;
        }
    }
    char *found = mem_strdup(word ? word : "");
    free(copy);
    return found;
}

/* Is `c` one of the commands of the group `group`, or, where that is NULL, of the first level? Its
 * name there, else NULL. */
static const char *name_in(const struct manual_command *c, const struct manual_command *group)
{
    const char *space = strchr(c->name, ' ');
    if (!group || !space)
        return group || space ? NULL : c->name;
    size_t size = strlen(group->name);
    return strncmp(c->name, group->name, size) == 0 && c->name[size] == ' ' ? space + 1 : NULL;
}

/* ---- bash ---- */

static const char bash_begin[] =
    "# Completion of promptgrid in bash, made by 'promptgrid reference bash'.\n"
    "_promptgrid() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=${COMP_WORDS[1]}\n"
    "    local options='' kind='' words='' first='' first_words=''\n"
    "    COMPREPLY=()\n"
    "    # bash takes '--name=value' for three words\n"
    "    if [[ $cur == = ]]; then\n"
    "        cur=''\n"
    "    elif [[ $prev == = ]]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        command=''\n"
    "    elif ((COMP_CWORD > 2)); then\n"
    "        case $command in\n";

static const char bash_end[] =
    "    esac\n"
    "    if [[ -z $kind && $cur == -* ]]; then\n"
    "        kind='words' words=$options\n"
    "    elif [[ -z $kind ]]; then\n"
    "        kind=$first words=$first_words\n"
    "    fi\n"
    "    case $kind in\n"
    "    folder) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
    "    file) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "    recipe)\n"
    "        mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- \"$cur\"; compgen -d -- "
    "\"$cur\")\n"
    "        ;;\n"
    "    words) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
    "    esac\n"
    "    [[ $kind == words ]] || compopt -o filenames 2>/dev/null\n"
    "}\n"
    "complete -F _promptgrid promptgrid\n";

/* "kind=words words='a b'" */
static void bash_kind(struct str *out, const char *placeholder, const char *kind, const char *words)
{
    static const char *const names[] = {[MANUAL_NOTHING] = "nothing",
                                        [MANUAL_FOLDER] = "folder",
                                        [MANUAL_FILE] = "file",
                                        [MANUAL_RECIPE] = "recipe",
                                        [MANUAL_WORDS] = "words"};
    struct str values = STR_INIT;
    str_addf(out, "%s='%s'", kind, names[manual_kind(placeholder, &values)]);
    if (values.size) {
        str_addf(out, " %s=", words);
        quote(out, values.data);
    }
    str_release(&values);
}

/* The names of a level, as words to complete. */
static void bash_level(struct str *out, const struct manual *m, const struct manual_command *group)
{
    str_addf(out, "    '%s') kind='words' words='", group ? group->name : "");
    for (size_t i = 0; i < m->n; i++) {
        const char *name = name_in(&m->commands[i], group);
        if (name)
            str_addf(out, "%s ", name);
    }
    str_addf(out, "--help%s' ;;\n", group ? "" : " --version");
}

static void bash_command(struct str *out, const struct manual_command *c)
{
    char *word = first_word(c);
    str_addf(out, "    '%s')\n        options='", c->name);
    for (size_t i = 0; i < c->n; i++)
        str_addf(out, "%s ", c->options[i].name);
    str_add(out, "--help'\n        ");
    bash_kind(out, word, "first", "first_words");
    str_add(out, "\n        case $prev in\n");
    for (size_t i = 0; i < c->n; i++) {
        if (!*c->options[i].argument)
            continue;
        str_addf(out, "        %s) ", c->options[i].name);
        bash_kind(out, c->options[i].argument, "kind", "words");
        str_add(out, " ;;\n");
    }
    str_add(out, "        esac ;;\n");
    free(word);
}

void manual_bash(const struct manual *m, struct str *out)
{
    str_add(out, bash_begin);
    for (size_t i = 0; i < m->n; i++)
        if (m->commands[i].group)
            str_addf(out, "        %s) command+=\" ${COMP_WORDS[2]}\" ;;\n", m->commands[i].name);
    str_add(out, "        esac\n    fi\n    case $command in\n");
    bash_level(out, m, NULL);
    for (size_t i = 0; i < m->n; i++)
        if (m->commands[i].group)
            bash_level(out, m, &m->commands[i]);
        else
            bash_command(out, &m->commands[i]);
    str_add(out, bash_end);
}

/* ---- zsh ---- */

/* Text of a specification of _arguments or _describe, within '...'. */
static void zsh_text(struct str *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("[]:\\", *text))
            str_addc(out, '\\');
        str_add(out, *text == '\'' ? "'\\''" : (char[]){*text, 0});
    }
}

/* ":message:action" of a value or a word. */
static void zsh_action(struct str *out, const char *placeholder)
{
    static const char *const actions[] = {[MANUAL_NOTHING] = " ",
                                          [MANUAL_FOLDER] = "_files -/",
                                          [MANUAL_FILE] = "_files",
                                          [MANUAL_RECIPE] = "_files -g \"*.yaml\""};
    struct str values = STR_INIT;
    enum manual_kind kind = manual_kind(placeholder, &values);
    str_addc(out, ':');
    zsh_text(out, placeholder);
    str_addc(out, ':');
    if (kind == MANUAL_WORDS) {
        str_addc(out, '(');
        zsh_text(out, values.data);
        str_addc(out, ')');
    } else {
        str_add(out, actions[kind]);
    }
    str_release(&values);
}

static void zsh_level(struct str *out, const struct manual *m, const struct manual_command *group)
{
    str_add(out, "        local -a names=(\n");
    for (size_t i = 0; i < m->n; i++) {
        const char *name = name_in(&m->commands[i], group);
        if (!name)
            continue;
        char *about = brief(m->commands[i].about);
        str_addf(out, "            '%s:", name);
        zsh_text(out, about);
        str_add(out, "'\n");
        free(about);
    }
    str_addf(out, "        )\n        _describe 'command' names\n");
}

static void zsh_command(struct str *out, const struct manual_command *c)
{
    char *word = first_word(c);
    str_addf(out, "    '%s') _arguments \\\n", c->name);
    for (size_t i = 0; i < c->n; i++) {
        const struct manual_option *o = &c->options[i];
        char *help = brief(o->help);
        str_addf(out, "        '*%s[", o->name);
        zsh_text(out, help);
        str_addc(out, ']');
        if (*o->argument)
            zsh_action(out, o->argument);
        str_add(out, "' \\\n");
        free(help);
    }
    str_add(out, "        '(- *)--help[list the options]'");
    if (*word) {
        str_add(out, " \\\n        '*");
        zsh_action(out, word);
        str_addc(out, '\'');
    }
    str_add(out, " ;;\n");
    free(word);
}

void manual_zsh(const struct manual *m, struct str *out)
{
    str_add(out, "#compdef promptgrid\n"
                 "# Completion of promptgrid in zsh, made by 'promptgrid reference zsh'.\n"
                 "_promptgrid() {\n"
                 "    if ((CURRENT == 2)); then\n");
    zsh_level(out, m, NULL);
    str_add(out, "        return\n"
                 "    fi\n"
                 "    shift words\n"
                 "    ((CURRENT--))\n"
                 "    local command=$words[1]\n"
                 "    case $command in\n");
    for (size_t i = 0; i < m->n; i++) {
        if (!m->commands[i].group)
            continue;
        str_addf(out, "    '%s')\n        if ((CURRENT == 2)); then\n", m->commands[i].name);
        zsh_level(out, m, &m->commands[i]);
        str_add(out, "        return\n        fi\n"
                     "        shift words\n        ((CURRENT--))\n"
                     "        command+=\" $words[1]\" ;;\n");
    }
    str_add(out, "    esac\n    case $command in\n");
    for (size_t i = 0; i < m->n; i++)
        if (!m->commands[i].group)
            zsh_command(out, &m->commands[i]);
    str_add(out, "    esac\n"
                 "}\n"
                 "# A file of $fpath is the function's body; when it is sourced, it names it.\n"
                 "if [[ $funcstack[1] == _promptgrid ]]; then\n"
                 "    _promptgrid \"$@\"\n"
                 "else\n"
                 "    compdef _promptgrid promptgrid\n"
                 "fi\n");
}

/* ---- fish ---- */

static void fish_quote(struct str *out, const char *text)
{
    str_addc(out, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            str_addc(out, '\\');
        str_addc(out, *text);
    }
    str_addc(out, '\'');
}

/* " -x -a ..." of a value, or " -a ..." of a word. */
static void fish_action(struct str *out, const char *placeholder, bool word)
{
    struct str values = STR_INIT;
    enum manual_kind kind = manual_kind(placeholder, &values);
    if (!word)
        str_add(out, kind == MANUAL_FILE ? " -r" : " -x");
    switch (kind) {
    case MANUAL_NOTHING:
        break;
    case MANUAL_FOLDER:
        str_add(out, " -a '(__fish_complete_directories (commandline -ct))'");
        break;
    case MANUAL_FILE:
        str_add(out, " -F");
        break;
    case MANUAL_RECIPE:
        str_add(out, " -a '(__fish_complete_suffix .yaml)'");
        break;
    case MANUAL_WORDS:
        str_add(out, " -a ");
        fish_quote(out, values.data);
        break;
    }
    str_release(&values);
}

static void fish_condition(struct str *out, const char *command)
{
    str_addf(out, "complete -c promptgrid -n '__promptgrid_at %s'", command);
}

static void fish_about(struct str *out, const char *text)
{
    char *about = brief(text);
    str_add(out, " -d ");
    fish_quote(out, about);
    str_addc(out, '\n');
    free(about);
}

static void fish_level(struct str *out, const struct manual *m, const struct manual_command *group)
{
    for (size_t i = 0; i < m->n; i++) {
        const char *name = name_in(&m->commands[i], group);
        if (!name)
            continue;
        str_addf(out, "complete -c promptgrid -n '__promptgrid_level %s' -a %s",
                 group ? group->name : "", name);
        fish_about(out, m->commands[i].about);
    }
}

static void fish_command(struct str *out, const struct manual_command *c)
{
    char *word = first_word(c);
    for (size_t i = 0; i < c->n; i++) {
        const struct manual_option *o = &c->options[i];
        const char *name = o->name + strspn(o->name, "-");
        fish_condition(out, c->name);
        str_addf(out, " -%c %s", name[1] ? 'l' : 's', name);
        if (*o->argument)
            fish_action(out, o->argument, false);
        fish_about(out, o->help);
    }
    if (*word) {
        fish_condition(out, c->name);
        fish_action(out, word, true);
        str_addc(out, '\n');
    }
    free(word);
}

void manual_fish(const struct manual *m, struct str *out)
{
    str_add(out, "# Completion of promptgrid in fish, made by 'promptgrid reference fish'.\n"
                 "# Are these the words so far, before the one that is completed?\n"
                 "function __promptgrid_level\n"
                 "    set -l words (commandline -opc)\n"
                 "    test \"$words[2..]\" = \"$argv\"\n"
                 "end\n"
                 "# Is it this command?\n"
                 "function __promptgrid_at\n"
                 "    set -l words (commandline -opc)\n"
                 "    set -l last (math 1 + (count $argv))\n"
                 "    test (count $words) -ge $last\n"
                 "    and test \"$words[2..$last]\" = \"$argv\"\n"
                 "end\n"
                 "complete -c promptgrid -f\n");
    fish_level(out, m, NULL);
    for (size_t i = 0; i < m->n; i++)
        if (m->commands[i].group)
            fish_level(out, m, &m->commands[i]);
        else
            fish_command(out, &m->commands[i]);
}
