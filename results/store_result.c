/* What tables and comparisons read of a run: one statement, hence one state of the file. */
#include "results/store.h"

#include "core/base/mem.h"
#include "core/base/str.h"
#include "results/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One more metric, in the order of (split, name). */
static int add_metric(struct store_result *out, const struct store__metric *m, const char *run,
                      struct str *lines, struct err *e)
{
    if (out->n == STORE_METRICS)
        return err_set(e, ERR_RANGE, "run '%.12s' has more than %d metrics", run, STORE_METRICS);
    store__seal_line(lines, m->split, m->name, m->value);
    snprintf(out->metrics[out->n].split, sizeof out->metrics->split, "%s", m->split);
    snprintf(out->metrics[out->n].name, sizeof out->metrics->name, "%s", m->name);
    out->metrics[out->n++].value = m->value;
    return 0;
}

void store__device(const char *words, char device[STORE_DEVICE])
{
    json_t *all = json_loads(words, 0, NULL);
    const char *said = json_string_value(json_object_get(all, "device"));
    *device = 0;
    if (said)
        snprintf(device, STORE_DEVICE, "%.*s", (int)strcspn(said, ":"), said);
    json_decref(all);
}

static void take_attempt(struct store_result *out, const struct store__attempt *a)
{
    snprintf(out->state, sizeof out->state, "%s", a->state);
    snprintf(out->class_, sizeof out->class_, "%s", a->class_ ? a->class_ : "");
    out->reason = a->reason ? mem_strdup(a->reason) : NULL;
    out->seconds = a->seconds;
    out->revision = a->revision;
    snprintf(out->device, sizeof out->device, "%s", a->device ? a->device : "");
}

static int read_scanned(struct store *s, const char *run, const struct store__attempt *a,
                        struct store_result *out, struct str *lines, char seal[HASH_HEX],
                        struct err *e)
{
    struct store__metric metrics[STORE_METRICS];
    size_t n;
    if (!a)
        return 0;
    take_attempt(out, a);
    memcpy(seal, a->seal, HASH_HEX);
    int rc = store__scanned_metrics(s, a, metrics, &n, e);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_metric(out, &metrics[i], run, lines, e);
    return rc;
}

static int read_file(struct store *s, const char *run, struct store_result *out, struct str *lines,
                     char seal[HASH_HEX], struct err *e)
{
    struct sqlite3_stmt *q;
    int rc = store__query(s, &q, e,
                          "SELECT a.state, a.class, a.reason, " STORE_SECONDS
                          ", a.revision, a.seal, m.split, m.name, m.value, a.runner FROM attempt a "
                          "LEFT JOIN metric m ON m.run = a.run AND m.n = a.n AND a.state = 'done' "
                          "WHERE a.run = ?1 AND a.n = (SELECT n FROM attempt WHERE run = ?1 "
                          "ORDER BY state = 'done' DESC, n DESC LIMIT 1) ORDER BY m.split, m.name",
                          "t", run);
    if (rc < 0)
        return rc;
    while ((rc = store__step(s, q, e)) == 1) {
        if (!*out->state) {
            char device[STORE_DEVICE];
            store__device(store__text(q, 9), device);
            take_attempt(out, &(struct store__attempt){
                                  .state = store__text(q, 0),
                                  .class_ = store__text(q, 1),
                                  .reason = store__null(q, 2) ? NULL : store__text(q, 2),
                                  .seconds = store__real(q, 3),
                                  .revision = store__int(q, 4),
                                  .device = device});
            snprintf(seal, HASH_HEX, "%s", store__text(q, 5));
        }
        if (store__null(q, 6))
            continue;
        const struct store__metric m = {store__text(q, 6), store__text(q, 7), store__real(q, 8)};
        rc = add_metric(out, &m, run, lines, e);
        if (rc < 0) {
            store__end(q);
            return rc;
        }
    }
    return rc;
}

int store_result(struct store *s, const char *run, struct store_result *out, struct err *e)
{
    const struct store__attempt *scanned;
    struct str lines = STR_INIT;
    char want[HASH_HEX] = "", seal[HASH_HEX];
    memset(out, 0, sizeof *out);
    int rc = store__scanned(s, run, &scanned) ? read_scanned(s, run, scanned, out, &lines, want, e)
                                              : read_file(s, run, out, &lines, want, e);
    if (rc == 0 && str_eq(out->state, "done")) {
        store__seal(run, &lines, seal);
        if (!str_eq(seal, want))
            rc = err_set(e, ERR_CORRUPT,
                         "the metrics of run '%.12s' in '%s' do not match their seal: rows were "
                         "changed after they were recorded; 'promptgrid check' tells all, "
                         "'promptgrid repair' keeps what verifies",
                         run, s->path);
    }
    str_release(&lines);
    if (rc < 0)
        store_result_release(out);
    return rc;
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
                      : err_set(e, ERR_CORRUPT,
                                "revision %ld is not in '%s'; 'promptgrid check' tells all",
                                revision, s->path);
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
    int rc = store__details_hold(s, run, e);
    if (rc == 0)
        rc = store__query(s, &q, e,
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
