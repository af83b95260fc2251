/*
 * What a runner says while it works: one JSON object a line, on a descriptor of its own.
 *
 *   {"event":"start","runner":{version, compiler, ...},"device":"cpu: AMD ...","threads":2,
 *    "determinism":"bitwise",                   the run again, on the same kind of device, gives
 * the same bits; "device": on the same model of GPU only "resumed":12} resumed: epochs that an
 * earlier attempt has done
 *   {"event":"progress","done":12,"of":50,"unit":"epoch"}         at most a few a second
 *   {"event":"epoch","epoch":0,"loss":1.25,"lr":1e-05,"accuracy":64.1,
 *    "singular":[...],"effective_rank":1.9,"nuclear":3.5,"energy":[...], and the same four names
 *    with _change, "base":88.3,"new":71.4}          once per epoch. The context's singular values,
 *    their entropy rank, sum, and the share of squares of the 1, 2, ... largest; those of its
 * change since the start (of class-specific contexts: means over the classes). base, new, test:
 * accuracy on the test images of a part, in the epochs that are probed
 *   {"event":"metric","split":"base","name":"accuracy","value":71.4}   split: test, base, new,
 * train
 *   {"event":"prediction","split":"base","labels":[...]}          one label per test image, in
 * order
 *   {"event":"artifact","kind":"prompt","path":"...","sha256":"..."}      kind: prompt, bank
 *   {"event":"fail","class":"numeric","text":"..."}               class: err_name of the error
 *   {"event":"done"}                                              last line of a run that ended
 * well
 *
 * Numbers are finite: a runner that would have to say NaN fails instead.
 */
#ifndef PROMPTGRID_PROTO_EVENT_H
#define PROMPTGRID_PROTO_EVENT_H

#include "core/base/err.h"

#include <jansson.h>

enum { EVENT_LINE_LIMIT = 4 << 20 }; // bytes; a longer line is refused

/* Where events go: a file descriptor; -1 = nowhere. Set once at start. */
void event_open(int fd);

/* Takes the reference to `event`. A closed reader ends the runner: nobody waits for its work. */
void event_send(json_t *event);

/* One received line -> a checked event (a new reference): known name, every field of its type,
 * numbers finite. ERR_PARSE otherwise. */
int event_parse(json_t **out, const char *line, size_t size, struct err *e);

#endif
