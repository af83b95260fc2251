/*
 * Results of others as runs of the store: what a log and its folder say together.
 *
 * The spec of such a run is {version, job: "imported", protocol, backbone, dataset, method: the
 * trainer, params: {config}, shots, seed, source}: what was run, as far as it is known, and nothing
 * about the log, so that the logs of a run's base and new classes meet in it and a log that goes on
 * is the same run. Logs and their hashes are artifacts of its attempts.
 */
#ifndef PROMPTGRID_HARNESS_IMPORTED_H
#define PROMPTGRID_HARNESS_IMPORTED_H

#include "core/base/hash.h"
#include "results/store.h"

#include <jansson.h>

/* One log as a part of a run. */
struct imported_log {
    char *path;                // absolute
    char sha256[HASH_HEX];     // of the file
    json_t *spec;              // of its run; NULL: it could not be told
    const char *split;         // of its metrics: "test", "base", "new"
    double accuracy, macro_f1; // percent; NAN: none
    double seconds;            // 0: unknown
    struct err refused;        // code 0: it can be used
};

/* Read a log; what is wrong with it is in `refused`. `backbone`: of logs that do not say theirs;
 * may be NULL. An error only where the file cannot be read. */
int imported_read(struct imported_log *log, const char *path, const char *backbone, struct err *e);
void imported_release(struct imported_log *log);

#endif
