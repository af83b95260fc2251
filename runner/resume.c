/* A train job's checkpoints: see resume.h. */
#include "runner/resume.h"

#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/sys.h"
#include "core/proto/event.h"
#include "runner/stop.h"

#include <stdlib.h>
#include <string.h>

static struct checkpoint_owner owner_of(const struct resume *r)
{
    return (struct checkpoint_owner){r->job->run, r->code};
}

int resume_open(struct resume *r, const struct job *job, const struct device *d, struct err *e)
{
    char program[HASH_HEX];
    *r = (struct resume){.job = job, .curve = json_array(), .written = sys_now()};
    if (!job->checkpoint)
        return 0;
    stop_later();
    int rc = hash_file(program, "/proc/self/exe", e);
    if (rc < 0)
        return rc;
    char *device = device_describe(d);
    struct str refused = STR_INIT;
    r->code = str_format("%s on %s", program, device);
    const struct checkpoint_owner owner = owner_of(r);
    if (checkpoint_find(&r->found, job->checkpoint, &owner, &refused))
        r->epoch = r->found.epoch;
    for (char *line = refused.data, *end; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        log_warn("%.*s; %s", (int)(end - line), line,
                 end[1]     ? "looking at the one before"
                 : r->epoch ? "the one before is whole"
                            : "training from the start");
    }
    str_release(&refused);
    free(device);
    return 0;
}

void resume_close(struct resume *r)
{
    checkpoint_close(&r->found);
    json_decref(r->curve);
    free(r->code);
    *r = (struct resume){0};
}

int resume_apply(struct resume *r, struct learner *l, struct loop_state *state, struct err *e)
{
    r->written = sys_now();
    if (!r->epoch)
        return 0;
    int rc = checkpoint_restore(&r->found, l, state, e);
    if (rc < 0)
        return err_wrap(e, "checkpoint (remove it to train from the start)");
    json_array_extend(r->curve, r->found.events);
    for (size_t i = 0; i < json_array_size(r->curve); i++)
        event_send(json_incref(json_array_get(r->curve, i)));
    log_info("going on after epoch %d", r->epoch);
    checkpoint_close(&r->found); // its file is about to be replaced
    return 0;
}

int resume_keep(struct resume *r, struct known *known, struct learner *l,
                const struct loop_state *state, struct err *e)
{
    struct err why = {0};
    bool stop = stop_asked();
    if (!r->job->checkpoint || (!stop && sys_now() - r->written < r->job->checkpoint_every))
        return 0;
    int rc = known_ask(known, e);
    if (rc < 0)
        return rc;
    const struct checkpoint_owner owner = owner_of(r);
    rc = checkpoint_save(r->job->checkpoint, &owner, l, state, r->curve, &why);
    if (rc < 0 && !r->warned) {
        log_warn("no checkpoint: %s", why.text);
        r->warned = true;
    }
    r->written = sys_now();
    if (!stop)
        return 0;
    return err_set(e, ERR_CANCELLED, "asked to end after epoch %d; %s", state->epoch,
                   rc < 0 ? "its checkpoint could not be written" : "its checkpoint is kept");
}
