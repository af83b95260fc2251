/* Runs on GPUs: which one a run goes to, memory that was not enough, GPUs that are lost. */
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"
#include "harness/sched/sched_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { LOSSES = 2 }; // GPUs lost under one run, after which it is the run

/* ---- what is next ---- */

static double need_of(const struct sched *s, size_t run)
{
    return s->places.n ? s->options->gpu_need[run] : 0;
}

/* The GPU for a run; -1 with none that has room, or on the CPU, where there is always room now. */
static int place_for(const struct sched *s, size_t run, bool alone, int only)
{
    if (only >= 0 && s->places.items[only].lost)
        only = -1;
    return places_find(&s->places, need_of(s, run), alone, only);
}

static bool retry_has_room(void *arg, const struct retry_one *one)
{
    const struct sched *s = arg;
    return !s->places.n || place_for(s, one->run, one->gpu >= 0, one->gpu) >= 0;
}

/* With two runs or more on the GPUs, one of them makes the bank of the next dataset. */
static long bank_ahead(struct sched *s)
{
    bool trains = false;
    if (!s->places.n)
        return -1;
    for (size_t i = 0; i < s->running; i++) {
        if (s->slots[i].run < s->plan->banks)
            return -1;
        trains = true;
    }
    return trains ? queue_ahead(&s->queue) : -1;
}

bool sched__next(struct sched *s, struct next *out)
{
    struct retry_one again = {.gpu = -1};
    *out = (struct next){.gpu = -1};
    if (retry_take(&s->retry, sys_now(), retry_has_room, s, &again)) {
        *out = (struct next){.run = again.run,
                             .retried = true,
                             .alone = again.alone,
                             .gpu_alone = again.gpu >= 0,
                             .gpu = -1};
        if (s->places.n)
            out->gpu = place_for(s, again.run, out->gpu_alone, again.gpu);
        if (again.gpu >= 0)
            places_want(&s->places, again.gpu, false);
        return true;
    }
    long run = bank_ahead(s);
    if (run < 0)
        run = queue_peek(&s->queue);
    if (run < 0)
        return false;
    out->run = (size_t)run;
    if (s->places.n)
        out->gpu = place_for(s, out->run, false, -1);
    return !s->places.n || out->gpu >= 0;
}

/* ---- memory ---- */

bool sched__gpu_memory(struct sched *s, const struct slot *slot, const char *label,
                       struct str *reason)
{
    const struct gpu *gpu = s->places.items[slot->gpu].gpu;
    struct retry_one one = {
        .run = slot->run, .gpu = slot->gpu, .reason = reason->data, .log = slot->job.log};
    if (!slot->gpu_alone && s->options->retries && !s->given_up &&
        retry_add(&s->retry, &one, s->retry.tries[slot->run] + 1, s->options->retry_wait,
                  sys_now())) {
        places_want(&s->places, slot->gpu, true);
        progress_hide(&s->progress);
        log_warn("%s: %s; trying again, alone on %s", label, reason->data, gpu->kind);
        return true;
    }
    char need[24], left[24], all[24];
    gpu_size(need_of(s, slot->run), need);
    gpu_size(gpu->free, left);
    gpu_size(gpu->memory, all);
    str_addf(reason,
             "; it ran %sthere, was expected to take %s, and %s of %s were free at the start",
             slot->gpu_alone ? "alone " : "", need, left, all);
    return false;
}

/* ---- loss ---- */

static void end_others(struct sched *s, int place)
{
    for (size_t i = 0; i < s->running; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->gpu != place || slot->ended)
            continue;
        slot->cause = "device";
        slot->ended = true;
        proc_signal(&slot->proc, SIGKILL);
    }
}

/* None is left: nothing more is started, and what waits for a try waits for the next command. */
static void end_grid(struct sched *s)
{
    struct str all = STR_INIT;
    for (size_t i = 0; i < s->places.n; i++) {
        str_add(&all, i ? ", " : "");
        gpu_text(s->places.items[i].gpu, &all);
    }
    s->given_up = true;
    s->result->lost = str_detach(&all);
}

bool sched__gpu_lost(struct sched *s, const struct slot *slot, const char *label,
                     struct str *reason)
{
    struct str name = STR_INIT;
    gpu_text(s->places.items[slot->gpu].gpu, &name);
    progress_hide(&s->progress);
    if (places_lose(&s->places, slot->gpu)) {
        log_warn("%s is lost: %s; nothing more is started on it", name.data, reason->data);
        end_others(s, slot->gpu);
        if (places_left(&s->places) == 0)
            end_grid(s);
    }
    str_release(&name);
    // A run that was ended by us has lost nothing; nor is one to blame when all GPUs go.
    if (!slot->cause && !s->result->lost && ++s->losses[slot->run] >= LOSSES) {
        str_add(reason, "; it is the second GPU that was lost under this run");
        return false;
    }
    if (!s->result->lost)
        log_warn("%s: goes to another GPU", label);
    queue_back(&s->queue, slot->run);
    return true;
}
