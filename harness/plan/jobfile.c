/* Files of a run: see jobfile.h. */
#include "harness/plan/jobfile.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <workspace>/<folder>/<run><ending>, absolute */
static char *path_in(const char *workspace, const char *folder, const char *run, const char *ending)
{
    char *top = fs_absolute(workspace);
    char *path = str_format("%s/%s/%s%s", top, folder, run, ending);
    free(top);
    return path;
}

/* A zombie is dead: in a container nobody may ever collect it. */
static bool is_dead(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return errno == ESRCH;
    struct pollfd ended = {fd, POLLIN, 0};
    bool dead = poll(&ended, 1, 0) == 1;
    close(fd);
    return dead;
}

int jobfile_sweep(const char *folder, struct err *e)
{
    struct fs_names names;
    if (fs_list(&names, folder, e) < 0)
        return e->code;
    for (size_t i = 0; i < names.n; i++) {
        const char *part = strstr(names.names[i], ".part-");
        char *end = NULL;
        long pid = part ? strtol(part + strlen(".part-"), &end, 10) : 0;
        if (pid < 1 || pid > INT_MAX || (*end && !str_eq(end, "-journal")) || !is_dead((pid_t)pid))
            continue;
        char *path = fs_join(folder, names.names[i]);
        sys_unlink(path);
        free(path);
    }
    fs_names_release(&names);
    return 0;
}

int jobfile_folders(const char *workspace, struct err *e)
{
    static const char *const folders[] = {"", "jobs", "logs", "banks", "prompts", "checkpoints"};
    int rc = 0;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && rc == 0; i++) {
        char *path = fs_join(workspace, folders[i]);
        rc = fs_make_folders(path, e);
        if (rc == 0)
            rc = jobfile_sweep(path, e);
        free(path);
    }
    return rc;
}

/* What core/train/checkpoint.c may leave beside RUN.safetensors. */
static const char *const checkpoint_endings[] = {"", ".previous", ".next"};
enum { CHECKPOINT_ENDINGS = sizeof checkpoint_endings / sizeof checkpoint_endings[0] };

void jobfile_done(const char *workspace, const char *run)
{
    for (size_t i = 0; i < CHECKPOINT_ENDINGS; i++) {
        char *ending = str_format(".safetensors%s", checkpoint_endings[i]);
        char *path = path_in(workspace, "checkpoints", run, ending);
        sys_unlink(path); // most runs are over before their first checkpoint
        free(path);
        free(ending);
    }
}

int jobfile_leftovers(const char *workspace, struct store *s, struct err *e)
{
    struct fs_names names;
    char *folder = fs_join(workspace, "checkpoints");
    int rc = fs_list(&names, folder, e);
    free(folder);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        struct store_state state;
        names.names[i][strcspn(names.names[i], ".")] = 0;
        rc = store_state(s, names.names[i], &state, e);
        if (rc == 0 && str_eq(state.state, "done"))
            jobfile_done(workspace, names.names[i]);
        store_state_release(&state);
    }
    fs_names_release(&names);
    return rc;
}

char *jobfile_bank(const char *workspace, const char *run)
{
    return path_in(workspace, "banks", run, ".bank");
}

char *jobfile_prompt(const char *workspace, const char *run)
{
    return path_in(workspace, "prompts", run, ".safetensors");
}

char *jobfile_job(const char *workspace, const char *run)
{
    return path_in(workspace, "jobs", run, ".json");
}

static void set_path(json_t *paths, const char *name, const char *path)
{
    char *absolute = fs_absolute(path);
    json_object_set_new(paths, name, json_string(absolute));
    free(absolute);
}

static void set_bank(json_t *paths, const char *name, const struct plan *p, int bank,
                     const char *workspace)
{
    if (bank < 0)
        return;
    char *path = jobfile_bank(workspace, p->runs[bank].id);
    set_path(paths, name, path);
    free(path);
}

/* A job that trains by steps may be cut and go on. */
static bool can_resume(const json_t *spec)
{
    const char *name = json_string_value(json_object_get(spec, "method"));
    const struct method_row *method = name ? method_find(name) : NULL;
    return method && method->trains && str_eq(spec_get_text(spec, "job"), "train");
}

int jobfile_write(struct jobfile *j, const struct plan *p, size_t run, const char *workspace,
                  int attempt, const struct jobfile_how *how, struct err *e)
{
    const struct plan_run *r = &p->runs[run];
    bool encode = str_eq(plan_text(r, "job"), "encode");
    bool eval = str_eq(plan_text(r, "job"), "eval");
    char *ending = str_format(".%d.log", attempt);
    j->kind = encode ? "bank" : eval ? NULL : "prompt";
    j->path = jobfile_job(workspace, r->id);
    j->log = path_in(workspace, "logs", r->id, ending);
    j->out = encode ? jobfile_bank(workspace, r->id)
             : eval ? NULL
                    : jobfile_prompt(workspace, r->id);
    free(ending);

    json_t *paths = json_object();
    set_path(paths, "weights", r->weights);
    if (!encode)
        set_path(paths, "bpe", r->merges);
    set_path(paths, "dataset", r->folder);
    if (j->out)
        set_path(paths, "out", j->out);
    set_bank(paths, "train_bank", p, r->needs[NEED_TRAIN_BANK], workspace);
    set_bank(paths, "test_bank", p, r->needs[NEED_TEST_BANK], workspace);
    set_bank(paths, "val_bank", p, r->needs[NEED_VAL_BANK], workspace);
    if (eval) {
        char *path = jobfile_prompt(workspace, p->runs[r->needs[NEED_PROMPT]].id);
        set_path(paths, "prompt", path);
        free(path);
    }
    if (r->file)
        set_path(paths, "prompt", r->file);
    if (can_resume(r->common)) {
        char *path = path_in(workspace, "checkpoints", r->id, ".safetensors");
        set_path(paths, "checkpoint", path);
        free(path);
    }
    json_t *job =
        json_pack("{s:s, s:o, s:i, s:o, s:i}", "run", r->id, "spec", plan_spec(p, r), "threads",
                  how->threads, "paths", paths, "checkpoint_every", how->every);
    BUG_IF(!job);
    if (how->device)
        json_object_set_new(job, "device", json_string(how->device));
    char *text = json_dumps(job, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    int rc = (how->unsynced ? fs_write_unsynced : fs_write)(j->path, text, strlen(text), e);
    free(text);
    json_decref(job);
    return rc;
}

int jobfile_sync(const char *workspace, struct err *e)
{
    char *folder = fs_join(workspace, "jobs");
    int rc = fs_sync_folder(folder, e);
    free(folder);
    return rc;
}

void jobfile_release(struct jobfile *j)
{
    free(j->path);
    free(j->log);
    free(j->out);
    *j = (struct jobfile){0};
}
