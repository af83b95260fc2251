/* Open arrays and the cluster's queue: see slurm.h. */
#include "harness/slurm/slurm.h"

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/proto/tasks.h"
#include "harness/plan/jobfile.h"
#include "harness/system/proc.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_LIMIT = 64 << 20 };

/* ---- programs of the cluster ---- */

int slurm_call(const struct slurm *s, json_t *words, char **output, struct err *e)
{
    size_t n = json_array_size(words), size;
    const char **argv = mem_zero(n + 1, sizeof *argv);
    char *log = str_format("%s/slurm/output.part-%ld", s->workspace, (long)getpid());
    struct str last = STR_INIT;
    struct proc p;
    for (size_t i = 0; i < n; i++)
        argv[i] = json_string_value(json_array_get(words, i));
    struct proc_options options = {.argv = argv, .log = log};
    *output = NULL;
    unlink(log);
    int rc = proc_start(&p, &options, e);
    if (rc < 0)
        goto out;
    for (bool ended = false; !ended; ended = proc_serve(&p)) {
        struct pollfd fds[PROC_FDS];
        proc_watch(&p, fds);
        poll(fds, PROC_FDS, -1);
    }
    int status = proc_reap(&p, 3, &last);
    rc = fs_read(output, &size, log, OUTPUT_LIMIT, e);
    if (rc == ERR_MISSING) { // it said nothing
        *output = mem_strdup("");
        rc = e->code = 0;
    }
    if (rc == 0 && status) {
        struct str why = STR_INIT;
        proc_status_text(status, &why);
        rc = err_set(e, ERR_SYS, "'%s' %s%s%.*s", argv[0], why.data, last.size ? ": " : "",
                     last.size ? (int)last.size - 1 : 0, last.data);
        str_release(&why);
    }
out:
    unlink(log);
    str_release(&last);
    free(argv);
    free(log);
    return rc;
}

/* ---- open arrays ---- */

static int add_array(struct slurm *s, const char *path, struct err *e)
{
    struct slurm_array a = {.path = mem_strdup(path)};
    int rc = tasks_read(&a.list, path, e);
    if (rc < 0) {
        free(a.path);
        return rc;
    }
    a.token = mem_strdup(json_string_value(json_object_get(a.list, "token")));
    char *id_path = str_format("%.*sid", (int)(strlen(path) - strlen("json")), path), *text;
    struct err none;
    if (fs_read(&text, NULL, id_path, sizeof a.id - 1, &none) == 0) {
        memcpy(a.id, text, strspn(text, "0123456789"));
        a.kept = *a.id;
        free(text);
    }
    free(id_path);
    MEM_PUSH(s->arrays, s->n, s->capacity) = a;
    return 0;
}

int slurm_folders(const char *workspace, struct err *e)
{
    static const char *const folders[] = {"slurm", "journals"};
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        char *path = fs_join(workspace, folders[i]);
        rc = fs_make_folders(path, e);
        if (rc == 0)
            rc = jobfile_sweep(path, e);
        free(path);
    }
    return rc;
}

int slurm_open(struct slurm *s, const char *workspace, json_t *config, struct err *e)
{
    struct fs_names names;
    *s = (struct slurm){.workspace = fs_absolute(workspace), .config = config};
    char *folder = fs_join(s->workspace, "slurm");
    int rc = fs_list(&names, folder, e);
    if (rc == ERR_MISSING)
        rc = e->code = 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *path = fs_join(folder, names.names[i]);
        if (str_ends(path, ".json"))
            rc = add_array(s, path, e);
        free(path);
    }
    fs_names_release(&names);
    free(folder);
    return rc;
}

void slurm_close(struct slurm *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->arrays[i].token);
        free(s->arrays[i].path);
        json_decref(s->arrays[i].list);
    }
    free(s->arrays);
    free(s->workspace);
    json_decref(s->config);
    json_decref(s->queue);
    *s = (struct slurm){0};
}

int slurm_open_tasks(const char *workspace, size_t *n, struct err *e)
{
    struct slurm s;
    int rc = slurm_open(&s, workspace, NULL, e);
    *n = 0;
    for (size_t i = 0; i < s.n; i++)
        *n += json_array_size(json_object_get(s.arrays[i].list, "tasks"));
    slurm_close(&s);
    return rc;
}

/* ---- the queue ---- */

/* A task that was submitted twice is as far as the further of the two. */
static int rank(const char *state)
{
    return str_eq(state, "RUNNING") || str_eq(state, "COMPLETING") ? 2 : state ? 1 : 0;
}

/* "NAME|ID|INDEX|STATE" */
static void take_line(struct slurm *s, char *line)
{
    char *id = strchr(line, '|'), *index = id ? strchr(id + 1, '|') : NULL;
    char *state = index ? strchr(index + 1, '|') : NULL;
    if (!state)
        return;
    *id++ = *index++ = *state++ = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct slurm_array *a = &s->arrays[i];
        if (!str_eq(a->token, line) || strspn(id, "0123456789") != strlen(id))
            continue;
        if (!*a->id && strlen(id) < sizeof a->id) // its reply was lost
            memcpy(a->id, id, strlen(id) + 1);
        char *key = str_format("%s %s", line, index);
        const char *known = json_string_value(json_object_get(s->queue, key));
        if (rank(state) > rank(known))
            json_object_set_new(s->queue, key, json_string(state));
        free(key);
    }
}

void slurm_ask(struct slurm *s)
{
    struct str names = STR_INIT;
    char *output = NULL;
    json_decref(s->queue);
    s->queue = json_object();
    if (!s->n)
        return;
    str_add(&names, "--name=");
    for (size_t i = 0; i < s->n; i++)
        str_addf(&names, "%s%s", i ? "," : "", s->arrays[i].token);
    json_t *argv = json_pack("[s, s, s, s, s]", "squeue", "--noheader", "--array",
                             "--format=%j|%F|%K|%T", names.data);
    int rc = slurm_call(s, argv, &output, &s->silent);
    json_decref(argv);
    str_release(&names);
    if (rc < 0) {
        json_decref(s->queue);
        s->queue = NULL;
        free(output);
        return;
    }
    for (char *line = output, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = 0;
        take_line(s, line);
    }
    free(output);
}

int slurm_keep_id(const struct slurm *s, struct slurm_array *a, struct err *e)
{
    char *path = str_format("%s/slurm/%s.id", s->workspace, a->token);
    int rc = a->kept ? 0 : fs_write(path, a->id, strlen(a->id), e);
    a->kept = rc == 0;
    free(path);
    return rc;
}

const char *slurm_state(const struct slurm *s, const struct slurm_array *a, size_t index)
{
    char *key = str_format("%s %zu", a->token, index);
    const char *state = json_string_value(json_object_get(s->queue, key));
    free(key);
    return state ? state : "";
}
