/*
 * Proving a store, and mending what does not hold. store_check only reads; store_mend changes a
 * store that can be read, store_rebuild saves what can be read of one that cannot.
 */
#ifndef PROMPTGRID_RESULTS_STORE_CHECK_H
#define PROMPTGRID_RESULTS_STORE_CHECK_H

#include "results/store.h"

enum store_flaw {
    STORE_FLAW_FILE,   // the database itself; no run
    STORE_FLAW_SPEC,   // the run's spec is not what its id says
    STORE_FLAW_COLUMN, // what a column of the run repeats of its spec is not what the spec says
    STORE_FLAW_SEAL,   // the results of a done attempt do not match their seal
    STORE_FLAW_ROWS,   // results of an attempt that is not done, rows that belong to nothing
};

struct store_check {
    void (*found)(void *arg, enum store_flaw flaw, const char *run, const char *text);
    void *arg;
    size_t runs, sealed; // proven
};

/* Of any version. An error is one of looking; what does not hold goes to `found`. */
int store_check(struct store *s, struct store_check *c, struct err *e);

/* Every run in the order of its id, with the file that its last done attempt made. */
struct store_made {
    const char *run;
    const json_t *spec;
    bool done;
    const char *kind, *path, *sha256; // "" when there is none
};
int store_each(struct store *s, int (*each)(void *arg, const struct store_made *m, struct err *e),
               void *arg, struct err *e);

/* No attempt of the run is done any more: they become 'lost' for this reason, without results. */
int store_lose(struct store *s, const char *run, const char *reason, struct err *e);

/* After a copy to `copy`: columns are written again from the spec, runs whose seal is broken are
 * lost, runs whose spec is not theirs and rows that belong to nothing are removed. */
int store_mend(struct store *s, const char *copy, struct err *e);

/* Rows of the damaged store at `path` that can be read and verify, in a new one; the damaged one is
 * kept as `aside` (with its "-wal" and "-shm"). Nobody may be writing it: ERR_BUSY. */
struct store_rebuilt {
    size_t runs, done; // in the new store
};
int store_rebuild(const char *path, const char *aside, struct store_rebuilt *out, struct err *e);

#endif
