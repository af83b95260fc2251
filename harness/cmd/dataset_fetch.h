/*
 * The files of a dataset (core/data/origin.h) into its folder: downloaded or found in
 * <folder>/downloads, checked, unpacked or put in place. What a file gives has its name only when
 * it is whole, so what is there is not asked for again, and the same call goes on after any end.
 */
#ifndef PROMPTGRID_HARNESS_DATASET_FETCH_H
#define PROMPTGRID_HARNESS_DATASET_FETCH_H

#include "core/base/opt.h"
#include "core/data/origin.h"

#include <jansson.h>
#include <stdbool.h>

struct dataset_fetch {
    const struct dataset_row *row;
    const struct origin *origin;
    const char *folder;
    const struct opt_list *mirrors; // addresses of folders that are tried first
    bool offline, keep;             // keep: downloads stay
    long patience;                  // seconds
};

enum fetch_state { FETCH_THERE, FETCH_CAME, FETCH_MISSING, FETCH_FAILED, FETCH_STATES };
extern const char *const fetch_states[FETCH_STATES]; // "there", "fetched", "missing", "failed"

struct fetch_result {
    const struct origin_file *file;
    enum fetch_state state;
    char *why; // of failed; NULL
};

/* One result for each thing that a file gives, in the order of the origin's files; *results is
 * yours to release. ERR_BUSY: another process is at it. Other errors are in the results. */
int dataset_fetch(const struct dataset_fetch *f, struct fetch_result **results, size_t *n,
                  struct err *e);
void fetch_results_free(struct fetch_result *results, size_t n);

#endif
