/*
 * From the bytes a runner sends to a verdict: events in, "done" or a class and a reason out.
 * Memory is bounded: lines by EVENT_LINE_LIMIT, a run by COLLECT_LIMIT.
 */
#ifndef PROMPTGRID_HARNESS_COLLECT_H
#define PROMPTGRID_HARNESS_COLLECT_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/proto/event.h"

#include <jansson.h>
#include <stdbool.h>

enum { COLLECT_LIMIT = 64 << 20 }; // bytes of kept events a run

struct collect {
    struct str line;    // of an event that has not ended yet
    json_t *events;     // array, without progress
    json_t *seen;       // object: what may be said only once, as keys
    size_t fed;         // bytes that came
    size_t bytes;       // text of `events`
    bool done;          // the last event was "done"
    const json_t *fail; // the "fail" event, in `events`; NULL = none
    struct err broken;  // first breach of the protocol; code 0 = none. The runner may be ended.
    long epoch;         // last one; -1 = none
    long step, of;      // last progress
    char unit[16];
};

void collect_init(struct collect *c);
void collect_release(struct collect *c);

/* More bytes; `arg` is the struct collect (the callback of proc.h). */
void collect_feed(void *arg, const char *data, size_t size);

/* After the runner's end, with its status as of waitpid and the artifact it was to make
 * (`kind` "bank" or "prompt" at path `out`; both NULL: none). True: it did its job. False: class_
 * and one line of reason say why not. */
bool collect_verdict(struct collect *c, int status, const char *kind, const char *out,
                     char class_[16], struct str *reason);

/* "base 88.3 new 82.5": the accuracies among the metrics. */
void collect_summary(const struct collect *c, struct str *out);

#endif
