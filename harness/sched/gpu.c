/* GPUs: see gpu.h. */
#include "harness/sched/gpu.h"

#include "core/base/mem.h"
#include "harness/system/proc.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 120, GPUS_LIMIT = 1024 }; // seconds: a driver may have to be loaded

static const char prefix[] = "cuda:";

/* ---- what there is ---- */

static char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return mem_strdup(text ? text : "");
}

static int add_row(struct gpus *g, const json_t *row)
{
    const char *kind = json_string_value(json_object_get(row, "device"));
    const char *problem = json_string_value(json_object_get(row, "problem"));
    if (!kind || g->n == GPUS_LIMIT)
        return -1;
    if (str_eq(kind, "cuda") && problem) {
        free(g->why);
        g->why = mem_strdup(problem);
        return 0;
    }
    if (!str_starts(kind, prefix))
        return -1;
    MEM_PUSH(g->items, g->n, g->capacity) =
        (struct gpu){.kind = mem_strdup(kind),
                     .name = text_of(row, "name"),
                     .capability = text_of(row, "capability"),
                     .driver = text_of(row, "driver"),
                     .toolkit = text_of(row, "toolkit"),
                     .memory = json_number_value(json_object_get(row, "memory")),
                     .free = json_number_value(json_object_get(row, "free")),
                     .problem = problem ? mem_strdup(problem) : NULL};
    return 0;
}

int gpus_parse(struct gpus *g, const char *text, struct err *e)
{
    *g = (struct gpus){0};
    for (const char *line = text, *end; *line; line = end) {
        size_t size = strcspn(line, "\n");
        end = line + size + (line[size] == '\n');
        if (*line != '{') // a library's chatter
            continue;
        json_t *row = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
        int rc = row ? add_row(g, row) : -1;
        json_decref(row);
        if (rc < 0) {
            gpus_release(g);
            return err_set(e, ERR_CORRUPT, "'promptgrid-runner devices' says '%.*s'",
                           size < 200 ? (int)size : 200, line);
        }
    }
    if (g->n == 0 && !g->why)
        return err_set(e, ERR_CORRUPT, "'promptgrid-runner devices' says nothing");
    return 0;
}

int gpus_ask(struct gpus *g, const char *runner, struct err *e)
{
    const char *argv[] = {runner, "devices", NULL};
    struct str out = STR_INIT, why = STR_INIT;
    *g = (struct gpus){0};
    int status = proc_capture(argv, PATIENCE, &out, e), rc = status;
    if (status > 0) {
        char *shown = str_visible(out.data);
        proc_status_text(status, &why);
        rc = err_set(e, ERR_SYS, "'%s devices' %s%s%.200s", runner, why.data, *shown ? ": " : "",
                     shown);
        free(shown);
    } else if (status == 0) {
        rc = gpus_parse(g, out.data, e);
    }
    str_release(&out);
    str_release(&why);
    return rc;
}

static void gpu_release(struct gpu *g)
{
    free(g->kind);
    free(g->name);
    free(g->capability);
    free(g->driver);
    free(g->toolkit);
    free(g->problem);
}

void gpus_release(struct gpus *g)
{
    for (size_t i = 0; i < g->n; i++)
        gpu_release(&g->items[i]);
    free(g->items);
    free(g->why);
    *g = (struct gpus){0};
}

/* ---- what is wanted ---- */

/* The numbers of "cuda:0,2", at most `most`, each once: how many; negative: it is no such list. */
static int read_numbers(const char *wanted, long *numbers, int most)
{
    char *copy = mem_strdup(wanted + sizeof prefix - 1), *rest = copy;
    int n = 0;
    for (char *word; n >= 0 && (word = strsep(&rest, ","));) {
        if (n == most || !str_to_long(word, 0, GPUS_LIMIT - 1, &numbers[n]))
            n = -1;
        for (int i = 0; i < n; i++)
            if (numbers[i] == numbers[n])
                n = -1;
        n += n >= 0;
    }
    free(copy);
    return n;
}

int gpus_check_wanted(const char *wanted, struct err *e)
{
    long numbers[GPUS_LIMIT];
    if (str_eq(wanted, "auto") || str_eq(wanted, "cpu") || str_eq(wanted, "cuda") ||
        (str_starts(wanted, prefix) && read_numbers(wanted, numbers, GPUS_LIMIT) > 0))
        return 0;
    return err_set(e, ERR_USAGE,
                   "'--device %s' is no device; there are auto, cpu, cuda (every GPU) and cuda:0,2 "
                   "(those with these numbers, each once)",
                   wanted);
}

static struct gpu *find(const struct gpus *g, long number)
{
    char kind[32];
    snprintf(kind, sizeof kind, "%s%ld", prefix, number);
    for (size_t i = 0; i < g->n; i++)
        if (str_eq(g->items[i].kind, kind))
            return &g->items[i];
    return NULL;
}

/* "cuda:0, cuda:1" */
static void list_kinds(const struct gpus *g, struct str *out)
{
    for (size_t i = 0; i < g->n; i++)
        str_addf(out, "%s%s", i ? ", " : "", g->items[i].kind);
}

static int no_gpu(const char *wanted, const struct gpus *g, struct err *e)
{
    return err_set(e, ERR_MISSING, "'--device %s': %s", wanted,
                   g->n ? g->items[0].problem : g->why);
}

/* Every number that was named must be there and fine. */
static int choose_numbers(struct gpus *g, const char *wanted, bool *keep, struct err *e)
{
    long numbers[GPUS_LIMIT];
    int n = read_numbers(wanted, numbers, GPUS_LIMIT);
    for (int i = 0; i < n; i++) {
        const struct gpu *one = find(g, numbers[i]);
        if (!one) {
            struct str there = STR_INIT;
            list_kinds(g, &there);
            err_set(e, ERR_MISSING,
                    "'--device %s': there is no cuda:%ld; there %s %s; see 'promptgrid doctor'",
                    wanted, numbers[i], g->n == 1 ? "is" : "are", there.data);
            str_release(&there);
            return e->code;
        }
        if (one->problem)
            return err_set(e, ERR_MISSING, "'--device %s': %s", wanted, one->problem);
        keep[one - g->items] = true;
    }
    return 0;
}

int gpus_choose(struct gpus *g, const char *wanted, struct str *left_out, struct err *e)
{
    bool numbered = str_starts(wanted, prefix), cpu = str_eq(wanted, "cpu");
    size_t kept = 0;
    if (g->n == 0 && !cpu && !str_eq(wanted, "auto"))
        return no_gpu(wanted, g, e);
    bool *keep = mem_zero(g->n + 1, sizeof *keep);
    int rc = numbered ? choose_numbers(g, wanted, keep, e) : 0;
    for (size_t i = 0; i < g->n && rc == 0; i++) {
        if (!numbered && !cpu)
            keep[i] = !g->items[i].problem;
        kept += keep[i];
    }
    if (rc == 0 && str_eq(wanted, "cuda") && !kept)
        rc = no_gpu(wanted, g, e);
    size_t n = 0;
    for (size_t i = 0; i < g->n && rc == 0; i++) {
        if (!keep[i] && !numbered && !cpu)
            str_addf(left_out, "%s is not used: %s\n", g->items[i].kind, g->items[i].problem);
        if (keep[i])
            g->items[n++] = g->items[i];
        else
            gpu_release(&g->items[i]);
    }
    if (rc == 0)
        g->n = n;
    free(keep);
    return rc;
}

/* ---- words ---- */

void gpu_text(const struct gpu *g, struct str *out)
{
    str_addf(out, "%s (%s)", g->kind, *g->name ? g->name : "unknown GPU");
}

void gpu_size(double bytes, char out[24])
{
    snprintf(out, 24, "%.1f GB", bytes / 1e9);
}
