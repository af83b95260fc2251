/* promptgrid doctor [RECIPE]: what would stop a run here, and how to mend it. */
#include "core/base/log.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/doctor/doctor.h"
#include "harness/system/proc.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *lines_json(const struct doctor *d)
{
    json_t *lines = json_array();
    for (size_t i = 0; i < d->n; i++) {
        const struct doctor_line *l = &d->lines[i];
        json_array_append_new(lines, json_pack("{s:s, s:s, s:s, s:s?}", "name", l->name, "state",
                                               doctor_state_names[l->state], "text", l->text,
                                               "mend", l->mend));
    }
    return json_pack("{s:b, s:o}", "well", d->count[DOCTOR_FAIL] == 0, "checks", lines);
}

static void print_lines(const struct doctor *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct doctor_line *l = &d->lines[i];
        printf("%-4s  %-10s  %s\n", doctor_state_names[l->state], l->name, l->text);
        if (l->mend)
            printf("%-4s  %-10s  to mend it: %s\n", "", "", l->mend);
    }
}

static void examine(struct doctor *d, const struct cmd_common *common, const char *recipe)
{
    struct roots roots = {0};
    struct err e = {0};
    if (roots_open(&roots, common->data.items, common->data.n, &e) == 0)
        d->roots = &roots;
    else
        doctor_add(d, "files", DOCTOR_FAIL, "set PROMPTGRID_HOME to the folder that holds recipes/",
                   "%s", e.text);
    doctor_programs(d);
    doctor_files(d);
    doctor_limits(d);
    if (recipe)
        doctor_recipe(d, recipe);
    d->roots = NULL;
    roots_release(&roots);
}

int cmd_doctor(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest, status = cmd_options(self, table, argc, argv, &rest, 0, 1);
    if (status < 0) {
        char *workspace = cmd_workspace(&common), *store = cmd_store_path(&common);
        char *runner = proc_runner();
        struct doctor d = {.workspace = workspace, .store = store, .runner = runner};
        examine(&d, &common, rest ? argv[1] : NULL);
        if (common.json)
            cmd_print_json(lines_json(&d));
        else
            print_lines(&d);
        fflush(stdout); // the count comes after the lines
        size_t fails = d.count[DOCTOR_FAIL], warns = d.count[DOCTOR_WARN];
        log_info("%zu %s would stop a run, %zu %s could be better", fails,
                 fails == 1 ? "thing" : "things", warns, warns == 1 ? "thing" : "things");
        status = fails ? 1 : 0;
        doctor_release(&d);
        free(workspace);
        free(store);
        free(runner);
    }
    free(common.data.items);
    return status;
}
