/* A plan cut down to what failed before: see plan_keep_failed. */
#include "core/base/mem.h"
#include "core/base/str.h"
#include "harness/plan/plan.h"

#include <stdlib.h>

void plan_keep_failed(struct plan *p)
{
    bool *kept = mem_zero(p->n + 1, sizeof *kept);
    for (size_t i = p->n; i-- > 0;) { // what a run needs stands before it
        const struct plan_run *r = &p->runs[i];
        if (r->state != PLAN_WANTED)
            continue;
        kept[i] |= str_starts(r->why, "failed before");
        for (int k = 0; k < NEEDS && kept[i]; k++)
            if (r->needs[k] >= 0)
                kept[r->needs[k]] = true;
    }
    for (size_t i = 0; i < p->n; i++) {
        struct plan_run *r = &p->runs[i];
        if (r->state != PLAN_WANTED || kept[i])
            continue;
        r->state = PLAN_DONE;
        r->why = "not asked for: it did not fail";
        p->wanted--;
    }
    free(kept);
}
