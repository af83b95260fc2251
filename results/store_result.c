/* What tables and comparisons read of a run: one statement, hence one state of the file. */
#include "results/store.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_metric(struct store_result *out, struct sqlite3_stmt *q, const char *run,
                      struct str *lines, struct err *e)
{
    if (store__null(q, 6))
        return 0;
    if (out->n == STORE_METRICS)
        return err_set(e, ERR_RANGE, "run '%.12s' has more than %d metrics", run, STORE_METRICS);
    const char *split = store__text(q, 6), *name = store__text(q, 7);
    store__seal_line(lines, split, name, store__real(q, 8));
    snprintf(out->metrics[out->n].split, sizeof out->metrics->split, "%s", split);
    snprintf(out->metrics[out->n].name, sizeof out->metrics->name, "%s", name);
    out->metrics[out->n++].value = store__real(q, 8);
    return 0;
}

int store_result(struct store *s, const char *run, struct store_result *out, struct err *e)
{
    struct sqlite3_stmt *q;
    struct str lines = STR_INIT;
    char want[HASH_HEX] = "", seal[HASH_HEX];
    memset(out, 0, sizeof *out);
    int rc = store__query(
        s, &q, e,
        "SELECT a.state, a.class, a.reason, (julianday(a.finished) - julianday(a.started)) * 86400,"
        " a.revision, a.seal, m.split, m.name, m.value FROM attempt a "
        "LEFT JOIN metric m ON m.run = a.run AND m.n = a.n AND a.state = 'done' "
        "WHERE a.run = ?1 AND a.n = (SELECT n FROM attempt WHERE run = ?1 "
        "ORDER BY state = 'done' DESC, n DESC LIMIT 1) ORDER BY m.split, m.name",
        "t", run);
    if (rc < 0)
        return rc;
    while ((rc = store__step(s, q, e)) == 1) {
        if (!*out->state) {
            snprintf(out->state, sizeof out->state, "%s", store__text(q, 0));
            snprintf(out->class_, sizeof out->class_, "%s", store__text(q, 1));
            out->reason = store__null(q, 2) ? NULL : mem_strdup(store__text(q, 2));
            out->seconds = store__real(q, 3);
            out->revision = store__int(q, 4);
            snprintf(want, sizeof want, "%s", store__text(q, 5));
        }
        rc = add_metric(out, q, run, &lines, e);
        if (rc < 0) {
            store__end(q);
            break;
        }
    }
    store__seal(run, &lines, seal);
    if (rc == 0 && str_eq(out->state, "done") && !str_eq(seal, want))
        rc = err_set(e, ERR_CORRUPT,
                     "the metrics of run '%.12s' in '%s' do not match their seal: rows were "
                     "changed after they were recorded; restore the file from a copy",
                     run, s->path);
    str_release(&lines);
    if (rc < 0)
        store_result_release(out);
    return rc;
}

int store_snapshot(struct store *s, struct err *e)
{
    return store__exec(s, e, "BEGIN", "");
}

void store_snapshot_end(struct store *s)
{
    struct err unused;
    store__exec(s, &unused, "COMMIT", ""); // nothing was written that could be lost
}

void store_result_release(struct store_result *r)
{
    free(r->reason);
    memset(r, 0, sizeof *r);
}

int store_code(struct store *s, long revision, struct store_code *out, struct err *e)
{
    struct sqlite3_stmt *q;
    memset(out, 0, sizeof *out);
    int rc = store__query(
        s, &q, e, "SELECT git_commit, dirty, diff, runner_sha256 FROM revision WHERE id = ?1", "i",
        revision);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc < 0 ? rc
                      : err_set(e, ERR_CORRUPT, "revision %ld is not in '%s'", revision, s->path);
    char *diff = store__prose(q, 2);
    snprintf(out->commit, sizeof out->commit, "%s", store__text(q, 0));
    out->dirty = store__int(q, 1) != 0;
    if (*diff)
        hash_bytes(out->diff, diff, strlen(diff));
    free(diff);
    snprintf(out->runner, sizeof out->runner, "%s", store__text(q, 3));
    store__end(q);
    return 0;
}

int store_predictions(struct store *s, const char *run, const char *split, int **labels, size_t *n,
                      struct err *e)
{
    struct sqlite3_stmt *q;
    *labels = NULL;
    *n = 0;
    int rc = store__query(s, &q, e,
                          "SELECT p.count, p.labels FROM prediction p "
                          "JOIN attempt a ON a.run = p.run AND a.n = p.n "
                          "WHERE p.run = ?1 AND p.split = ?2 AND a.state = 'done' "
                          "ORDER BY p.n DESC LIMIT 1",
                          "tt", run, split);
    if (rc == 0)
        rc = store__step(s, q, e);
    if (rc != 1)
        return rc;
    size_t size;
    const void *data = store__blob(q, 1, &size);
    json_t *all = store__unpack(data, size, (size_t)store__int(q, 0));
    store__end(q);
    if (!all)
        return err_set(e, ERR_CORRUPT, "the predictions of run '%.12s' in '%s' are damaged", run,
                       s->path);
    *n = json_array_size(all);
    *labels = mem_alloc(*n + 1, sizeof **labels);
    for (size_t i = 0; i < *n; i++)
        (*labels)[i] = (int)json_integer_value(json_array_get(all, i));
    json_decref(all);
    return 1;
}
