/*
 * From a plan to job arrays: see slurm.h. Runs of one stage that wait for the same arrays share
 * one, so that training begins on a dataset as soon as its banks are there.
 *
 * First all runs find their array, then their rows are stored together, then their job files are
 * written, and only then the arrays are submitted, each after its list. Whoever is killed in
 * between leaves what the next one takes for not submitted, or finds in the queue by its token.
 */
#include "harness/slurm/slurm.h"

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/plan/jobfile.h"
#include "harness/system/proc.h"
#include "harness/recipe/slurm_config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASK_TRIES = 3 };

/* An array that is being put together. */
struct group {
    const char *stage;
    char *key;                 // stage, what it waits for, and of banks the dataset
    json_t *after;             // tokens of the arrays it waits for
    size_t *runs, n, capacity; // in the plan
    json_t *tasks;             // as in the list
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
        if (str_eq(b->groups[i].key, key) && b->groups[i].n < limit) {
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

static void place(struct submitting *b, size_t run)
{
    const struct plan_run *r = &b->plan->runs[run];
    json_t *after = arrays_before(b, r);
    if (!after)
        return;
    struct group *g = group_for(b, r, after);
    json_decref(after);
    MEM_PUSH(g->runs, g->n, g->capacity) = run;
    json_object_set_new(b->token_of, r->id, json_string(g->token));
}

/* ---- tasks ---- */

/* One transaction: a commit for each of a thousand runs takes seconds. */
static int store_rows(const struct submitting *b, struct err *e)
{
    int rc = store_together(b->store, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < b->n && rc == 0; i++)
        for (size_t k = 0; k < b->groups[i].n && rc == 0; k++) {
            const struct plan_run *r = &b->plan->runs[b->groups[i].runs[k]];
            json_t *spec = plan_spec(b->plan, r);
            rc = store_run(b->store, r->id, spec, e);
            json_decref(spec);
        }
    return store_together_end(b->store, rc, e);
}

static int make_task(const struct submitting *b, struct group *g, size_t run, struct err *e)
{
    const struct plan_run *r = &b->plan->runs[run];
    struct jobfile job = {0};
    struct store_state known;
    int rc = store_state(b->store, r->id, &known, e);
    int attempt = known.attempts + 1;
    const struct jobfile_how how = {.threads = (int)slurm_config_count(b->s->config, "cpus"),
                                    .every = b->o->checkpoint_every,
                                    .device = b->o->device,
                                    .unsynced = true};
    store_state_release(&known);
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
    sys_unlink(journal); // of the same attempt number in a store that was since taken away
    free(journal);
out:
    jobfile_release(&job);
    return rc;
}

static int make_tasks(struct submitting *b, struct err *e)
{
    int rc = store_rows(b, e);
    for (size_t i = 0; i < b->n && rc == 0; i++)
        for (size_t k = 0; k < b->groups[i].n && rc == 0; k++)
            rc = make_task(b, &b->groups[i], b->groups[i].runs[k], e);
    return rc ? rc : jobfile_sync(b->s->workspace, e);
}

/* ---- submitting ---- */

static char *file_of(const struct submitting *b, const struct group *g, const char *ending)
{
    return str_format("%s/slurm/%s.%s", b->s->workspace, g->token, ending);
}

static int write_files(const struct submitting *b, const struct group *g, const json_t *array,
                       struct err *e)
{
    char *list = file_of(b, g, "json"), *script = file_of(b, g, "sh");
    const char *argv[] = {b->o->runner, "task", list, NULL};
    char *command = proc_command_text(argv);
    char *text = str_format("#!/bin/sh\nexec %s \"$SLURM_ARRAY_TASK_ID\"\n", command);
    char *lines = json_dumps(array, JSON_INDENT(1));
    int rc = fs_write(list, lines, strlen(lines), e); // first: every file belongs to a list
    if (rc == 0)
        rc = fs_write(script, text, strlen(text), e);
    free(lines);
    free(text);
    free(command);
    free(script);
    free(list);
    return rc;
}

/* ":ID" of each array that it waits for; of one that has left the queue meanwhile, nothing. */
static int add_after(struct submitting *b, const struct group *g, struct str *out, struct err *e)
{
    struct slurm *s = b->s;
    for (size_t i = 0; i < json_array_size(g->after); i++) {
        const char *token = json_string_value(json_array_get(g->after, i));
        const struct slurm_array *a = NULL;
        for (size_t k = 0; k < s->n; k++)
            if (str_eq(s->arrays[k].token, token))
                a = &s->arrays[k];
        BUG_IF(!a);  // arrays are submitted in the order in which they wait for each other
        if (!*a->id) // its reply was lost
            slurm_ask(s);
        if (*a->id)
            str_addf(out, ":%s", a->id);
        else if (!s->queue)
            return err_set(e, ERR_SYS,
                           "nothing that waits for '%s' can be submitted before the queue tells "
                           "its number: %s; repeat the command later",
                           token, s->silent.text);
    }
    return 0;
}

/* `after`: ":ID" of each array that it waits for. */
static json_t *command_of(const struct submitting *b, const struct group *g, const char *after)
{
    long concurrent = slurm_config_count(b->s->config, "concurrent");
    char *script = file_of(b, g, "sh"), *out = file_of(b, g, "%a.out"), limit[32] = "";
    if (concurrent)
        snprintf(limit, sizeof limit, "%%%ld", concurrent);
    char *name = str_format("--job-name=%s", g->token), *output = str_format("--output=%s", out);
    char *array = str_format("--array=0-%zu%s", g->n - 1, limit);
    json_t *argv = json_pack("[s, s, s, s, s, s, s]", "sbatch", "--parsable", "--requeue",
                             "--open-mode=append", name, output, array);
    if (*after) {
        char *text = str_format("--dependency=afterok%s", after);
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

/* Its tasks may have come and gone while the queue was not asked. */
static bool has_begun(const struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (fs_is_file(text_of(json_array_get(g->tasks, i), "journal")))
            return true;
    return false;
}

static int call_sbatch(struct submitting *b, const struct group *g, struct slurm_array *a,
                       const char *after, struct err *e)
{
    struct slurm *s = b->s;
    struct err why = {0};
    char *output = NULL;
    json_t *argv = command_of(b, g, after);
    int called = slurm_call(s, argv, &output, &why), rc = 0;
    json_decref(argv);
    if (called == 0)
        take_id(a, output);
    free(output);
    if (!*a->id && called != ERR_MISSING)
        find_lost(s, a);
    const char *words = called < 0 ? why.text : "sbatch did not name its job";
    if (*a->id) {
        rc = slurm_keep_id(s, a, e);
    } else if (called == ERR_MISSING || (s->queue && !has_begun(g))) {
        char *script = file_of(b, g, "sh"); // it is known not to be there
        sys_unlink(a->path);
        sys_unlink(script);
        free(script);
        return err_set(
            e, called == ERR_MISSING ? ERR_MISSING : ERR_SYS, "nothing was submitted: %s%s", words,
            called == ERR_MISSING ? "; where there is no Slurm, leave out '--executor slurm'" : "");
    } else if (!s->queue) {
        return err_set(e, ERR_SYS,
                       "it is not known whether '%s' was submitted: %s; the same command finds out",
                       g->token, words);
    }
    b->o->arrays++;
    b->o->tasks += g->n;
    return rc;
}

static int submit(struct submitting *b, const struct group *g, struct err *e)
{
    struct slurm *s = b->s;
    struct str after = STR_INIT;
    json_t *array =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:O}", "token", g->token, "recipe", b->o->recipe,
                  "stage", g->stage, "revision", (json_int_t)b->o->revision, "runner", b->o->runner,
                  "tasks", g->tasks);
    int rc = add_after(b, g, &after, e);
    if (rc == 0)
        rc = write_files(b, g, array, e);
    if (rc == 0) {
        MEM_PUSH(s->arrays, s->n, s->capacity) = (struct slurm_array){.token = mem_strdup(g->token),
                                                                      .path = file_of(b, g, "json"),
                                                                      .list = json_incref(array)};
        rc = call_sbatch(b, g, &s->arrays[s->n - 1], after.data, e);
    }
    json_decref(array);
    str_release(&after);
    return rc;
}

/* A task that takes longer than the cluster allows goes on from its checkpoint, but only when it is
 * submitted again. */
static void warn_of_time(const struct submitting *b)
{
    double limit = slurm_config_seconds(b->s->config), longest = 0;
    size_t over = 0;
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; k < b->groups[i].n; k++) {
            double seconds = b->plan->runs[b->groups[i].runs[k]].seconds;
            over += seconds > limit;
            longest = seconds > longest ? seconds : longest;
        }
    if (limit > 0 && over)
        log_warn("%zu tasks are expected to take longer than 'time' allows (%.0f s, at most %.0f "
                 "s); they will have to go on from checkpoints",
                 over, longest, limit);
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
    for (size_t i = 0; i < p->n; i++)
        if (p->runs[i].state == PLAN_WANTED && !json_object_get(b.token_of, p->runs[i].id))
            place(&b, i);
    int rc = make_tasks(&b, e);
    if (rc == 0)
        warn_of_time(&b);
    for (size_t i = 0; i < b.n && rc == 0; i++)
        rc = submit(&b, &b.groups[i], e);
    for (size_t i = 0; i < b.n; i++) {
        free(b.groups[i].key);
        free(b.groups[i].token);
        json_decref(b.groups[i].after);
        json_decref(b.groups[i].tasks);
        free(b.groups[i].runs);
    }
    free(b.groups);
    json_decref(b.token_of);
    return rc;
}
