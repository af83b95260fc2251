/* Reading job files: see job.h. Nothing in a job file is believed before it is checked. */
#include "core/proto/job.h"

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "core/proto/method_keys.h"
#include "core/proto/spec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { JOB_LIMIT = 1 << 20, THREADS_LIMIT = 4096 };

/* Jobs that need a path. */
enum {
    FOR_ENCODE = 1,
    FOR_TRAIN = 2,
    FOR_LEARNING = 4, // and train, on banked features
    FOR_VALIDATING = 8,
    FOR_EVAL = 16,
    FOR_TESTING = 32, // on banked features
    FOR_FILE = 64,    // a prompt from a file
    FOR_ALL = FOR_ENCODE | FOR_TRAIN | FOR_EVAL,
};

static const struct {
    const char *name;
    size_t field; // offset in struct job
    int needed;   // 0: never
} paths[] = {
    {"weights", offsetof(struct job, weights), FOR_ALL},
    {"bpe", offsetof(struct job, bpe), FOR_TRAIN | FOR_EVAL},
    {"dataset", offsetof(struct job, dataset), FOR_ALL},
    {"out", offsetof(struct job, out), FOR_ENCODE | FOR_TRAIN},
    {"train_bank", offsetof(struct job, train_bank), FOR_LEARNING},
    {"test_bank", offsetof(struct job, test_bank), FOR_TESTING},
    {"val_bank", offsetof(struct job, val_bank), FOR_VALIDATING},
    {"prompt", offsetof(struct job, prompt), FOR_EVAL | FOR_FILE},
    {"checkpoint", offsetof(struct job, checkpoint), 0},
};
enum { PATHS = sizeof paths / sizeof paths[0] };

/* FOR_* bits of a checked spec. */
static int job_kind(const json_t *spec, struct err *e)
{
    if (str_eq(spec_get_text(spec, "job"), "encode"))
        return FOR_ENCODE;
    const char *name = spec_get_text(spec, "method");
    const struct method_row *method = method_find(name);
    if (!method)
        return err_set(e, ERR_MISSING, "unknown method '%.200s'", name);
    int banked = method_pixels(method, json_object_get(spec, "params")) ? 0 : FOR_TESTING;
    if (str_eq(spec_get_text(spec, "job"), "eval"))
        return FOR_EVAL | banked;
    if (method->needs & METHOD_FILE)
        return FOR_TRAIN | FOR_FILE | banked;
    return FOR_TRAIN | banked | (banked && method->trains ? FOR_LEARNING : 0) |
           (method_validates(method) ? FOR_VALIDATING : 0);
}

static int job_paths(struct job *job, struct err *e)
{
    int kind = job_kind(job->spec, e);
    if (kind < 0)
        return kind;
    const json_t *object = json_object_get(job->root, "paths");
    if (!json_is_object(object))
        return err_set(e, ERR_PARSE, "'paths' is no object");
    size_t known = 0;
    for (size_t i = 0; i < PATHS; i++) {
        const json_t *value = json_object_get(object, paths[i].name);
        if (!value && !(paths[i].needed & kind))
            continue;
        const char *text = json_string_value(value);
        if (!text || !*text)
            return err_set(e, ERR_PARSE, "path '%s' is %s", paths[i].name,
                           value ? "no text" : "missing");
        memcpy((char *)job + paths[i].field, &text, sizeof text);
        known++;
    }
    if (known != json_object_size(object))
        return err_set(e, ERR_PARSE, "'paths' holds an unknown key");
    return 0;
}

/* A whole number of the root from `min` to `max`; `preset` when it is absent. */
static int job_count(const struct job *job, const char *name, int min, int max, int preset,
                     int *out, struct err *e)
{
    const json_t *value = json_object_get(job->root, name);
    *out = value ? (int)json_integer_value(value) : preset;
    if (value && !json_is_integer(value))
        return err_set(e, ERR_PARSE, "'%s' is no whole number", name);
    if (value && (json_integer_value(value) < min || json_integer_value(value) > max))
        return err_set(e, ERR_RANGE, "'%s' is %lld, expected %d to %d", name,
                       (long long)json_integer_value(value), min, max);
    return 0;
}

static int job_check(struct job *job, struct err *e)
{
    job->spec = json_object_get(job->root, "spec");
    job->run = json_string_value(json_object_get(job->root, "run"));
    const json_t *device = json_object_get(job->root, "device");
    size_t known = 4 + (device != NULL) + (json_object_get(job->root, "checkpoint_every") != NULL);
    job->device = device ? json_string_value(device) : "cpu";
    if (!job->spec || !job->run || !json_object_get(job->root, "threads") ||
        json_object_size(job->root) != known)
        return err_set(e, ERR_PARSE, "expected the keys 'run', 'spec', 'threads' and 'paths'");
    if (!job->device)
        return err_set(e, ERR_PARSE, "'device' is no text");
    if (spec_check(job->spec, e) < 0)
        return e->code;
    char id[HASH_HEX];
    spec_id(job->spec, id);
    if (!str_eq(id, job->run))
        return err_set(e, ERR_CORRUPT, "'run' is '%.64s', but the spec's id is '%s'", job->run, id);
    int rc;
    if ((rc = job_count(job, "threads", 1, THREADS_LIMIT, 0, &job->threads, e)) < 0 ||
        (rc = job_count(job, "checkpoint_every", 0, INT_MAX, CHECKPOINT_EVERY,
                        &job->checkpoint_every, e)) < 0)
        return rc;
    return job_paths(job, e);
}

int job_read(struct job *job, const char *path, struct err *e)
{
    char *text;
    size_t size;
    *job = (struct job){0};
    if (fs_read(&text, &size, path, JOB_LIMIT, e) < 0)
        return e->code;
    json_error_t error;
    job->root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (!job->root)
        return err_set(e, ERR_PARSE, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    if (job_check(job, e) < 0) {
        job_release(job);
        return err_wrap(e, "job file '%s'", path);
    }
    return 0;
}

bool job_wait(int fd)
{
    char byte;
    ssize_t got = fd < 0;
    while (fd >= 0 && (got = sys_read(fd, &byte, 1)) < 0 && errno == EINTR)
        ;
    return got == 1;
}

void job_release(struct job *job)
{
    json_decref(job->root);
    *job = (struct job){0};
}
