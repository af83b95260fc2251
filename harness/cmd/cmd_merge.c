/* promptgrid merge STORE: take in the runs of another workspace. The other store is only read. */
#include "core/base/fs.h"
#include "core/base/log.h"
#include "core/base/str.h"
#include "harness/cmd/cmd.h"
#include "harness/plan/jobfile.h"
#include "harness/plan/label.h"
#include "results/store_check.h"
#include "results/store_merge.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROMPT_LIMIT = 1 << 30 };

struct prompts {
    const char *workspace;
    size_t copied, missing;
};

/* The prompt of a merged run lies in the workspace that made it: copied while it is there and is
 * what the store says. Without it the results stand, and a run that needs it makes it again. */
static int fetch_prompt(void *arg, const struct store_made *m, struct err *e)
{
    struct prompts *p = arg;
    struct err why = {0};
    char found[HASH_HEX], *data;
    size_t size;
    if (!m->done || !str_eq(m->kind, "prompt"))
        return 0;
    int rc = 0;
    char *path = jobfile_prompt(p->workspace, m->run);
    if (fs_is_file(path)) {
        rc = 0;
    } else if (fs_read(&data, &size, m->path, PROMPT_LIMIT, &why) < 0) {
        p->missing++;
    } else {
        hash_bytes(found, data, size);
        if (str_eq(found, m->sha256)) {
            rc = fs_write(path, data, size, e);
            p->copied += rc == 0;
        } else {
            p->missing++;
        }
        free(data);
    }
    free(path);
    return rc;
}

static void put_conflicts(const json_t *conflicts)
{
    struct labels none = {json_object()};
    size_t i, k;
    const json_t *c, *result, *value;
    const char *name;
    json_array_foreach((json_t *)conflicts, i, c)
    {
        char *label = labels_text(&none, json_object_get(c, "spec"));
        printf("conflict: %s (run %.12s)\n", label, json_string_value(json_object_get(c, "run")));
        free(label);
        json_array_foreach(json_object_get(c, "results"), k, result)
        {
            const char *commit = json_string_value(json_object_get(result, "commit"));
            printf("  attempt %d, code %.10s:",
                   (int)json_integer_value(json_object_get(result, "attempt")),
                   commit && *commit ? commit : "unknown");
            json_object_foreach(json_object_get(result, "metrics"), name, value)
            {
                printf(" %s %.4f", name, json_number_value(value));
            }
            putchar('\n');
        }
    }
    labels_release(&none);
}

static void report(const struct store_merged *m, const struct prompts *p, bool json)
{
    if (json) {
        cmd_print_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:O}", "runs", (json_int_t)m->runs,
                                 "attempts", (json_int_t)m->attempts, "equal", (json_int_t)m->equal,
                                 "prompts", (json_int_t)p->copied, "missing_prompts",
                                 (json_int_t)p->missing, "conflicts", m->conflicts));
        return;
    }
    put_conflicts(m->conflicts);
    printf("%zu new runs, %zu new attempts, %zu results that both had, %zu conflicts\n", m->runs,
           m->attempts, m->equal, json_array_size(m->conflicts));
    if (p->copied || p->missing)
        printf("%zu prompts were copied; %zu are not where they were made and are made when a run "
               "needs them\n",
               p->copied, p->missing);
}

static int merge(const struct cmd_common *common, const char *other, struct err *e)
{
    struct store *store = NULL;
    struct store_merged merged = {0};
    char *workspace = cmd_workspace(common), *path = cmd_store_path(common);
    struct prompts prompts = {.workspace = workspace};
    int rc = store_open(&store, path, STORE_WRITE, e);
    if (rc == 0)
        rc = jobfile_folders(workspace, e);
    if (rc == 0)
        rc = store_merge(store, other, &merged, e);
    if (rc == 0)
        rc = store_each(store, fetch_prompt, &prompts, e);
    if (rc == 0)
        report(&merged, &prompts, common->json);
    if (rc == 0 && json_array_size(merged.conflicts)) {
        log_warn("results of the same runs differ; 'promptgrid show RUN' tells who made each");
        rc = 1;
    }
    json_decref(merged.conflicts);
    store_close(store);
    free(path);
    free(workspace);
    return rc;
}

int cmd_merge(const struct cmd *self, int argc, char **argv)
{
    struct cmd_common common = {0};
    struct err e = {0};
    const struct opt table[] = {CMD_COMMON(common), {0}};
    int rest;
    int status = cmd_options(self, table, argc, argv, &rest, 1, 1);
    if (status < 0) {
        status = merge(&common, argv[1], &e);
        if (status < 0)
            status = log_fail(&e);
    }
    free(common.data.items);
    return status;
}
