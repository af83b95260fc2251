/*
 * The eval job: the result of a training run -> metrics on another dataset.
 */
#include "core/base/str.h"
#include "core/clip/safetensors.h"
#include "core/proto/event.h"
#include "core/proto/spec.h"
#include "core/train/result.h"
#include "runner/runner.h"
#include "runner/start.h"
#include "runner/test.h"

#include <stdlib.h>

/* The id of the run that a result's header names, "" when there is none. */
static void result_run(const struct safetensors *file, char id[HASH_HEX])
{
    const json_t *metadata = json_object_get(file->header, "__metadata__");
    const char *text = json_string_value(json_object_get(metadata, "spec"));
    json_t *spec = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    *id = 0;
    if (spec)
        spec_id(spec, id);
    json_decref(spec);
}

/* The file is that of the run that the spec names, whatever it is called. */
static int check_result(const struct work *w, struct err *e)
{
    struct safetensors file;
    char id[HASH_HEX];
    const char *path = w->job->prompt, *wanted = spec_get_text(w->spec, "train");
    int rc = safetensors_open(&file, path, e);
    if (rc < 0)
        return rc;
    result_run(&file, id);
    if (!str_eq(id, wanted))
        rc = err_set(e, ERR_CORRUPT,
                     "'%s' is the result of run '%.12s', expected that of run '%.12s'; plan again",
                     path, *id ? id : "unknown", wanted);
    safetensors_close(&file);
    return rc;
}

/* The method as its training left it. Its result does not depend on the number of classes
 * (harness/recipe/grid.c refuses those that do), so the target's stands for the source's. */
static int load(struct work *w, struct err *e)
{
    struct rng r;
    int rc;
    if ((rc = check_result(w, e)) < 0 || (rc = work_learner(w, w->split.classes, &r, e)) < 0)
        return rc;
    return result_load(&w->learner, w->job->prompt, e);
}

int eval_job(const struct job *job, struct err *e)
{
    struct work w;
    struct bank bank = {0};
    int rc = work_open(&w, job, e);
    if (rc < 0)
        goto out;
    start_send(w.device, job->threads, 0);
    if ((rc = known_open(&w.known, w.device, e)) < 0 || (rc = work_files(&w, e)) < 0 ||
        (rc = work_bank(&w, &bank, "test", job->test_bank, e)) < 0)
        goto out;
    const struct part all = {"test", 0, w.split.classes};
    if ((rc = load(&w, e)) < 0) {
        err_wrap(e, "the training run's result");
        goto out;
    }
    if ((rc = test_part(&w, &bank, &all, e)) == 0)
        event_send(json_pack("{s:s}", "event", "done"));
out:
    bank_close(&bank);
    work_release(&w);
    return rc;
}
