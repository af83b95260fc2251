/*
 * What a person sees of a grid at work: one line, or where the terminal has room for it a screen:
 * how far each method is on each dataset, and each running run with its step and loss.
 */
#include "harness/sched/sched_internal.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/sys.h"

#include <stdlib.h>

enum { FEWEST_RUNS = 1 }; // running runs that a screen must have room for

/* Seconds left; negative when not known. */
static double time_left(struct sched *s)
{
    double left = eta_waiting(&s->eta, &s->queue);
    for (size_t i = 0; i < s->running && left >= 0; i++) {
        const struct slot *slot = &s->slots[i];
        double one = eta_left(&s->eta, slot->run, sys_now() - slot->started, slot->collect.step,
                              slot->collect.of);
        left = one < 0 ? -1 : left + one;
    }
    return left < 0 ? -1 : left / (double)s->options->jobs;
}

static void put_head(struct str *out, struct sched *s)
{
    const struct sched_result *r = s->result;
    double left = time_left(s);
    str_addf(out, "[%zu/%zu] %zu running", r->done + r->failed, s->total, s->running);
    if (r->failed)
        str_addf(out, ", %zu failed", r->failed);
    if (left >= 0) {
        char about[32];
        progress_seconds(left, about);
        str_addf(out, ", about %s left", about);
    }
}

/* The loss of the last epoch that the run has told of; false when there is none. */
static bool last_loss(const struct slot *slot, double *loss)
{
    for (size_t i = json_array_size(slot->collect.events); i-- > 0;) {
        const json_t *value = json_object_get(json_array_get(slot->collect.events, i), "loss");
        if (json_is_number(value)) {
            *loss = json_number_value(value);
            return true;
        }
    }
    return false;
}

static void put_slot(struct str *out, const struct sched *s, const struct slot *slot, bool whole)
{
    char *label = labels_run(&s->labels, s->plan, &s->plan->runs[slot->run]);
    double loss;
    str_add(out, label);
    if (slot->collect.of)
        str_addf(out, ", %s %ld/%ld", slot->collect.unit, slot->collect.step, slot->collect.of);
    if (whole && last_loss(slot, &loss))
        str_addf(out, ", loss %.4g", loss);
    if (whole) {
        char took[32];
        progress_seconds(sys_now() - slot->started, took);
        str_addf(out, ", %s", took);
    }
    free(label);
}

/* Counts by dataset and method, then the runs at work as far as there is room. */
static void put_screen(struct str *out, const struct sched *s, size_t rows, size_t columns)
{
    bool *done = mem_zero(s->plan->n + 1, sizeof *done);
    for (size_t i = 0; i < s->plan->n; i++)
        done[i] = s->queue.state[i] == TASK_DONE;
    str_addc(out, '\n');
    tally_put(&s->tally, done, columns, out);
    free(done);
    size_t room = rows - 1 - tally_lines(&s->tally, columns);
    size_t shown = s->running <= room ? s->running : room - 1;
    for (size_t i = 0; i < shown; i++) {
        str_add(out, "  ");
        put_slot(out, s, &s->slots[i], true);
        str_addc(out, '\n');
    }
    if (shown < s->running)
        str_addf(out, "  and %zu more\n", s->running - shown);
}

void sched__draw(struct sched *s)
{
    if (!s->progress.live || !s->running || sys_now() < s->drawn + 0.1)
        return;
    s->drawn = sys_now();
    size_t rows, columns;
    progress_room(&s->progress, &rows, &columns);
    struct str text = STR_INIT;
    put_head(&text, s);
    if (rows > 1 + tally_lines(&s->tally, columns) + FEWEST_RUNS) {
        put_screen(&text, s, rows, columns);
    } else {
        const struct slot *oldest = &s->slots[0];
        for (size_t i = 1; i < s->running; i++)
            if (s->slots[i].started < oldest->started)
                oldest = &s->slots[i];
        str_add(&text, ": ");
        put_slot(&text, s, oldest, false);
    }
    progress_draw(&s->progress, text.data);
    str_release(&text);
}
