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
    const struct store__attempt *a;
    struct store__attempt read = {0};
    struct sqlite3_stmt *q = NULL;
    memset(out, 0, sizeof *out);
    if (!store__scanned(s, run, &a)) {
        int rc = store__query(s, &q, e,
                              "SELECT a.state, a.class, a.reason, v.git_commit, " STORE_SECONDS
                              ", (SELECT count(*) FROM attempt WHERE run = ?1) FROM attempt a "
                              "JOIN revision v ON v.id = a.revision "
                              "WHERE run = ?1 ORDER BY state = 'done' DESC, n DESC LIMIT 1",
                              "t", run);
        if (rc == 0)
            rc = store__step(s, q, e);
        if (rc != 1)
            return rc;
        read = (struct store__attempt){.state = store__text(q, 0),
                                       .class_ = store__text(q, 1),
                                       .reason = store__null(q, 2) ? NULL : store__text(q, 2),
                                       .commit = store__text(q, 3),
                                       .seconds = store__real(q, 4),
                                       .count = store__int(q, 5)};
        a = &read;
    }
    if (!a)
        return 0;
    snprintf(out->state, sizeof out->state, "%s", a->state);
    snprintf(out->class_, sizeof out->class_, "%s", a->class_ ? a->class_ : "");
    out->reason = a->reason ? mem_strdup(a->reason) : NULL;
    out->attempts = (int)a->count;
    out->seconds = str_eq(a->state, "done") ? a->seconds : 0;
    snprintf(out->commit, sizeof out->commit, "%s", a->commit);
    if (q)
        store__end(q);
    return 0;
}

void store_state_release(struct store_state *state)
{
    free(state->reason);
    memset(state, 0, sizeof *state);
}

int store_log(struct store *s, const char *run, char **log, struct err *e)
{
    struct sqlite3_stmt *q;
    *log = NULL;
    int rc = store__query(s, &q, e,
                          "SELECT log FROM attempt WHERE run = ?1 "
                          "ORDER BY state = 'done' DESC, n DESC LIMIT 1",
                          "t", run);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    if (!store__null(q, 0))
        *log = mem_strdup(store__text(q, 0));
    store__end(q);
    return 0;
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
                         "changed after they were recorded; 'promptgrid check' tells all, "
                         "'promptgrid repair' keeps what verifies",
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
