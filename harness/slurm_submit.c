/*
 * From a plan to job arrays: see slurm.h. Runs of one stage that wait for the same arrays share
 * one, so that training begins on a dataset as soon as its banks are there.
 */
#include "harness/slurm.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/jobfile.h"
#include "harness/proc.h"
#include "harness/slurm_config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASK_TRIES = 3 };

/* An array that is being put together. */
struct group {
    const char *stage;
    char *key;      // stage, what it waits for, and of banks the dataset
    json_t *after;  // tokens of the arrays it waits for
    json_t *tasks;  // as in the list
    double seconds; // of its longest task
    char *token;
};

struct submitting {
    struct slurm *s;
    const struct plan *plan;
    struct store *store;
    struct slurm_submit *o;
    struct group *groups;
    size_t n, capacity;
    json_t *token_of; // run id -> token of the array that has it
};

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- which array ---- */

static char *new_token(const struct submitting *b)
{
    static unsigned count;
    char hex[HASH_HEX];
    char *seed = str_format("%s %ld %.9f %lld %u", b->s->workspace, (long)getpid(), sys_now(),
                            (long long)sys_time(), count++);
    hash_bytes(hex, seed, strlen(seed));
    free(seed);
    return str_format("promptgrid-%.12s", hex);
}

/* Tokens of the arrays that the run waits for, sorted and once each. NULL: what it needs is in no
 * array and not done, so it cannot run. */
static json_t *arrays_before(const struct submitting *b, const struct plan_run *r)
{
    json_t *set = json_object(), *list = json_array();
    const char *tokens[NEEDS];
    size_t n = 0;
    for (int k = 0; k < NEEDS; k++) {
        const struct plan_run *need = r->needs[k] < 0 ? NULL : &b->plan->runs[r->needs[k]];
        const char *token = need ? text_of(b->token_of, need->id) : NULL;
        if (need && !token && need->state != PLAN_DONE) {
            json_decref(set);
            json_decref(list);
            return NULL;
        }
        if (token && !json_object_get(set, token)) {
            json_object_set_new(set, token, json_true());
            tokens[n++] = token;
        }
    }
    for (size_t i = 0; i < n; i++) // at most four
        for (size_t j = i + 1; j < n; j++)
            if (strcmp(tokens[j], tokens[i]) < 0) {
                const char *swap = tokens[i];
                tokens[i] = tokens[j];
                tokens[j] = swap;
            }
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(tokens[i]));
    json_decref(set);
    return list;
}

static struct group *group_for(struct submitting *b, const struct plan_run *r, json_t *after)
{
    const char *stage = plan_text(r, "job");
    size_t limit = (size_t)slurm_config_count(b->s->config, "array");
    char *tokens = json_dumps(after, JSON_COMPACT);
    char *key = str_format("%s %s %s", stage, tokens,
                           str_eq(stage, "encode") ? plan_text(r, "dataset") : "");
    free(tokens);
    for (size_t i = b->n; i-- > 0;)
        if (str_eq(b->groups[i].key, key) && json_array_size(b->groups[i].tasks) < limit) {
            free(key);
            return &b->groups[i];
        }
    struct group g = {.stage = stage,
                      .key = key,
                      .after = json_incref(after),
                      .tasks = json_array(),
                      .token = new_token(b)};
    MEM_PUSH(b->groups, b->n, b->capacity) = g;
    return &b->groups[b->n - 1];
}

/* ---- tasks ---- */

static int add_task(struct submitting *b, size_t run, struct err *e)
{
    const struct plan_run *r = &b->plan->runs[run];
    struct jobfile job = {0};
    struct store_state known;
    json_t *after = arrays_before(b, r);
    if (!after)
        return 0;
    struct group *g = group_for(b, r, after);
    json_decref(after);
    int rc = store_state(b->store, r->id, &known, e);
    int attempt = known.attempts + 1;
    const struct jobfile_how how = {.threads = (int)slurm_config_count(b->s->config, "cpus"),
                                    .every = b->o->checkpoint_every,
                                    .device = b->o->device};
    store_state_release(&known);
    json_t *spec = plan_spec(b->plan, r);
    rc = rc < 0 ? rc : store_run(b->store, r->id, spec, e);
    json_decref(spec);
    if (rc < 0 || (rc = jobfile_write(&job, b->plan, run, b->s->workspace, attempt, &how, e)) < 0)
        goto out;
    char *journal = str_format("%s/journals/%s.%d.jsonl", b->s->workspace, r->id, attempt);
    json_t *needs = json_array();
    for (int k = 0; k < NEEDS; k++)
        if (r->needs[k] >= 0)
            json_array_append_new(needs, json_string(b->plan->runs[r->needs[k]].id));
    json_array_append_new(g->tasks, json_pack("{s:s, s:s, s:s, s:s, s:o, s:f}", "run", r->id, "job",
                                              job.path, "journal", journal, "log", job.log, "needs",
                                              needs, "seconds", r->seconds));
    if (r->seconds > g->seconds)
        g->seconds = r->seconds;
    json_object_set_new(b->token_of, r->id, json_string(g->token));
    unlink(journal); // of the same attempt number in a store that was since taken away
    free(journal);
out:
    jobfile_release(&job);
    return rc;
}

/* ---- submitting ---- */

static char *file_of(const struct submitting *b, const struct group *g, const char *ending)
{
    return str_format("%s/slurm/%s.%s", b->s->workspace, g->token, ending);
}

static int write_files(const struct submitting *b, const struct group *g, struct err *e)
{
    char *list = file_of(b, g, "json"), *script = file_of(b, g, "sh");
    const char *argv[] = {b->o->runner, "task", list, NULL};
    char *command = proc_command_text(argv);
    char *text = str_format("#!/bin/sh\nexec %s \"$SLURM_ARRAY_TASK_ID\"\n", command);
    int rc = fs_write(script, text, strlen(text), e);
    free(text);
    free(command);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:I, s:O}", "token", g->token, "recipe", b->o->recipe, "stage",
                  g->stage, "revision", (json_int_t)b->o->revision, "tasks", g->tasks);
    text = json_dumps(root, JSON_INDENT(1));
    if (rc == 0) // last: from here on it counts as perhaps submitted
        rc = fs_write(list, text, strlen(text), e);
    free(text);
    json_decref(root);
    free(script);
    free(list);
    return rc;
}

static const char *id_of(const struct submitting *b, const char *token)
{
    for (size_t i = 0; i < b->s->n; i++)
        if (str_eq(b->s->arrays[i].token, token))
            return b->s->arrays[i].id;
    return "";
}

static json_t *command_of(const struct submitting *b, const struct group *g)
{
    long concurrent = slurm_config_count(b->s->config, "concurrent");
    char *script = file_of(b, g, "sh"), *out = file_of(b, g, "%a.out"), limit[32] = "";
    struct str after = STR_INIT;
    if (concurrent)
        snprintf(limit, sizeof limit, "%%%ld", concurrent);
    for (size_t i = 0; i < json_array_size(g->after); i++) {
        const char *id = id_of(b, json_string_value(json_array_get(g->after, i)));
        if (*id)
            str_addf(&after, ":%s", id);
    }
    char *name = str_format("--job-name=%s", g->token), *output = str_format("--output=%s", out);
    char *array = str_format("--array=0-%zu%s", json_array_size(g->tasks) - 1, limit);
    json_t *argv = json_pack("[s, s, s, s, s, s, s]", "sbatch", "--parsable", "--requeue",
                             "--open-mode=append", name, output, array);
    if (after.size) {
        char *text = str_format("--dependency=afterok%s", after.data);
        json_array_append_new(argv, json_string(text));
        json_array_append_new(argv, json_string("--kill-on-invalid-dep=yes"));
        free(text);
    }
    slurm_config_options(b->s->config, argv);
    json_array_append_new(argv, json_string(script));
    free(array);
    free(output);
    free(name);
    free(out);
    free(script);
    str_release(&after);
    return argv;
}

/* sbatch failed or said nothing that can be read: is the array in the queue all the same? */
static void find_lost(struct slurm *s, struct slurm_array *a)
{
    for (int i = 0; i < ASK_TRIES && !*a->id; i++) {
        if (i)
            sleep(1);
        slurm_ask(s);
    }
}

/* "123" or "123;cluster", perhaps after lines of other words. */
static void take_id(struct slurm_array *a, const char *output)
{
    for (const char *line = output; *line;
         line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
        size_t digits = strspn(line, "0123456789");
        if (digits && digits < sizeof a->id && strchr(";\n", line[digits])) {
            memcpy(a->id, line, digits);
            a->id[digits] = 0;
        }
    }
}

static int submit(struct submitting *b, const struct group *g, struct err *e)
{
    struct slurm *s = b->s;
    struct err why = {0};
    char *path = file_of(b, g, "json"), *id_path = file_of(b, g, "id"), *output = NULL;
    int rc = write_files(b, g, e);
    if (rc < 0)
        goto out;
    json_t *list =
        json_pack("{s:s, s:s, s:s, s:I, s:O}", "token", g->token, "recipe", b->o->recipe, "stage",
                  g->stage, "revision", (json_int_t)b->o->revision, "tasks", g->tasks);
    MEM_PUSH(s->arrays, s->n, s->capacity) =
        (struct slurm_array){.token = mem_strdup(g->token), .path = mem_strdup(path), .list = list};
    struct slurm_array *a = &s->arrays[s->n - 1];
    json_t *argv = command_of(b, g);
    int called = slurm_call(s, argv, &output, &why);
    json_decref(argv);
    if (called == 0)
        take_id(a, output);
    if (!*a->id && called != ERR_MISSING)
        find_lost(s, a);
    if (!*a->id && (called == ERR_MISSING || s->queue)) { // it is known not to be there
        unlink(path);
        rc = err_set(e, called == ERR_MISSING ? ERR_MISSING : ERR_SYS, "nothing was submitted: %s",
                     called < 0 ? why.text : "sbatch did not name its job");
    } else if (!*a->id) {
        rc = err_set(e, ERR_SYS,
                     "it is not known whether '%s' was submitted: %s; the same command finds out",
                     g->token, called < 0 ? why.text : "sbatch did not name its job");
    } else {
        rc = fs_write(id_path, a->id, strlen(a->id), e);
        b->o->arrays++;
        b->o->tasks += json_array_size(g->tasks);
    }
out:
    free(output);
    free(id_path);
    free(path);
    return rc;
}

/* A task that takes longer than the cluster allows goes on from its checkpoint, but only when it is
 * submitted again. */
static void warn_of_time(const struct submitting *b)
{
    double limit = slurm_config_seconds(b->s->config), longest = 0;
    size_t over = 0;
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; k < json_array_size(b->groups[i].tasks); k++) {
            double seconds = json_number_value(
                json_object_get(json_array_get(b->groups[i].tasks, k), "seconds"));
            over += seconds > limit;
            longest = seconds > longest ? seconds : longest;
        }
    if (limit > 0 && over)
        log_warn("%zu tasks are expected to take longer than 'time' allows (%.0f s, at most %.0f "
                 "s); they will have to go on from checkpoints",
                 over, longest, limit);
}

static int make_folders(const struct slurm *s, struct err *e)
{
    static const char *const folders[] = {"slurm", "journals"};
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        char *path = fs_join(s->workspace, folders[i]);
        rc = fs_make_folders(path, e);
        free(path);
    }
    return rc;
}

int slurm_submit(struct slurm *s, const struct plan *p, struct store *store, struct slurm_submit *o,
                 struct err *e)
{
    struct submitting b = {.s = s, .plan = p, .store = store, .o = o, .token_of = json_object()};
    o->tasks = o->arrays = 0;
    for (size_t i = 0; i < s->n; i++) {
        const json_t *tasks = json_object_get(s->arrays[i].list, "tasks");
        for (size_t k = 0; k < json_array_size(tasks); k++)
            json_object_set_new(b.token_of, text_of(json_array_get(tasks, k), "run"),
                                json_string(s->arrays[i].token));
    }
    int rc = make_folders(s, e);
    for (size_t i = 0; i < p->n && rc == 0; i++)
        if (p->runs[i].state == PLAN_WANTED && !json_object_get(b.token_of, p->runs[i].id))
            rc = add_task(&b, i, e);
    if (rc == 0)
        warn_of_time(&b);
    for (size_t i = 0; i < b.n && rc == 0; i++)
        rc = submit(&b, &b.groups[i], e);
    for (size_t i = 0; i < b.n; i++) {
        free(b.groups[i].key);
        free(b.groups[i].token);
        json_decref(b.groups[i].after);
        json_decref(b.groups[i].tasks);
    }
    free(b.groups);
    json_decref(b.token_of);
    return rc;
}
