/* promptgrid methods [NAME]: what a recipe may say, from the tables that check it. */
#include "core/base/log.h"
#include "core/base/str.h"
#include "core/proto/method_keys.h"
#include "harness/cmd/cmd.h"
#include "harness/recipe/recipe.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const type_names[] = {[KEY_INT] = "whole number",
                                         [KEY_REAL] = "number",
                                         [KEY_TEXT] = "text",
                                         [KEY_CHOICE] = "choice"};

static void print_key(const struct method_key *k)
{
    struct str line = STR_INIT;
    str_addf(&line, "  %-16s %s", k->name, type_names[k->type]);
    if (k->type == KEY_CHOICE)
        str_addf(&line, " %s", k->choices);
    else if (k->type != KEY_TEXT)
        str_addf(&line, " %.15g to %.15g", k->min, k->max);
    str_pad(&line, line.size < 45 ? 45 - line.size : 1, ' ');
    if (k->preset && k->type == KEY_TEXT)
        str_addf(&line, "\"%s\"", k->preset);
    else
        str_add(&line, k->preset ? k->preset : "-");
    str_pad(&line, line.size < 61 ? 61 - line.size : 1, ' ');
    printf("%s%s\n", line.data, k->help);
    str_release(&line);
}

static void print_method(const struct method_row *m)
{
    printf("%s (%s): %s\n", m->name, m->label, m->about);
    printf("  %-16s %-25s  %-14s  %s\n", "PARAMETER", "VALUES", "DEFAULT", "MEANING");
    for (const struct method_key *k = m->keys; k->name; k++)
        print_key(k);
}

static json_t *key_json(const struct method_key *k)
{
    bool number = k->type == KEY_INT || k->type == KEY_REAL;
    return json_pack("{s:s, s:s, s:o, s:o, s:s?, s:s?, s:s}", "name", k->name, "type",
                     type_names[k->type], "min", number ? json_real(k->min) : json_null(), "max",
                     number ? json_real(k->max) : json_null(), "choices", k->choices, "default",
                     k->preset, "help", k->help);
}

static json_t *method_json(const struct method_row *m)
{
    json_t *keys = json_array();
    for (const struct method_key *k = m->keys; k->name; k++)
        json_array_append_new(keys, key_json(k));
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", m->name, "label", m->label, "trains",
                     m->trains, "about", m->about, "keys", keys);
}

/* All methods when `one` is NULL. */
static void print_methods(const struct method_row *one, bool json)
{
    json_t *array = json_array();
    for (const struct method_row *m = method_rows; m->name; m++) {
        if (one && m != one)
            continue;
        if (json)
            json_array_append_new(array, method_json(m));
        else if (one)
            print_method(m);
        else
            printf("  %-13s  %s\n", m->name, m->about);
    }
    if (json) {
        cmd_print_json(array);
        return;
    }
    json_decref(array);
    if (one)
        return;
    struct str keys = STR_INIT;
    recipe_help(&keys);
    printf("\n'promptgrid methods NAME' lists a method's parameters\n\nkeys of a recipe:\n%s",
           keys.data);
    str_release(&keys);
}

int cmd_methods(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 0, 1);
    if (status < 0 && rest == 1 && !method_find(argv[1])) {
        const char *near =
            str_nearest(argv[1], &method_rows[0].name, method_rows_count(), sizeof method_rows[0]);
        err_set(&e, ERR_USAGE, "unknown method '%s'%s%s%s", argv[1], near ? ", did you mean '" : "",
                near ? near : "", near ? "'?" : "; 'promptgrid methods' lists them");
        status = log_fail(&e);
    } else if (status < 0) {
        print_methods(rest == 1 ? method_find(argv[1]) : NULL, common.json);
        status = 0;
    }
    free(common.data.items);
    return status;
}
