/* Questions that plan, table and progress ask about one run. `promptgrid show` has store_show.c. */
#include "results/store.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_state(struct store *s, const char *run, struct store_state *out, struct err *e)
{
    struct sqlite3_stmt *q;
    memset(out, 0, sizeof *out);
    int rc = store__query(s, &q, e,
                          "SELECT state, class, reason, attempts, seconds, git_commit, dirty, log "
                          "FROM runs WHERE run = ?1",
                          "t", run);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    snprintf(out->state, sizeof out->state, "%s", store__text(q, 0));
    snprintf(out->class_, sizeof out->class_, "%s", store__text(q, 1));
    out->reason = store__null(q, 2) ? NULL : mem_strdup(store__text(q, 2));
    out->attempts = (int)store__int(q, 3);
    out->seconds = str_eq(out->state, "done") ? store__real(q, 4) : 0;
    snprintf(out->commit, sizeof out->commit, "%s", store__text(q, 5));
    out->dirty = store__int(q, 6) != 0;
    out->log = store__null(q, 7) ? NULL : mem_strdup(store__text(q, 7));
    store__end(q);
    return 0;
}

void store_state_release(struct store_state *state)
{
    free(state->reason);
    free(state->log);
    memset(state, 0, sizeof *state);
}

int store_tried(struct store *s, const char *run, const char *command, struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT 1 FROM attempt WHERE run = ?1 AND command = ?2 "
                          "AND state IN ('done', 'failed', 'cancelled')",
                          "tt", run, command);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1)
        store__end(q);
    return rc;
}

int store_metric(struct store *s, const char *run, const char *split, const char *name,
                 double *value, struct err *e)
{
    // Seal and rows come from one statement, hence from one state of the file.
    struct sqlite3_stmt *q;
    struct str lines = STR_INIT;
    char want[HASH_HEX] = "", seal[HASH_HEX];
    bool done = false, found = false;
    int rc = store__query(s, &q, e,
                          "SELECT a.seal, m.split, m.name, m.value FROM attempt a "
                          "LEFT JOIN metric m ON m.run = a.run AND m.n = a.n "
                          "WHERE a.run = ?1 AND a.n = (SELECT max(n) FROM attempt "
                          "WHERE run = ?1 AND state = 'done') ORDER BY m.split, m.name",
                          "t", run);
    if (rc == 0)
        while ((rc = store__step(s, q, e)) == 1) {
            done = true;
            snprintf(want, sizeof want, "%s", store__text(q, 0));
            if (store__null(q, 1))
                continue;
            store__seal_line(&lines, store__text(q, 1), store__text(q, 2), store__real(q, 3));
            if (str_eq(store__text(q, 1), split) && str_eq(store__text(q, 2), name)) {
                *value = store__real(q, 3);
                found = true;
            }
        }
    if (rc == 0 && done) {
        store__seal(run, &lines, seal);
        if (!str_eq(seal, want))
            rc = err_set(e, ERR_CORRUPT,
                         "the metrics of run '%.12s' in '%s' do not match their seal: rows were "
                         "changed after they were recorded; restore the file from a copy",
                         run, s->path);
    }
    str_release(&lines);
    return rc < 0 ? rc : found;
}

int store_artifact(struct store *s, const char *run, const char *kind, char **path,
                   char sha256[HASH_HEX], struct err *e)
{
    struct sqlite3_stmt *q;
    *path = NULL;
    int rc = store__query(s, &q, e,
                          "SELECT f.path, f.sha256 FROM artifact f "
                          "JOIN attempt a ON a.run = f.run AND a.n = f.n "
                          "WHERE f.run = ?1 AND f.kind = ?2 AND a.state = 'done' "
                          "ORDER BY f.n DESC LIMIT 1",
                          "tt", run, kind);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1) {
        *path = mem_strdup(store__text(q, 0));
        snprintf(sha256, HASH_HEX, "%s", store__text(q, 1));
        store__end(q);
    }
    return rc;
}

int store_expected_usage(struct store *s, const json_t *spec, struct store_usage *out,
                         struct err *e)
{
    static const char alike[] =
        "SELECT max(memory), avg(bytes) FROM runs WHERE state = 'done' AND job IS ?1 "
        "AND dataset IS ?2 AND method IS ?3 AND backbone IS ?4 AND protocol IS ?5 "
        "AND shots IS ?6 AND part IS ?7";
    static const char *const keys[] = {"job",      "dataset", "method", "backbone",
                                       "protocol", "shots",   "part"};
    const json_t *v[sizeof keys / sizeof keys[0]];
    struct sqlite3_stmt *q;
    *out = (struct store_usage){0};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        v[i] = json_object_get(spec, keys[i]);
    int rc = store__query(s, &q, e, alike, "jjjjjjj", v[0], v[1], v[2], v[3], v[4], v[5], v[6]);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1) {
        *out = (struct store_usage){store__real(q, 0), store__real(q, 1)}; // NULL reads as 0
        store__end(q);
    }
    return rc < 0 ? rc : 0;
}

int store_expected_seconds(struct store *s, const json_t *spec, double *seconds, struct err *e)
{
    // Runs that differ in the seed only, or else runs of the same shape of work.
    static const char exact[] = "SELECT avg(u.seconds) FROM run r JOIN runs u ON u.run = r.id "
                                "WHERE r.family = ?1 AND u.state = 'done'";
    static const char alike[] =
        "SELECT avg(seconds) FROM runs WHERE state = 'done' AND job IS ?1 AND dataset IS ?2 "
        "AND method IS ?3 AND protocol IS ?4 AND shots IS ?5 AND part IS ?6";
    struct sqlite3_stmt *q;
    char family[HASH_HEX];
    *seconds = 0;
    store__family(spec, family);
    int rc = store__query(s, &q, e, exact, "t", family);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc == 1 && store__null(q, 0)) {
        store__end(q);
        rc = store__query(s, &q, e, alike, "jjjjjj", json_object_get(spec, "job"),
                          json_object_get(spec, "dataset"), json_object_get(spec, "method"),
                          json_object_get(spec, "protocol"), json_object_get(spec, "shots"),
                          json_object_get(spec, "part"));
        if (rc == 0)
            rc = store__step(s, q, e);
    }
    if (rc == 1) {
        *seconds = store__real(q, 0); // NULL reads as 0
        store__end(q);
    }
    return rc < 0 ? rc : 0;
}
