/*
 * What people call a run: "pocket-land rlp rank=2 16 shots seed 3", "pocket-land test images".
 * Of the method's parameters, the protocol and the backbone only what differs within the plan is
 * said.
 */
#ifndef PROMPTGRID_HARNESS_LABEL_H
#define PROMPTGRID_HARNESS_LABEL_H

#include "harness/plan.h"

struct labels {
    json_t *seen; // "key" or "method key" -> its first value, or null once another was seen
};

void labels_init(struct labels *l, const struct plan *p);
void labels_release(struct labels *l);

/* Yours to free(). */
char *labels_text(const struct labels *l, const json_t *spec);

#endif
